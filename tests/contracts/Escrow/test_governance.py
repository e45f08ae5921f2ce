"""setFee, setTreasury, setOpeningPaused, ownership: only the timelock, within bounds, and pausing stops only `open`."""

import pytest

from tests.contracts.world import (
    FEE,
    HOUR,
    PRICE,
    ZERO_ADDRESS,
    event_of,
    project,
    reverts_with,
)


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
    assert event_of(tx, "FeeChanged") == {"feeBps": fee_bps}
    world.accept(world.open(), PRICE)
    assert world.escrow.fees(0) == PRICE * fee_bps // 10_000


def test_the_treasury_cannot_be_the_zero_address(world):
    with reverts_with("ZeroAddress"):
        world.govern(world.escrow, world.escrow.setTreasury.encode_input(ZERO_ADDRESS))


def test_the_treasury_changes_for_fees_already_collected(world):
    world.accept(world.open(), PRICE)
    tx = world.govern(world.escrow, world.escrow.setTreasury.encode_input(world.stranger))
    assert event_of(tx, "TreasuryChanged") == {"treasury": world.stranger}
    world.escrow.withdrawFees(0, {"from": world.operator})
    assert world.token.balanceOf(world.stranger) == FEE


def test_opening_is_paused_and_resumed(world):
    tx = world.govern(world.escrow, world.escrow.setOpeningPaused.encode_input(True))
    assert event_of(tx, "OpeningPaused") == {"paused": True}
    with reverts_with("OpeningIsPaused"):
        world.open()
    world.govern(world.escrow, world.escrow.setOpeningPaused.encode_input(False))
    world.open()


def test_invariant_5_pausing_stops_nothing_but_open(world, chain):
    leases = world.open_all(*(world.match() for _ in range(4)), world.match(ask=world.ask(world.providers[1])))
    paid, accepted, overdue, claimed, disputed = leases
    world.claim(claimed)
    world.claim(disputed)
    world.govern(world.escrow, world.escrow.setOpeningPaused.encode_input(True))
    world.settle(world.verdict(paid, pay=PRICE))
    world.accept(accepted, PRICE)
    world.refund(overdue)
    world.release(claimed)
    world.settle_claims(world.verdict(disputed, pay=PRICE))
    world.escrow.cancel(0, 100, {"from": world.renter})
    world.escrow.setAgent(world.stranger, True, {"from": world.provider})
    world.escrow.deposit(1, {"from": world.renter})
    world.escrow.withdraw(world.free(world.renter), {"from": world.renter})
    world.escrow.withdraw(world.free(world.provider), {"from": world.provider})
    world.escrow.withdrawFees(0, {"from": world.stranger})
    world.escrow.creditOracle(world.current_committee().quorum([]), 0, {"from": world.stranger})
    world.stake.stake(1, {"from": world.provider})
    world.stake.unbond(world.bond()["active"], {"from": world.provider})


def test_a_dispute_goes_on_while_opening_is_paused(world, chain):
    lease = world.open(world.bid(deadline=2**40 - 1, valid_until=2**40 - 1))
    world.govern(world.escrow, world.escrow.setOpeningPaused.encode_input(True))
    world.claim(lease)
    world.dispute(lease)
    chain.sleep(25 * HOUR)
    world.expire_dispute(lease)


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


@pytest.mark.parametrize(
    "wrong, error",
    [("stake", "ZeroAddress"), ("treasury", "ZeroAddress"), ("claim", "ZeroAmount"), ("dispute", "ZeroAmount")],
)
def test_an_escrow_without_one_of_its_parts_cannot_be_deployed(world, wrong, error):
    parts = {"stake": world.stake, "committee": world.committee, "treasury": world.treasury, "owner": world.timelock}
    windows = {"claim": HOUR, "dispute": HOUR}
    if wrong in parts:
        parts[wrong] = ZERO_ADDRESS
    else:
        windows[wrong] = 0
    with reverts_with(error):
        world.deployer.deploy(project().Escrow, world.token, *parts.values(), *windows.values())
