"""coverUntil(…): what of a balance finished work can count on; and how long the delay may be at all."""

import brownie
import pytest

from tests.contracts.Prepaid.paid import DELAY, PAID_IN
from tests.contracts.world import DAY, HOUR, UINT64_MAX, now, project, reverts_with


@pytest.fixture
def asked(paid, world):
    """When 7 of the renter's micro-USDC can leave, of which it asked an hour ago."""
    tx = paid.contract.requestWithdrawal(7, {"from": world.renter})
    brownie.chain.sleep(HOUR)
    brownie.chain.mine()
    return tx.events["WithdrawalRequested"]["leavesAt"]


def test_all_of_a_balance_covers_until_it_could_be_gone(paid, world):
    brownie.chain.mine()
    cover = paid.contract.coverUntil
    assert cover(world.renter, now() + DELAY - 1) == PAID_IN
    assert cover(world.renter, now() + DELAY) == 0
    assert cover(world.stranger, now()) == 0


def test_what_was_asked_for_covers_until_it_can_leave(paid, world, asked):
    cover = paid.contract.coverUntil
    assert cover(world.renter, asked - 1) == PAID_IN
    assert cover(world.renter, asked) == PAID_IN - 7


def test_what_could_leave_long_ago_covers_nothing(paid, world, asked):
    paid.contract.requestWithdrawal(UINT64_MAX, {"from": world.renter})
    brownie.chain.sleep(DELAY)
    brownie.chain.mine()
    assert paid.contract.coverUntil(world.renter, now()) == 0
    assert paid.balance() == PAID_IN


@pytest.mark.parametrize("delay, fits", [(HOUR - 1, False), (HOUR, True), (30 * DAY, True), (30 * DAY + 1, False)])
def test_the_delay_is_neither_none_nor_for_ever(world, delay, fits):
    if fits:
        contract = world.deployer.deploy(project().Prepaid, world.escrow, delay, world.timelock)
        assert contract.withdrawalDelay() == delay
        return
    with reverts_with("WithdrawalDelayOutOfRange", delay, HOUR, 30 * DAY):
        world.deployer.deploy(project().Prepaid, world.escrow, delay, world.timelock)
