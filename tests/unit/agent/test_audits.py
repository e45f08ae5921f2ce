"""An oracle's part in random audits: what it shows when, and when it leaves a job unrun; killed at any point."""

from dataclasses import replace

import pytest

from agent.audits import Audits
from agent.verdict import decide
from marketplace.errors import ServiceUnavailable
from marketplace.protocol.audits import Audit, AuditSeal, AuditShare
from marketplace.protocol.enums import ExitKind, Outcome
from tests.unit.agent.drawing import OWN, RATE, START, audited, scene_of, sealed, share
from tests.unit.agent.played_market import DOMAIN, ORACLE, OTHER, PROVIDER, THIRD, PlayedChain
from tests.unit.agent.test_work import ended, lease_terms, script_spec


@pytest.fixture
def terms(terms):
    return audited(terms)


@pytest.fixture
def scene(market, terms, tmp_path):
    return scene_of(market, terms, tmp_path)


# --- the draw as it should be ---


def test_a_job_that_the_draw_does_not_fall_on_is_not_run_and_paid_as_attested(scene):
    scene.play(scene.third(drawn=False))
    assert scene.runs == 0
    (verdict,) = scene.market.verdicts
    assert verdict == decide(scene.attestation, ended(), scene.terms.bid, scene.terms.ask, scene.terms.price)
    assert verdict.outcome == Outcome.PAID


def test_a_job_that_the_draw_falls_on_is_run(scene):
    scene.play(scene.third(drawn=True))
    assert scene.runs == 1 and len(scene.market.verdicts) == 1


def test_a_lie_that_the_draw_falls_on_is_a_fraud_and_one_that_it_does_not_is_paid(market, terms, tmp_path):
    for drawn, outcome in ((True, Outcome.FRAUD), (False, Outcome.PAID)):
        market.verdicts, market.sealed = [], {}
        (tmp_path / str(drawn)).mkdir()
        scene = scene_of(market, terms, tmp_path / str(drawn), fuel=2 * 10**9)
        scene.play(scene.third(drawn=drawn))
        assert [one.outcome for one in market.verdicts] == [outcome]


def test_a_failure_that_is_not_drawn_is_unpaid_as_attested(market, terms, tmp_path):
    scene = scene_of(market, terms, tmp_path, exit_kind=int(ExitKind.TRAP))
    scene.play(scene.third(drawn=False))
    assert scene.runs == 0
    assert [(one.outcome, one.pay) for one in market.verdicts] == [(Outcome.FAILED, 0)]


@pytest.mark.parametrize("spec_audit", [None, Audit(rate_ppm=1_000_000)])
def test_without_a_rate_and_at_a_rate_of_one_nothing_is_drawn_and_every_job_is_run(market, terms, tmp_path, spec_audit):
    spec = script_spec(audit=spec_audit)
    scene = scene_of(market, replace(terms, job_spec=spec, bid=lease_terms(spec).bid), tmp_path)
    scene.judge()
    assert scene.runs == 1 and not scene.draws.seals and len(market.verdicts) == 1


def test_an_end_that_nobody_can_reproduce_is_not_drawn_about(market, terms, tmp_path):
    scene = scene_of(market, terms, tmp_path, exit_kind=int(ExitKind.TIMEOUT))
    scene.judge()
    assert not scene.draws.seals and [one.outcome for one in market.verdicts] == [Outcome.FAILED]


# --- what is shown, and when ---


def test_no_share_is_shown_before_every_member_has_sealed(scene):
    scene.judge()
    scene.draws.seal(OTHER, scene.draw, share(1))
    scene.judge(3)
    assert ORACLE.address in scene.draws.seals and not scene.draws.shares
    scene.draws.seal(THIRD, scene.draw, share(2))
    scene.judge()
    assert set(scene.draws.shares) == {ORACLE.address}


@pytest.mark.parametrize(
    "forge",
    [
        lambda scene: scene.draws.seal(THIRD, scene.draw, share(2), lease_id="0x" + "22" * 32),
        lambda scene: scene.draws.seal(THIRD, scene.draw, share(2), attestation="0x" + "22" * 32),
        lambda scene: scene.draws.seal(PROVIDER, scene.draw, share(2)),
        lambda scene: scene.draws.seals.update({THIRD.address: {"seal": {}, "sealSignature": "0x"}}),
    ],
    ids=["another lease", "another attestation", "a stranger's", "none at all"],
)
def test_a_seal_that_is_not_of_a_member_about_this_attestation_gets_no_share_and_the_job_is_run(scene, forge):
    scene.judge()
    scene.draws.seal(OTHER, scene.draw, share(1))
    forge(scene)
    scene.judge(2)
    assert not scene.draws.shares and scene.runs == 0
    scene.wait()
    scene.judge()
    assert scene.runs == 1 and len(scene.market.verdicts) == 1


