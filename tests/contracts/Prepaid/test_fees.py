"""Fees: the oracles' fifth, the treasury's rest, and what governance may set."""

import pytest

from tests.contracts.Prepaid.paid import PAY_FEE
from tests.contracts.world import event_of, reverts_with

EACH = PAY_FEE // 5 // 3
REST = PAY_FEE - 3 * EACH


@pytest.fixture
def settled(paid, world):
    """The committee after it earned something."""
    paid.settle(paid.job())
    return world.current_committee()


def test_anybody_sends_the_treasurys_fees_to_it(paid, world, settled):
    held = world.token.balanceOf(world.treasury)
    tx = paid.contract.withdrawFees(1, {"from": world.stranger})
    assert event_of(tx, "FeesWithdrawn") == {"treasury": world.treasury, "epoch": 1, "amount": REST}
    assert world.token.balanceOf(world.treasury) == held + REST
    assert paid.is_sound()
    with reverts_with("ZeroAmount"):
        paid.contract.withdrawFees(1, {"from": world.stranger})


def test_the_treasury_is_the_escrows(paid, world, settled):
    world.govern(world.escrow, world.escrow.setTreasury.encode_input(world.stranger))
    paid.contract.withdrawFees(1, {"from": world.operator})
    assert world.token.balanceOf(world.stranger) == REST


def test_a_members_purse_becomes_earnings_once(paid, world, settled):
    tx = paid.contract.creditOracle(settled.quorum([]), 1, {"from": world.stranger})
    assert event_of(tx, "OracleFeeCredited") == {"member": world.oracles[1], "epoch": 1, "amount": EACH}
    account = paid.provider(world.oracles[1])
    assert (account["balance"], account["volume"]) == (EACH, 0)
    paid.contract.withdrawEarned(EACH, {"from": world.oracles[1]})
    assert paid.is_sound()
    with reverts_with("ZeroAmount"):
        paid.contract.creditOracle(settled.quorum([]), 1, {"from": world.stranger})


def test_a_purse_is_its_own_committees(paid, world, settled):
    committee = world.rotate(world.candidates, 3)
    with reverts_with("ZeroAmount"):
        paid.contract.creditOracle(committee.quorum([]), 1, {"from": world.stranger})
    wrong = (1, committee.threshold, list(committee.members), 0)
    with reverts_with("WrongCommittee"):
        paid.contract.creditOracle(wrong, 1, {"from": world.stranger})
    paid.contract.creditOracle(settled.quorum([]), 1, {"from": world.stranger})


def test_governance_sets_the_fee_up_to_its_cap(paid, world):
    world.govern(paid.contract, paid.contract.setFee.encode_input(1_000))
    assert paid.contract.feeBps() == paid.contract.MAX_FEE_BPS() == 1_000
    with reverts_with("FeeAboveCap", 1_001, 1_000):
        world.govern(paid.contract, paid.contract.setFee.encode_input(1_001))


@pytest.mark.parametrize("caller", ["deployer", "governor", "operator"])
def test_nobody_but_the_timelock_sets_the_fee(paid, world, caller):
    with reverts_with("OwnableUnauthorizedAccount"):
        paid.contract.setFee(0, {"from": getattr(world, caller)})
    assert paid.contract.owner() == world.timelock


def test_the_contract_knows_its_escrow(paid, world):
    contract = paid.contract
    assert (contract.escrow(), contract.token()) == (world.escrow, world.token)
    assert (contract.committee(), contract.withdrawalDelay()) == (world.committee, 86_400)
