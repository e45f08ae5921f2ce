"""Keys of private jobs on a node and an oracle: they come only from who may give them, and serve for one job."""

from dataclasses import replace
from threading import Event

import pytest

from agent.private import ANNOUNCE_SECONDS, GRANT_SECONDS
from agent.votes import Undecided
from marketplace.client.age import new_identity, recipient_of
from marketplace.client.private import JobKey, make_grant
from marketplace.errors import AgentError
from marketplace.protocol.enums import Verification
from marketplace.protocol.privacy import KeyGrant, KeyOffer
from tests.unit.agent.played_market import AGENT, DOMAIN, ORACLE, OTHER, THIRD, PlayedChain
from tests.unit.agent.private_jobs import (
    JUDGE,
    NODE,
    RENTER,
    SANDBOX,
    STRANGER,
    Clock,
    Market,
    give,
    job,
    node,
    oracle,
    terms_of,
)


@pytest.fixture
def market() -> Market:
    return Market()


@pytest.fixture
def key() -> JobKey:
    return JobKey.new()


# --- the node ---------------------------------------------------------------------------------------------------------


def test_a_node_takes_the_key_that_the_renter_signed_for_it(market, key):
    terms = terms_of(job(key))
    give(market, terms, key)
    assert node(market)(terms) == key
    assert len(market.given) == 1, "where nobody runs the job again, no oracle is given the key"


def test_a_node_waits_for_the_key_and_gives_up_in_time(market, key):
    terms, clock = terms_of(job(key)), Clock()
    with pytest.raises(AgentError, match="has not granted it"):
        node(market, now=clock)(replace(terms, bid=terms.bid.model_copy(update={"deadline": 10**6})))
    assert GRANT_SECONDS < clock.now - 1_000 < GRANT_SECONDS + 10
    clock = Clock()
    soon = terms.bid.model_copy(update={"deadline": 1_000 + terms.bid.duration_seconds + 100})
    with pytest.raises(AgentError):
        node(market, now=clock)(replace(terms, bid=soon))
    assert clock.now < 1_100, "what is left after that would not be enough to run the job"


def test_a_node_that_is_stopped_waits_no_longer(market, key):
    stop = Event()
    stop.set()
    assert node(market)(terms_of(job(key)), stop) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"signer": STRANGER}, "The KeyGrant was not signed by"),
        ({"to": JUDGE}, "another key"),
        ({"key": JobKey.new()}, "which the job names"),
    ],
)
def test_a_key_that_is_not_the_renters_to_this_node_for_this_job_is_not_taken(market, key, changes, reason):
    terms = terms_of(job(key))
    give(market, terms, **{"key": key} | changes)
    with pytest.raises(AgentError, match=reason):
        node(market)(terms)


def test_a_grant_that_the_market_relays_for_another_job_is_not_taken(market, key):
    terms = terms_of(job(key))
    give(market, terms, key, job_id="0x" + "09" * 32)
    market.grants = lambda job_id, holder: market.given
    with pytest.raises(AgentError, match="another job"):
        node(market)(terms)


def test_a_good_grant_counts_whatever_lies_beside_it(market, key):
    terms = terms_of(job(key))
    give(market, terms, key, signer=STRANGER)
    give(market, terms, key)
    assert node(market)(terms) == key


def test_a_renter_that_is_a_contract_signs_as_its_code_says(market, key):
    class Contract(PlayedChain):
        def has_code(self, account):
            return account == RENTER.address

        def is_valid_contract_signature(self, account, digest, signature):
            return (account, signature) == (RENTER.address, "0xc0de")

    terms = terms_of(job(key))
    grant, ciphertext = make_grant(key, terms.bid.struct_hash(), AGENT.address, recipient_of(NODE), 1_000)
    market.post_grant(grant, "0xc0de", ciphertext)
    assert node(market, chain=Contract())(terms) == key
    with pytest.raises(AgentError):
        node(market)(terms)


# --- oracles ----------------------------------------------------------------------------------------------------------


def announce(market: Market, *accounts) -> dict:
    made = {account.address: new_identity() for account in accounts}
    for account in accounts:
        oracle(market, account, made[account.address]).announce()
    return made


def test_the_node_passes_the_key_on_to_the_oracles_that_will_run_the_job_again(market, key):
    terms = terms_of(job(key), Verification.REEXECUTE)
    give(market, terms, key)
    made = announce(market, ORACLE, OTHER)
    assert node(market)(terms) == key
    for account in (ORACLE, OTHER):
        assert oracle(market, account, made[account.address])(terms) == key


