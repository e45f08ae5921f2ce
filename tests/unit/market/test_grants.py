"""Keys of private jobs as the market passes them on: from whom to whom, and that nobody can put an old one back."""

import pytest
from sqlmodel import select

from marketplace.adapters.store.tables_evidence import KeyGrantRow
from marketplace.client.age import new_identity, recipient_of
from marketplace.client.private import make_grant, open_grant
from marketplace.client.terms import LeaseTerms
from marketplace.errors import (
    ConflictError,
    ExpiredOrder,
    InvalidSignature,
    MalformedMessage,
    NotFound,
    TooLarge,
    WrongSigner,
)
from marketplace.protocol.enums import Verification
from marketplace.protocol.privacy import KeyGrant, KeyOffer, read_granted
from marketplace.services.clear_round import run_round
from marketplace.services.record_grant import MAX_GRANT_BYTES, list_grants, list_offers, record_grant, record_offer
from marketplace.services.record_heartbeat import CLOCK_SKEW_SECONDS
from marketplace.services.show_job import show_job
from marketplace.services.show_lease import show_terms
from tests.fakes.world import AGENT, DOMAIN, ORACLES, RENTER, World
from tests.unit.market.test_private_jobs import NODE, SANDBOX, STRANGER, PrivateWorld


@pytest.fixture
def world(tmp_path) -> PrivateWorld:
    made = PrivateWorld(tmp_path)
    made.make()
    return made


def test_terms_come_with_the_profile_that_the_ask_names(world):
    terms = LeaseTerms.parse(show_terms(world.market, world.open_lease()))
    assert terms.require_profile().recipient == recipient_of(NODE)
    other = terms.profile.to_json() | {"recipient": recipient_of(new_identity())}
    with pytest.raises(MalformedMessage, match=r"LeaseTerms\.profile"):
        LeaseTerms.parse(terms.to_json() | {"profile": other}).require_profile()
    with pytest.raises(MalformedMessage, match=r"LeaseTerms\.profile: is missing"):
        LeaseTerms.parse(terms.to_json() | {"profile": None}).require_profile()


def test_a_grant_takes_the_place_of_the_one_before_it(world):
    job_id = world.job_of(world.open_lease())
    for _ in range(2):
        world.give(job_id)
    assert len(list_grants(world.market, job_id, None)["grants"]) == 1
    assert [one["event"] for one in show_job(world.market, job_id)["timeline"]].count("grant") == 1
    assert list_grants(world.market, job_id, STRANGER.address)["grants"] == []


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"signer": STRANGER}, InvalidSignature),
        ({"signer": AGENT}, InvalidSignature),
        ({"holder": STRANGER.address}, WrongSigner),
        ({"holder": ORACLES[0].address, "signer": STRANGER}, WrongSigner),
    ],
)
def test_only_the_renter_gives_the_key_to_the_node_and_both_to_oracles(world, changes, error):
    job_id = world.job_of(world.open_lease())
    with pytest.raises(error):
        world.give(job_id, **changes)
    for signer in (AGENT, RENTER):
        world.give(job_id, holder=ORACLES[0].address, signer=signer)
    assert len(list_grants(world.market, job_id, ORACLES[0].address)["grants"]) == 2


def test_no_oracle_gets_the_key_of_a_job_that_none_runs_again(world):
    world.offer()
    job_id = world.submit(world.bid(verification=int(Verification.ACCEPT)))
    run_round(world.market)
    world.drain()
    with pytest.raises(WrongSigner):
        world.give(job_id, holder=ORACLES[0].address, signer=AGENT)


def test_before_a_lease_opens_nobody_is_given_the_key(world):
    world.offer()
    with pytest.raises(WrongSigner):
        world.give(world.submit())


def test_a_grant_that_is_not_what_it_says_is_refused(world, tmp_path):
    job_id = world.job_of(world.open_lease())
    grant, ciphertext = make_grant(world.job_key, job_id, AGENT.address, recipient_of(NODE), world.market.clock.now())
    signature = grant.sign(DOMAIN, RENTER.key)
    with pytest.raises(MalformedMessage, match=r"KeyGrant\.ciphertext"):
        record_grant(world.market, job_id, grant, signature, ciphertext + b"x")
    with pytest.raises(MalformedMessage, match=r"KeyGrant\.jobId"):
        record_grant(world.market, "0x" + "00" * 32, grant, signature, ciphertext)
    with pytest.raises(TooLarge):
        record_grant(world.market, job_id, grant, signature, bytes(MAX_GRANT_BYTES + 1))
    with pytest.raises(NotFound):
        list_grants(world.market, "0x" + "00" * 32, None)
    open_world = World(tmp_path / "open")
    lease_id = open_world.open_lease()
    with open_world.market.store.read() as tx:
        other = tx.leases.get(lease_id).bid_hash
    grant, ciphertext = make_grant(world.job_key, other, AGENT.address, recipient_of(NODE), world.market.clock.now())
    with pytest.raises(ConflictError, match="not private"):
        record_grant(open_world.market, other, grant, grant.sign(DOMAIN, RENTER.key), ciphertext)


