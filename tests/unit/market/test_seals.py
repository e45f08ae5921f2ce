"""Verdicts are sealed before anybody sees one: what the market takes, shows, and puts down about who fails."""

import pytest
from sqlalchemy import event

from marketplace.errors import ConflictError, InvalidSignature, MalformedMessage, NotFound, WrongSigner
from marketplace.protocol.messages import VerdictSeal
from marketplace.services.seal_verdicts import record_reveal, record_seal
from marketplace.services.settle_batch import claims_of, propose_batches
from marketplace.services.show_lease import show_lease
from marketplace.services.show_oracles import list_reveals
from tests.fakes.world import DOMAIN, ORACLES, OTHER_RULES, World, key
from tests.unit.market.sealing import (
    FIRST,
    FRAUD,
    SECOND,
    THIRD,
    asked,
    close_by_receipt,
    everything_shown,
    job_events,
    wait,
)

STRANGER = key(99)


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


# --- nobody sees what others found ---


def test_no_verdict_is_shown_to_anybody_before_enough_oracles_agree(world, lease_id):
    verdict = world.verdict(lease_id)
    for oracle in ORACLES[:2]:
        world.seal(oracle, verdict)
        assert str(verdict.pay) not in everything_shown(world, lease_id)
    wait(world, 3)
    world.reveal(FIRST, verdict)
    assert str(verdict.pay) not in everything_shown(world, lease_id), "the third may still seal"
    world.reveal(SECOND, verdict)
    propose_batches(world.market)
    assert [int(one["pay"]) for one in show_lease(world.market, lease_id)["verdicts"]] == [verdict.pay] * 2
    told = [one["data"]["oracle"] for one in job_events(world, lease_id) if one["event"] == "verdict"]
    assert sorted(told) == sorted(one.address for one in ORACLES[:2])


def test_a_verdict_that_comes_before_the_seals_are_open_is_refused_and_forgotten(world, lease_id):
    verdict = world.verdict(lease_id)
    world.seal(FIRST, verdict)
    with pytest.raises(ConflictError, match="not open yet"):
        world.reveal(FIRST, verdict)
    with world.market.store.read() as tx:
        assert tx.evidence.verdicts(lease_id) == []
    assert str(verdict.pay) not in everything_shown(world, lease_id)


def test_who_has_sealed_nothing_reveals_nothing(world, lease_id):
    for oracle in ORACLES[:2]:
        world.seal(oracle, world.verdict(lease_id))
    wait(world, 3)
    with pytest.raises(ConflictError, match="sealed no verdict"):
        world.reveal(THIRD, world.verdict(lease_id))


def test_verdicts_that_never_agree_are_shown_once_the_lease_is_over(world, lease_id):
    world.judge(lease_id, ORACLES[:1])
    world.judge(lease_id, ORACLES[1:2], **FRAUD)
    wait(world, 3)
    world.reveal_all()
    propose_batches(world.market)
    assert show_lease(world.market, lease_id)["verdicts"] == []
    close_by_receipt(world, lease_id)
    assert {one["outcome"] for one in show_lease(world.market, lease_id)["verdicts"]} == {"paid", "fraud"}
    assert {one["data"]["outcome"] for one in job_events(world, lease_id) if one["event"] == "verdict"} == {
        "paid",
        "fraud",
    }


# --- when seals are opened ---


def test_seals_are_opened_at_once_when_the_whole_committee_has_sealed(world, lease_id):
    for oracle in ORACLES:
        assert asked(world, FIRST) == []
        world.seal(oracle, world.verdict(lease_id))
    assert [asked(world, oracle) for oracle in ORACLES] == [[lease_id]] * 3
    (document,) = list_reveals(world.market, FIRST.address)["reveals"]
    signed = [VerdictSeal.parse(one["seal"]).recover(DOMAIN, one["sealSignature"]) for one in document["seals"]]
    assert sorted(signed) == sorted(one.address for one in ORACLES)


def test_an_oracle_that_is_gone_holds_nobody_up_for_longer_than_the_window(world, lease_id):
    world.seal(FIRST, world.verdict(lease_id))
    world.seal(SECOND, world.verdict(lease_id))
    wait(world, 2)
    assert asked(world, FIRST) == []
    wait(world, 1)
    assert asked(world, FIRST) == [lease_id]
    world.reveal_all()
    world.sign_batches()
    world.drain()
    assert show_lease(world.market, lease_id)["state"] == "paid"


def test_fewer_seals_than_must_agree_are_never_opened(world, lease_id):
    world.seal(FIRST, world.verdict(lease_id))
    wait(world, 1000)
    assert asked(world, FIRST) == []


