"""setFee, setTreasury, setOpeningPaused, ownership: only the timelock, within bounds, and pausing stops only `open`."""

import pytest

from marketplace.protocol.enums import Outcome
from tests.contracts.world import HOUR, PRICE, project, reverts_with

ZERO_ADDRESS = "0x" + "00" * 20


@pytest.mark.parametrize("caller", ["deployer", "governor", "operator", "treasury", "stranger"])
@pytest.mark.parametrize(
    "call", ["setFee", "setTreasury", "setOpeningPaused", "transferOwnership", "renounceOwnership"]
)
def test_nobody_but_the_timelock_governs_the_escrow(world, caller, call):
    arguments = {
        "setFee": [0],
        "setTreasury": [world.stranger],
        "setOpeningPaused": [True],
        "transferOwnership": [world.stranger],
        "renounceOwnership": [],
    }[call]
    sender = getattr(world, caller)
    with reverts_with("OwnableUnauthorizedAccount", sender):
        getattr(world.escrow, call)(*arguments, {"from": sender})


def test_the_timelock_owns_escrow_and_committee_from_the_start(world):
    assert world.escrow.owner() == world.committee.owner() == world.timelock.address


def test_a_fee_above_the_cap_is_refused_even_to_the_timelock(world):
    with reverts_with("FeeAboveCap", 1_001, 1_000):
        world.govern(world.escrow, world.escrow.setFee.encode_input(1_001))


@pytest.mark.parametrize("fee_bps", [0, 1, 1_000])
def test_a_fee_within_the_cap_holds_for_new_leases(world, fee_bps):
    tx = world.govern(world.escrow, world.escrow.setFee.encode_input(fee_bps))
    assert dict(tx.events["FeeChanged"]) == {"feeBps": fee_bps}
    world.settle(world.verdict(world.open(), Outcome.PAID, PRICE))
    assert world.escrow.fees() == PRICE * fee_bps // 10_000


def test_the_treasury_cannot_be_the_zero_address(world):
    with reverts_with("ZeroAddress"):
        world.govern(world.escrow, world.escrow.setTreasury.encode_input(ZERO_ADDRESS))


def test_the_treasury_changes_for_fees_already_collected(world):
    world.settle(world.verdict(world.open(), Outcome.PAID, PRICE))
    tx = world.govern(world.escrow, world.escrow.setTreasury.encode_input(world.stranger))
    assert dict(tx.events["TreasuryChanged"]) == {"treasury": world.stranger}
    world.escrow.withdrawFees({"from": world.operator})
    assert world.token.balanceOf(world.stranger) == PRICE * 5 // 100


def test_opening_is_paused_and_resumed(world):
    tx = world.govern(world.escrow, world.escrow.setOpeningPaused.encode_input(True))
    assert dict(tx.events["OpeningPaused"]) == {"paused": True}
    with reverts_with("OpeningIsPaused"):
        world.open()
    world.govern(world.escrow, world.escrow.setOpeningPaused.encode_input(False))
    world.open()


def test_invariant_5_pausing_stops_nothing_but_open(world, chain):
    paid, accepted, overdue = world.open(), world.open(), world.open()
    world.govern(world.escrow, world.escrow.setOpeningPaused.encode_input(True))
    world.settle(world.verdict(paid, Outcome.PAID, PRICE))
    world.accept(accepted, PRICE)
    chain.sleep(3 * HOUR)
    world.escrow.refund([overdue.id], {"from": world.stranger})
    world.escrow.cancel(1, {"from": world.renter})
    world.escrow.deposit(1, {"from": world.renter})
    world.escrow.withdraw(world.escrow.free(world.renter), {"from": world.renter})
    world.escrow.withdraw(world.escrow.free(world.provider), {"from": world.provider})
    world.escrow.withdrawFees({"from": world.stranger})
    world.stake.stake(1, {"from": world.provider})
    world.stake.unbond(world.bond()["active"], {"from": world.provider})


@pytest.mark.parametrize("contract", ["escrow", "committee"])
def test_ownership_moves_in_two_steps(world, contract):
    owned = getattr(world, contract)
    world.govern(owned, owned.transferOwnership.encode_input(world.stranger))
    assert owned.owner() == world.timelock.address
    assert owned.pendingOwner() == world.stranger
    with reverts_with("OwnableUnauthorizedAccount", world.renter):
        owned.acceptOwnership({"from": world.renter})
    owned.acceptOwnership({"from": world.stranger})
    assert owned.owner() == world.stranger


def test_an_escrow_without_a_treasury_cannot_be_deployed(world):
    with reverts_with("ZeroAddress"):
        world.deployer.deploy(
            project().Escrow, world.token, world.stake, world.reputation, world.committee, ZERO_ADDRESS, world.timelock
        )
