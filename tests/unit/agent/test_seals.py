"""What an oracle seals, and when it opens its seal: never where another could still copy what is in it."""

import threading
from dataclasses import replace

import pytest

from marketplace.errors import ConflictError, ServiceUnavailable
from marketplace.protocol.messages import VerdictReveal
from tests.unit.agent.played_market import AGENT, DOMAIN, ORACLE, OTHER, PROVIDER, THIRD, sealed_by
from tests.unit.agent.test_oracle import claim, honest, judge, make_oracle
from tests.unit.agent.test_work import ended

LEASE = "0x" + "11" * 32


@pytest.fixture
def oracle(market, terms, tmp_path):
    """An oracle with one lease to judge."""
    oracle = make_oracle(market, tmp_path)
    claim(market, oracle, terms, honest(terms))
    return oracle


def test_a_seal_shows_nothing_of_the_verdict_and_only_its_secret_opens_it(market, oracle):
    oracle.judge_claims()
    ((seal, _),) = market.sealed.values()
    assert market.verdicts == []
    oracle.reveal_verdicts()
    (verdict,) = market.verdicts
    secret = oracle._journal.secret(LEASE)
    assert VerdictReveal.of(verdict, secret).commitment(ORACLE.address) == seal.commitment
    assert VerdictReveal.of(verdict, "0x" + "00" * 32).commitment(ORACLE.address) != seal.commitment


def test_every_lease_has_a_secret_of_its_own(market, terms, tmp_path):
    oracle = make_oracle(market, tmp_path)
    event = claim(market, oracle, terms, honest(terms))
    other = replace(event, lease_id="0x" + "22" * 32)
    oracle._journal.record_blocks(2, "0x2", [other], [])
    oracle.judge_claims()
    market.claimed = [{"leaseId": other.lease_id}]
    attestation = honest(terms, lease_id=other.lease_id)
    market.evidence |= {"attestation": attestation.to_json(), "signature": attestation.sign(DOMAIN, AGENT.key)}
    oracle.judge_claims()
    assert len({oracle._journal.secret(lease) for lease in (event.lease_id, other.lease_id)}) == 2


def test_what_was_sealed_is_journalled_before_the_seal_leaves(market, oracle, tmp_path):
    """Killed at any point after the seal has left, the next start can open it, and seals nothing else."""

    def die(*given):
        assert oracle._journal.verdict(LEASE) is not None and oracle._journal.secret(LEASE) is not None
        raise ServiceUnavailable("killed here")

    post, market.post_seal = market.post_seal, die
    with pytest.raises(ServiceUnavailable):
        oracle.judge_claims()
    market.post_seal = post
    secret = oracle._journal.secret(LEASE)
    again = make_oracle(market, tmp_path, runner=lambda given, hooks=None: ended(fuel_used=1))
    judge(again)
    assert again._journal.secret(LEASE) == secret and len(market.verdicts) == 1


def test_killed_between_seal_and_reveal_it_reveals_what_it_sealed(market, oracle, tmp_path):
    oracle.judge_claims()
    again = make_oracle(market, tmp_path, runner=lambda given, hooks=None: ended(fuel_used=1))
    again.reveal_verdicts()
    assert [verdict.lease_id for verdict in market.verdicts] == [LEASE]


FORGED = sealed_by(LEASE)(OTHER) | {"sealSignature": sealed_by(LEASE)(PROVIDER)["sealSignature"]}


@pytest.mark.parametrize(
    "seals",
    [
        [],
        [sealed_by(LEASE)(PROVIDER)],
        [sealed_by(LEASE)(ORACLE)],
        [sealed_by("0x" + "22" * 32)(OTHER)],
        [FORGED],
        [{"oracle": OTHER.address, "seal": {}, "sealSignature": "0x"}],
        [sealed_by(LEASE)(OTHER) | {"sealSignature": "0x" + "00" * 65}],
    ],
    ids=["nobody", "a stranger", "itself again", "of another lease", "signed by another", "no seal", "unsigned"],
)
def test_no_verdict_is_revealed_before_enough_members_have_signed_a_seal(market, oracle, seals):
    """Whatever the market says: an oracle counts the signatures itself."""
    oracle.judge_claims()
    market.reveals = lambda account: [{"leaseId": LEASE, "seals": seals}]
    oracle.reveal_verdicts()
    oracle.reveal_verdicts()
    assert market.verdicts == []


def test_the_seal_of_any_other_member_is_enough_where_two_must_agree(market, oracle):
    oracle.judge_claims()
    market.others = [THIRD]
    oracle.reveal_verdicts()
    assert len(market.verdicts) == 1


def test_a_market_that_asks_for_what_was_never_sealed_gets_nothing(market, oracle):
    market.reveals = lambda account: [{"leaseId": LEASE, "seals": [sealed_by(LEASE)(OTHER)]}]
    oracle.reveal_verdicts()
    assert market.verdicts == []


def test_a_reveal_that_came_too_late_keeps_no_other_back(market, oracle):
    oracle.judge_claims()

    def late(*given):
        raise ConflictError("the lease is closed")

    market.post_reveal = late
    oracle.reveal_verdicts()


def test_a_verdict_that_an_older_program_gave_in_the_open_is_sealed_now(market, terms, oracle):
    verdict = oracle.judge(oracle._journal.lease(LEASE))
    with oracle._journal._transaction() as db:
        db.execute("INSERT INTO verdicts VALUES (?, ?, 'sig')", (LEASE, verdict.model_dump_json(by_alias=True)))
    judge(oracle)
    assert market.verdicts == [verdict]


def test_a_long_job_holds_no_reveal_up(market, oracle, terms):
    """Seals of other leases are opened while it runs: who does not reveal in time is put down as withholding."""
    oracle.judge_claims()
    running, finish, stop = threading.Event(), threading.Event(), threading.Event()
    second = replace(oracle._journal.lease(LEASE), lease_id="0x" + "22" * 32)
    oracle._journal.record_blocks(2, "0x2", [second], [])
    market.claimed = [{"leaseId": second.lease_id}]

    def run_long(event):
        running.set()
        finish.wait(20)
        raise ServiceUnavailable("over")

    oracle.judge, oracle.follow = run_long, lambda: None
    market.is_open = False
    thread = threading.Thread(target=oracle.run, args=(stop, 0.01))
    thread.start()
    try:
        assert running.wait(20)
        market.is_open = True
        revealed = threading.Event()
        post = market.post_reveal
        market.post_reveal = lambda *given: (post(*given), revealed.set())
        assert revealed.wait(20), "revealed while the other job was still running"
    finally:
        stop.set()
        finish.set()
        thread.join(20)
    assert [verdict.lease_id for verdict in market.verdicts] == [LEASE]