def test_a_market_that_shows_another_seal_in_this_members_name_gets_no_share(scene):
    scene.others_seal(share(2))
    other = AuditSeal(lease_id=scene.event.lease_id, attestation=scene.draw.attestation, commitment=OWN)
    scene.draws.seals[ORACLE.address] = sealed(ORACLE, other)
    scene.judge(2)
    assert not scene.draws.shares


def test_its_share_is_good_for_the_seals_that_it_saw_and_it_shows_no_second(scene):
    """A member with two seals, and a market that shows each of the others another one."""
    first, second = scene.third(drawn=True), scene.third(drawn=False)
    scene.judge()
    scene.others_seal(first)
    scene.judge()
    shown = AuditShare.parse(scene.draws.shares[ORACLE.address]["share"])
    scene.draws.seal(THIRD, scene.draw, second)
    del scene.draws.shares[ORACLE.address]
    scene.judge(2)
    assert not scene.draws.shares
    scene.others_show(second)
    scene.draws.show(ORACLE, scene.draw, OWN)
    scene.judge()
    assert shown.seals != AuditShare.parse(scene.draws.shares[ORACLE.address]["share"]).seals
    scene.wait()
    scene.judge()
    assert scene.runs == 1, "not even by shares that fit the other seals"


# --- killed anywhere ---


def test_the_share_is_journalled_before_its_seal_leaves_and_is_the_same_ever_after(scene):
    def die(*given):
        assert scene.oracle._journal.audit(scene.event.lease_id).share == OWN
        raise ServiceUnavailable("killed here")

    post, scene.market.post_audit_seal = scene.market.post_audit_seal, die
    scene.judge()
    scene.market.post_audit_seal = post
    scene.oracle = scene.started(entropy=lambda count: bytes(count))
    third = scene.third(drawn=False)
    scene.play(third)
    assert AuditShare.parse(scene.draws.shares[ORACLE.address]["share"]).share == OWN
    assert scene.runs == 0 and len(scene.market.verdicts) == 1


def test_killed_between_seal_and_share_it_goes_on_and_waits_no_longer_in_all(scene):
    scene.judge()
    scene.oracle = scene.started(entropy=lambda count: bytes(count))
    scene.others_seal(share(2))
    scene.judge()
    assert AuditShare.parse(scene.draws.shares[ORACLE.address]["share"]).share == OWN
    scene.wait()
    scene.oracle = scene.started()
    scene.judge()
    assert scene.runs == 1


def test_killed_before_its_share_arrives_it_shows_the_same_again(scene):
    def die(*given):
        assert scene.oracle._journal.audit(scene.event.lease_id).seals is not None
        raise ServiceUnavailable("killed here")

    third = scene.third(drawn=False)
    scene.judge()
    scene.others_seal(third)
    post, scene.market.post_audit_share = scene.market.post_audit_share, die
    scene.judge()
    scene.market.post_audit_share = post
    scene.oracle = scene.started()
    scene.others_show(third)
    scene.judge(2)
    assert scene.runs == 0 and len(scene.market.verdicts) == 1


def test_every_lease_has_a_share_of_its_own_unless_told_otherwise(market, terms, tmp_path):
    scene = scene_of(market, terms, tmp_path)
    journal = scene.oracle._journal
    audits = Audits(market, PlayedChain(), DOMAIN, ORACLE, journal, clock=lambda: START)
    for lease in ("0x" + "11" * 32, "0x" + "22" * 32):
        audits.take_part(replace(scene.event, lease_id=lease), terms, scene.attestation)
    notes = [journal.audit(lease).share for lease in ("0x" + "11" * 32, "0x" + "22" * 32)]
    assert len(set(notes)) == 2 and all(len(one) == 66 for one in notes)


def test_while_one_job_runs_draws_about_others_go_on(scene):
    class Busy:
        def done(self):
            return False

    scene.market.claimed[0]["auditRatePpm"] = RATE
    scene.oracle.draw_audits()
    assert not scene.draws.seals, "judging takes part itself"
    scene.oracle._judging = Busy()
    scene.oracle.draw_audits()
    scene.others_seal(share(2))
    scene.oracle.draw_audits()
    assert set(scene.draws.shares) == {ORACLE.address} and scene.runs == 0


def test_what_cannot_be_read_or_has_nothing_to_draw_keeps_no_other_draw_up(scene):
    audits, read = scene.oracle._audits, scene.oracle._read
    unknown, plain = {"leaseId": "0x" + "99" * 32, "auditRatePpm": RATE}, {"leaseId": scene.event.lease_id}
    evidence, scene.market.evidence = scene.market.evidence, None
    audits.take_part_in_all([unknown, plain, plain | {"auditRatePpm": RATE}], read)
    assert not scene.draws.seals
    scene.market.evidence = evidence
    audits.take_part_in_all([unknown, plain], read)
    assert not scene.draws.seals
    audits.take_part_in_all([unknown, plain | {"auditRatePpm": RATE}], read)
    assert set(scene.draws.seals) == {ORACLE.address}