def test_the_newest_key_of_an_oracle_counts_by_its_own_signature(world):
    first, second = recipient_of(new_identity()), recipient_of(new_identity())
    for recipient, at in ((second, 8), (first, 7)):
        offer = KeyOffer(oracle=ORACLES[0].address, recipient=recipient, sandbox_digest=SANDBOX, offered_at=at)
        record_offer(world.market, offer, offer.sign(DOMAIN, ORACLES[0].key))
    (told,) = list_offers(world.market)["keys"]
    assert told["offer"]["recipient"] == second
    with pytest.raises(InvalidSignature):
        record_offer(world.market, offer, offer.sign(DOMAIN, STRANGER.key))
    stranger = offer.model_copy(update={"oracle": STRANGER.address})
    with pytest.raises(WrongSigner):
        record_offer(world.market, stranger, stranger.sign(DOMAIN, STRANGER.key))


# --- old ones ---------------------------------------------------------------------------------------------------------


def held(world, job_id, holder) -> KeyGrant:
    (document,) = list_grants(world.market, job_id, holder)["grants"]
    return KeyGrant.parse(document["grant"])


@pytest.mark.parametrize("holder", [AGENT.address, ORACLES[0].address], ids=["node", "oracle"])
def test_an_old_grant_that_is_posted_again_takes_no_newer_ones_place(world, holder):
    """To a key that the holder no longer has: nobody but its signer could put that right, again and again."""
    job_id = world.job_of(world.open_lease())
    renewed = new_identity()
    old = world.give(job_id, holder=holder, ago=5)
    new = world.give(job_id, holder=holder, to=renewed)
    with pytest.raises(ConflictError, match="a newer grant"):
        record_grant(world.market, job_id, *old)
    assert held(world, job_id, holder) == new[0]
    (document,) = list_grants(world.market, job_id, holder)["grants"]
    assert open_grant(new[0], read_granted(document), renewed, world.job.spec.privacy) == world.job_key


def test_of_two_grants_of_one_second_the_same_one_stays_however_often_they_are_posted(world):
    job_id = world.job_of(world.open_lease())
    given = [world.give(job_id) for _ in range(2)]
    for grant in (*given, *reversed(given)):
        record_grant(world.market, job_id, *grant)
        assert held(world, job_id, AGENT.address).ciphertext == max(one[0].ciphertext for one in given)


def test_a_grant_that_is_sent_twice_is_taken_twice(world):
    """As a client does that has not heard the answer."""
    job_id = world.job_of(world.open_lease())
    given = world.give(job_id)
    record_grant(world.market, job_id, *given)
    assert held(world, job_id, AGENT.address) == given[0]


def test_an_older_grant_of_another_signer_is_taken_beside_the_newer_one(world):
    job_id = world.job_of(world.open_lease())
    world.give(job_id, holder=ORACLES[0].address, signer=AGENT)
    world.give(job_id, holder=ORACLES[0].address, signer=RENTER, ago=100)
    assert len(list_grants(world.market, job_id, ORACLES[0].address)["grants"]) == 2


def test_a_grant_from_the_future_is_refused_as_it_would_keep_later_ones_out(world):
    job_id = world.job_of(world.open_lease())
    world.give(job_id, ago=-CLOCK_SKEW_SECONDS)
    with pytest.raises(ExpiredOrder, match="was granted at"):
        world.give(job_id, ago=-CLOCK_SKEW_SECONDS - 1)


def test_a_row_that_was_signed_before_grants_had_a_time_is_left_aside_and_replaced(world):
    job_id = world.job_of(world.open_lease())
    grant, signature, ciphertext = world.give(job_id)
    with world.market.store.write() as tx:
        (row,) = tx.grants._session.exec(select(KeyGrantRow)).all()
        row.grant = {name: value for name, value in row.grant.items() if name != "grantedAt"}
    assert list_grants(world.market, job_id, None)["grants"] == []
    record_grant(world.market, job_id, grant, signature, ciphertext)
    assert held(world, job_id, AGENT.address) == grant