def test_what_an_oracle_has_sealed_is_no_claim_of_its_any_more(world, lease_id):
    world.seal(FIRST, world.verdict(lease_id))
    assert claims_of(world.market, FIRST.address) == []
    assert [one.lease_id for one in claims_of(world.market, SECOND.address)] == [lease_id]
    assert show_lease(world.market, lease_id)["state"] == "verifying"
    assert show_lease(world.market, lease_id)["sealedBy"] == [FIRST.address]


# --- what is refused ---


def test_a_seal_counts_once_and_cannot_be_changed(world, lease_id):
    assert world.seal(FIRST, world.verdict(lease_id)) is True
    assert world.seal(FIRST, world.verdict(lease_id)) is False
    with pytest.raises(ConflictError):
        world.seal(FIRST, world.verdict(lease_id, **FRAUD))


def test_seals_and_reveals_are_the_members_own(world, lease_id):
    verdict = world.verdict(lease_id)
    with pytest.raises(WrongSigner):
        world.seal(STRANGER, verdict)
    seal = world.sealed(FIRST, verdict).seal(FIRST.address)
    with pytest.raises(InvalidSignature):
        record_seal(world.market, lease_id, seal, FIRST.address, seal.sign(DOMAIN, STRANGER.key))
    for oracle in ORACLES:
        world.seal(oracle, verdict)
    reveal = world.sealed(FIRST, verdict)
    with pytest.raises(InvalidSignature):
        record_reveal(world.market, lease_id, reveal, FIRST.address, reveal.sign(DOMAIN, SECOND.key))


def test_a_copied_seal_is_worth_nothing(world, lease_id):
    """Who seals another's commitment as its own can never open it: the commitment names who made it."""
    verdict = world.verdict(lease_id)
    copied = world.sealed(FIRST, verdict).seal(FIRST.address)
    world.seal(FIRST, verdict)
    world.seal(SECOND, verdict)
    record_seal(world.market, lease_id, copied, THIRD.address, copied.sign(DOMAIN, THIRD.key))
    for told in (world.sealed(FIRST, verdict), world.sealed(THIRD, verdict)):
        with pytest.raises(ConflictError, match="does not open"):
            record_reveal(world.market, lease_id, told, THIRD.address, told.sign(DOMAIN, THIRD.key))


@pytest.mark.parametrize("change", [{"outcome": 0}, {"outcome": 9}, {"outcome": 2, "pay": 1}, {"pay": 2**63}])
def test_a_verdict_that_cannot_be_is_refused_when_it_is_revealed(world, lease_id, change):
    verdict = world.verdict(lease_id, **change)
    for oracle in ORACLES:
        world.seal(oracle, verdict)
    with pytest.raises(MalformedMessage):
        world.reveal(FIRST, verdict)


def test_leases_are_named_and_have_evidence_and_are_open(world):
    lease_id = world.open_lease()
    seal = VerdictSeal(lease_id=lease_id, commitment="0x" + "77" * 32)
    signature = seal.sign(DOMAIN, FIRST.key)
    with pytest.raises(ConflictError, match="no attestation"):
        record_seal(world.market, lease_id, seal, FIRST.address, signature)
    with pytest.raises(NotFound):
        record_seal(world.market, "0x" + "00" * 32, seal, FIRST.address, signature)
    world.attest(lease_id)
    other = seal.model_copy(update={"lease_id": "0x" + "00" * 32})
    with pytest.raises(MalformedMessage):
        record_seal(world.market, lease_id, other, FIRST.address, other.sign(DOMAIN, FIRST.key))
    close_by_receipt(world, lease_id)
    with pytest.raises(ConflictError, match="closed"):
        record_seal(world.market, lease_id, seal, FIRST.address, signature)


# --- what an oracle is asked for ---


def test_what_an_oracle_is_to_reveal_is_one_question_to_the_database_however_many_leases_are_open(world):
    """It is asked three times a second by every oracle: leases that are not its to reveal must cost nothing."""
    asked_of = []
    event.listen(world.market.store._engine, "before_cursor_execute", lambda *given: asked_of.append(given[2]))
    counts = []
    for open_leases in range(3):
        asked_of.clear()
        assert asked(world, FIRST) == []
        counts.append(len(asked_of))
        if open_leases < 2:
            lease_id = world.open_lease()
            world.attest(lease_id)
    assert len(set(counts)) == 1, counts
    for oracle in ORACLES[:2]:
        world.seal(oracle, world.verdict(lease_id))
    wait(world, 3)
    assert (asked(world, FIRST), asked(world, THIRD)) == ([lease_id], [])
    world.reveal(FIRST, world.verdict(lease_id))
    assert asked(world, FIRST) == []