def test_a_node_does_not_run_a_job_that_too_few_oracles_could_judge(market, key):
    terms = terms_of(job(key), Verification.REEXECUTE)
    give(market, terms, key)
    announce(market, ORACLE, STRANGER)
    with pytest.raises(AgentError, match="1 of the committee"):
        node(market)(terms)


def test_a_key_that_an_oracle_did_not_sign_is_left_aside(market, key):
    terms = terms_of(job(key), Verification.REEXECUTE)
    give(market, terms, key)
    announce(market, ORACLE, OTHER)
    forged = KeyOffer(oracle=THIRD.address, recipient=recipient_of(NODE), sandbox_digest=SANDBOX, offered_at=9)
    market.post_oracle_key(forged, forged.sign(DOMAIN, STRANGER.key))
    market.keys.append({"offer": {}, "signature": "0x"})
    node(market)(terms)
    assert {one["grant"]["holder"] for one in market.given} == {AGENT.address, ORACLE.address, OTHER.address}


def test_an_oracle_that_announces_what_is_no_key_stops_nobody_elses_verdict(market, key):
    terms = terms_of(job(key), Verification.REEXECUTE)
    give(market, terms, key)
    announce(market, ORACLE, OTHER)
    broken = KeyOffer(oracle=THIRD.address, recipient="age1" + "q" * 58, sandbox_digest=SANDBOX, offered_at=9)
    market.post_oracle_key(broken, broken.sign(DOMAIN, THIRD.key))
    assert node(market)(terms) == key
    assert {one["grant"]["holder"] for one in market.given} == {AGENT.address, ORACLE.address, OTHER.address}


def test_a_node_passes_no_secrets_on_whatever_the_market_let_through(market):
    key = JobKey.new({"TOKEN": b"hush"})
    terms = terms_of(job(key), Verification.REEXECUTE)
    give(market, terms, key)
    announce(market, ORACLE, OTHER)
    with pytest.raises(AgentError, match="secrets"):
        node(market)(terms)
    assert len(market.given) == 1


def test_an_oracle_without_a_key_does_not_decide_yet(market, key):
    terms = terms_of(job(key), Verification.REEXECUTE)
    with pytest.raises(Undecided, match="has granted one"):
        oracle(market)(terms)
    give(market, terms, key, signer=STRANGER, holder=ORACLE.address, to=JUDGE)
    with pytest.raises(Undecided, match="neither by the job's node nor by its renter"):
        oracle(market)(terms)
    give(market, terms, JobKey.new(), signer=AGENT, holder=ORACLE.address, to=JUDGE)
    with pytest.raises(Undecided, match="which the job names"):
        oracle(market)(terms)


def test_an_oracle_says_what_its_key_is_now_and_then(market):
    keys = oracle(market)
    for _ in range(3):
        keys.announce()
    said = [(one["offer"]["recipient"], one["offer"]["sandboxDigest"]) for one in market.keys]
    assert said == [(recipient_of(JUDGE), SANDBOX)]
    keys._now.now += ANNOUNCE_SECONDS
    keys.announce()
    assert len(market.keys) == 2


def test_a_grant_says_nothing_of_the_key_to_who_passes_it_on(market):
    key = JobKey.new({"TOKEN": b"hush"})
    terms = terms_of(job(key))
    give(market, terms, key)
    passed = str(market.given)
    assert key.identity not in passed and b"hush".hex() not in passed
    assert KeyGrant.parse(market.given[0]["grant"]).holder == AGENT.address


@pytest.mark.parametrize("signer", [AGENT, RENTER], ids=["node", "renter"])
def test_an_oracle_takes_the_key_from_either_side_so_that_neither_can_keep_it_back(market, key, signer):
    terms = terms_of(job(key), Verification.REEXECUTE)
    give(market, terms, key, signer=signer, holder=ORACLE.address, to=JUDGE)
    assert oracle(market)(terms) == key


@pytest.mark.parametrize("document", [None, [], {}, {"grant": None}, {"grant": 3, "signature": None}])
def test_what_a_market_shows_in_place_of_a_grant_ends_nobody(market, key, document):
    terms = terms_of(job(key), Verification.REEXECUTE)
    market.given.append(document)
    market.grants = lambda job_id, holder: market.given
    with pytest.raises(Undecided):
        oracle(market)(terms)
    give(market, terms, key)
    market.oracle_keys = lambda: [document]
    with pytest.raises(AgentError, match="0 of the committee"):
        node(market)(terms)
