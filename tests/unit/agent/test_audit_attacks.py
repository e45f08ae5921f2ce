"""All that makes an oracle run a job that the draw did not fall on, or about which it holds no valid draw."""

import pytest

from agent.audits import WAIT_SECONDS
from marketplace.domain.chain import EventOrigin, LeaseClaimed
from marketplace.errors import ConflictError, MalformedMessage, NotFound, ServiceUnavailable
from marketplace.protocol.audits import AuditSeal
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import Outcome
from tests.unit.agent.drawing import OWN, TEXT, audited, scene_of, share
from tests.unit.agent.played_market import AGENT, DOMAIN, ORACLE, OTHER, THIRD
from tests.unit.agent.test_oracle import honest
from tests.unit.agent.test_work import ended


@pytest.fixture
def terms(terms):
    return audited(terms)


@pytest.fixture
def scene(market, terms, tmp_path):
    return scene_of(market, terms, tmp_path)


def claimed(event) -> LeaseClaimed:
    origin = EventOrigin(2, "0x2", "0x3", 0)
    return LeaseClaimed(origin, event.lease_id, event.renter, event.provider, 7, OWN, 9, 1, 2)


@pytest.mark.parametrize("missing", [OTHER, THIRD])
def test_a_share_that_is_held_back_makes_the_job_run_after_a_bounded_wait(scene, missing):
    third = scene.third(drawn=False)
    scene.judge()
    scene.others_seal(third)
    scene.judge()
    scene.others_show(third)
    del scene.draws.shares[missing.address]
    scene.wait(WAIT_SECONDS - 1)
    scene.judge()
    assert scene.runs == 0 and not scene.market.verdicts
    scene.wait(1)
    scene.judge()
    assert scene.runs == 1


@pytest.mark.parametrize(
    "changes",
    [{"share": share(999)}, {"seals": "0x" + "22" * 32}, {"lease_id": "0x" + "22" * 32}, {"attestation": OWN}],
    ids=["opens another seal", "for other seals", "of another lease", "about another attestation"],
)
def test_a_share_that_is_not_what_was_sealed_here_counts_as_missing(scene, changes):
    third = scene.third(drawn=False)
    scene.judge()
    scene.others_seal(third)
    scene.judge()
    scene.others_show(third)
    scene.draws.show(THIRD, scene.draw, third, **changes)
    scene.judge()
    assert scene.runs == 0 and not scene.market.verdicts
    scene.wait()
    scene.judge()
    assert scene.runs == 1


def test_a_second_attestation_is_run_whatever_is_drawn_about_it(scene):
    """Drawn about the first, the provider attests anew: this member has sealed its one share of the lease."""
    scene.judge()
    second = honest(scene.terms, started_at=5)
    scene.market.evidence |= {"attestation": second.to_json(), "signature": second.sign(DOMAIN, AGENT.key)}
    first, scene.attestation = scene.attestation, second
    scene.others_seal(share(2))
    scene.judge()
    assert scene.runs == 1 and len(scene.market.verdicts) == 1
    assert AuditSeal.parse(scene.draws.seals[ORACLE.address]["seal"]).attestation == first.digest(DOMAIN)
    assert not scene.draws.shares


def test_a_lease_that_is_claimed_on_chain_is_run_even_if_it_was_not_drawn(scene):
    third = scene.third(drawn=False)
    scene.judge()
    scene.others_seal(third)
    scene.judge()
    scene.others_show(third)
    event = scene.event
    claimed = LeaseClaimed(
        EventOrigin(2, "0x2", "0x3", 0), event.lease_id, event.renter, event.provider, 7, OWN, 9, 1, 2
    )
    scene.oracle._journal.record_blocks(2, "0x2", [], [], [claimed])
    scene.judge()
    assert scene.runs == 1


def test_no_draw_is_waited_for_where_the_deadline_is_near(scene):
    scene.now = scene.event.deadline - 2 * scene.terms.bid.duration_seconds
    scene.judge()
    assert scene.runs == 1 and not scene.draws.seals


def test_a_wait_ends_where_the_deadline_comes_near(scene):
    scene.now = scene.event.deadline - 2 * scene.terms.bid.duration_seconds - 5
    scene.judge()
    assert scene.runs == 0
    scene.wait(5)
    scene.judge()
    assert scene.runs == 1


@pytest.mark.parametrize(
    "refusal",
    [NotFound("audit", "0x"), ConflictError("other"), MalformedMessage("x", "y"), ServiceUnavailable("away")],
    ids=lambda error: error.code,
)
def test_whatever_the_market_answers_about_draws_the_job_is_run_in_the_end(scene, refusal):
    scene.draws.refusal = refusal
    scene.judge()
    assert scene.runs == 0
    scene.wait()
    scene.judge()
    assert scene.runs == 1 and len(scene.market.verdicts) == 1


@pytest.mark.parametrize("blobs", [{}, {sha256_digest(TEXT): b"short"}])
def test_a_result_whose_files_are_not_there_is_not_paid_unseen(scene, blobs):
    scene.market.blobs = blobs
    scene.play(scene.third(drawn=False))
    assert scene.runs == 1


def test_more_usage_than_was_reserved_is_run_and_is_a_fraud(market, terms, tmp_path):
    scene = scene_of(market, terms, tmp_path, fuel=10**10 + 1)
    scene.play(scene.third(drawn=False))
    assert [one.outcome for one in market.verdicts] == [Outcome.FRAUD] and scene.runs == 1


@pytest.mark.parametrize("shown", [None, [], "no", {"seals": 3, "shares": None}])
def test_what_is_no_draw_at_all_is_none(scene, shown):
    scene.market.audit = lambda lease_id: shown
    scene.judge()
    scene.wait()
    scene.judge()
    assert scene.runs == 1


def test_a_member_with_another_sandbox_seals_no_share_so_that_the_others_run(market, terms, tmp_path):
    scene = scene_of(market, terms, tmp_path, sandbox_digest="0x" + "00" * 32)
    scene.judge(2)
    audits = scene.oracle._audits
    assert audits.take_part(scene.event, terms, scene.attestation) is None
    assert audits.must_run(scene.event, terms, scene.attestation, ended().manifest)
    assert not scene.draws.seals and scene.runs == 1
