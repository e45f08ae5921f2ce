"""Who fails is put down, with what it signed; and who comes late decides nothing that others decided in time."""

from dataclasses import replace

import pytest

from marketplace.domain.seals import FaultKind
from marketplace.errors import ConflictError
from marketplace.protocol.messages import VerdictReveal, VerdictSeal
from marketplace.services.refund_lease import refund_overdue
from marketplace.services.settle_batch import batches_of, propose_batches, sign_batch
from marketplace.services.show_lease import show_lease
from marketplace.services.show_oracles import list_faults, list_members, show_seals
from tests.fakes.world import DOMAIN, ORACLES, OTHER_RULES, World
from tests.unit.market.sealing import (
    FIRST,
    FRAUD,
    SECOND,
    THIRD,
    asked,
    close_by_receipt,
    kinds,
    wait,
)


@pytest.fixture
def world(tmp_path) -> World:
    """A market whose seals wait three seconds for the rest of the committee."""
    return World(tmp_path, OTHER_RULES)


@pytest.fixture
def lease_id(world) -> str:
    """A lease with evidence, for the oracles to judge."""
    lease_id = world.open_lease()
    world.attest(lease_id)
    return lease_id


# --- who fails is put down ---


def test_a_reveal_that_does_not_open_its_seal_is_evidence_that_anybody_can_check(world, lease_id):
    verdict = world.verdict(lease_id)
    for oracle in ORACLES:
        world.seal(oracle, verdict)
    for _ in range(2):
        with pytest.raises(ConflictError, match="does not open"):
            world.reveal(FIRST, verdict, pay=0, outcome=3)
    assert "reveal" not in str(faults_of_first(world)["evidence"]), "others may still seal"
    with world.market.store.read() as tx:
        assert tx.evidence.verdicts(lease_id) == []
    assert world.reveal(FIRST, verdict), "what opens the seal is still its verdict"
    world.reveal(SECOND, verdict)
    propose_batches(world.market)
    fault = faults_of_first(world)
    evidence = fault["evidence"]
    seal, reveal = VerdictSeal.parse(evidence["seal"]), VerdictReveal.parse(evidence["reveal"])
    assert fault["kind"] == "mismatched"
    assert seal.recover(DOMAIN, evidence["sealSignature"]) == FIRST.address
    assert reveal.recover(DOMAIN, evidence["revealSignature"]) == FIRST.address
    assert reveal.commitment(FIRST.address) != seal.commitment and reveal.lease_id == seal.lease_id


def faults_of_first(world) -> dict:
    (fault,) = list_faults(world.market, oracle=FIRST.address, kinds=(), cursor=None, limit=9)["faults"]
    return fault


def test_absent_late_and_withholding_oracles_are_put_down_once_the_time_is_over(world, lease_id):
    world.market = replace(world.market, chain=world.chain, rules=replace(OTHER_RULES, reveal_seconds=20))
    verdict = world.verdict(lease_id)
    world.seal(FIRST, verdict)
    world.seal(SECOND, verdict)
    wait(world, 3)
    world.reveal(FIRST, verdict)
    world.seal(THIRD, verdict)
    wait(world, 19)
    assert kinds(world, lease_id) == {}
    wait(world, 1)
    assert kinds(world, lease_id) == {SECOND.address: "withheld", THIRD.address: "late"}
    assert asked(world, SECOND) == [lease_id], "it may still reveal while the lease is open"
    members = {one["oracle"]: one for one in list_members(world.market)["members"]}
    assert (members[FIRST.address]["sealed"], members[FIRST.address]["revealed"]) == (1, 1)
    assert (members[SECOND.address]["withheld"], members[THIRD.address]["late"]) == (1, 1)
    found = list_faults(world.market, oracle=None, kinds=(FaultKind.LATE,), cursor=None, limit=1)
    assert [one["oracle"] for one in found["faults"]] == [THIRD.address] and found["nextCursor"] is None


def test_a_member_that_never_sealed_is_absent(world, lease_id):
    world.judge(lease_id)
    wait(world, 3)
    world.reveal_all()
    world.sign_batches()
    world.drain()
    wait(world, 60)
    assert kinds(world, lease_id) == {THIRD.address: "absent"}
    assert show_seals(world.market, lease_id)["concludedAt"] is not None


def test_a_lease_that_ends_unjudged_puts_down_who_was_missing(world, lease_id):
    world.seal(FIRST, world.verdict(lease_id))
    wait(world, 4000)
    assert kinds(world, lease_id) == {}
    assert refund_overdue(world.market) == 1
    world.drain()
    wait(world, 1)
    assert kinds(world, lease_id) == {SECOND.address: "absent", THIRD.address: "absent"}


def test_a_lease_that_its_renter_accepts_blames_nobody(world, lease_id):
    close_by_receipt(world, lease_id)
    wait(world, 1)
    assert kinds(world, lease_id) == {} and show_seals(world.market, lease_id)["concludedAt"] is not None


def test_who_reveals_after_the_others_have_settled_withholds_nothing(world, lease_id):
    verdict = world.verdict(lease_id)
    for oracle in ORACLES:
        world.seal(oracle, verdict)
    for oracle in ORACLES[:2]:
        world.reveal(oracle, verdict)
    world.sign_batches()
    world.drain()
    assert show_lease(world.market, lease_id)["state"] == "paid"
    assert world.reveal(THIRD, verdict)
    wait(world, 60)
    assert kinds(world, lease_id) == {}


# --- who comes late ---


def late_third(world, lease_id, **changes) -> None:
    wait(world, 3)
    world.reveal_all()
    world.seal(THIRD, world.verdict(lease_id, **changes))
    world.reveal_all()


def test_a_late_verdict_decides_only_what_those_in_time_do_not(world, lease_id):
    world.judge(lease_id, ORACLES[:1])
    world.judge(lease_id, ORACLES[1:2], **FRAUD)
    late_third(world, lease_id)
    world.sign_batches((FIRST,))
    assert batches_of(world.market, THIRD.address) == [], "those who sealed in time go first"
    world.chain.mine(seconds=10)
    world.sign_batches((FIRST, THIRD))
    world.drain()
    assert show_lease(world.market, lease_id)["state"] == "paid"


def test_a_late_verdict_takes_no_share_from_those_who_agreed_in_time(world, lease_id):
    world.judge(lease_id)
    wait(world, 3)
    world.reveal_all()
    propose_batches(world.market)
    world.seal(THIRD, world.verdict(lease_id))
    world.reveal_all()
    (batch,) = batches_of(world.market, FIRST.address)
    assert batches_of(world.market, THIRD.address) == []
    with pytest.raises(ConflictError, match="in time sign"):
        sign_batch(world.market, batch.digest, THIRD.address, batch.message.sign(DOMAIN, THIRD.key))
    world.sign_batches()
    world.drain()
    assert show_lease(world.market, lease_id)["state"] == "paid"
