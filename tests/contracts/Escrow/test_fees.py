"""Fees: a fifth to the oracles that signed, in equal parts; the rest, and what no oracle judged, to the treasury."""

import pytest

from marketplace.protocol.enums import Outcome
from tests.contracts.world import FEE, FREE, HOUR, PRICE, UINT64_MAX, event_of, reverts_anyhow, reverts_with

PURSE = 2**40 - 1
"""The most that a member's purse holds, micro-USDC."""


def purses(world, epoch, count=5):
    """What each member of an epoch has not fetched."""
    return [world.escrow.oracleCredit(epoch, index) for index in range(count)]


def test_a_fifth_of_the_fee_goes_to_the_oracles_that_signed(world):
    world.settle(world.verdict(world.open(), pay=PRICE), oracles=[world.oracles[index] for index in (0, 2, 4)])
    each = FEE // 5 // 3
    assert purses(world, 1) == [each, 0, each, 0, each]
    assert world.escrow.fees(1) == FEE - 3 * each


@pytest.mark.parametrize("signers", [3, 4, 5])
def test_more_signers_share_the_same_fifth(world, signers):
    world.settle(world.verdict(world.open(), pay=PRICE), oracles=world.oracles[:signers])
    each = FEE // 5 // signers
    assert purses(world, 1) == [each] * signers + [0] * (5 - signers)
    assert world.escrow.fees(1) + sum(purses(world, 1)) == FEE


@pytest.mark.parametrize("pay, fee", [(19, 0), (20, 1), (300, 15), (280, 14)])
def test_what_does_not_divide_is_the_treasurys(world, pay, fee):
    world.settle(world.verdict(world.open(), pay=pay))
    each = fee * 2_000 // 10_000 // 3
    assert purses(world, 1) == [each] * 3 + [0] * 2
    assert world.escrow.fees(1) == fee - 3 * each


def test_fees_of_a_batch_are_added_up_before_they_are_shared(world):
    leases = world.open_all(*(world.match() for _ in range(3)))
    world.settle(*(world.verdict(lease, pay=100) for lease in leases))
    assert (purses(world, 1)[0], world.escrow.fees(1)) == (1, 12)


def test_a_batch_without_pay_shares_nothing(world):
    world.settle(world.verdict(world.open(), Outcome.FAILED))
    assert (purses(world, 1), world.escrow.fees(1)) == ([0] * 5, 0)


@pytest.mark.parametrize("end", ["receipt", "release"])
def test_what_no_oracle_judged_is_all_the_treasurys(world, end):
    lease = world.open()
    if end == "receipt":
        world.accept(lease, PRICE)
    else:
        world.claim(lease)
        world.release(lease, sender=world.renter)
    assert (world.escrow.fees(0), world.escrow.fees(1), purses(world, 1)) == (FEE, 0, [0] * 5)


def test_claims_that_oracles_settle_are_shared_as_well(world):
    lease = world.open()
    world.claim(lease)
    world.settle_claims(world.verdict(lease, pay=PRICE))
    assert purses(world, 1)[:3] == [FEE // 5 // 3] * 3


def test_members_in_every_word_of_purses_get_their_share(world):
    everybody = world.oracles + world.candidates
    committee = world.rotate(everybody, len(everybody))
    world.settle(world.verdict(world.open(), pay=PRICE))
    each = FEE // 5 // 9
    assert purses(world, committee.epoch, 9) == [each] * 9
    assert world.escrow.fees(committee.epoch) == FEE - 9 * each
    assert world.escrow.fees(1) == 0


@pytest.mark.parametrize("signers", [(5, 6, 7), (4, 5, 8), (0, 6, 8)])
def test_a_member_beyond_the_first_word_is_credited_where_it_is_read(world, signers):
    committee = world.rotate(world.oracles + world.candidates, 3)
    oracles = [committee.members[index] for index in signers]
    world.settle(world.verdict(world.open(), pay=PRICE), oracles=oracles)
    each = FEE // 5 // 3
    assert purses(world, committee.epoch, 9) == [each if index in signers else 0 for index in range(9)]


def rich(world, amount):
    """Renter and provider get enough for leases of this price."""
    for party in (world.renter, world.provider):
        world.token.mint(party, 2 * amount, {"from": world.deployer})
    world.escrow.deposit(2 * amount, {"from": world.renter})
    world.stake.stake(amount, {"from": world.provider})


@pytest.mark.parametrize("index", range(9))
def test_every_members_purse_holds_as_much(world, index):
    price = PURSE * 100
    rich(world, price)
    committee = world.rotate(world.oracles + world.candidates, 1)
    lease = world.open(world.bid(max_price=UINT64_MAX), price=price)
    world.settle(world.verdict(lease, pay=price), oracles=[committee.members[index]])
    assert purses(world, committee.epoch, 9) == [PURSE if each == index else 0 for each in range(9)]


def test_what_a_full_purse_cannot_hold_is_the_treasurys_and_blocks_nothing(world):
    price = PURSE * 100
    rich(world, price)
    committee = world.rotate([world.oracles[0]], 1)
    bid = {"max_price": UINT64_MAX}
    for pay in (price, price):
        world.settle(world.verdict(world.open(world.bid(**bid), price=price), pay=pay))
    # Each fee is 5% of the price; a fifth of it, 1% of the price, is one purse.
    assert purses(world, committee.epoch, 1) == [PURSE]
    assert world.escrow.fees(committee.epoch) == 9 * PURSE


# --- fetching ----------------------------------------------------------------------------------------------------


@pytest.fixture
def settled(world):
    """The committee after it earned something."""
    world.settle(world.verdict(world.open(), pay=PRICE))
    return world.current_committee()


def test_a_members_purse_becomes_free_balance_whoever_calls(world, settled):
    each = FEE // 5 // 3
    tx = world.escrow.creditOracle(settled.quorum([]), 1, {"from": world.stranger})
    assert event_of(tx, "OracleFeeCredited") == {"member": world.oracles[1], "epoch": 1, "amount": each}
    assert purses(world, 1)[:3] == [each, 0, each]
    world.escrow.withdraw(each, {"from": world.oracles[1]})
    assert world.free(world.oracles[1]) == 0


def test_a_purse_is_emptied_once(world, settled):
    world.escrow.creditOracle(settled.quorum([]), 1, {"from": world.stranger})
    with reverts_with("ZeroAmount"):
        world.escrow.creditOracle(settled.quorum([]), 1, {"from": world.stranger})


def test_a_retired_member_fetches_what_it_earned(world, settled):
    world.rotate(world.candidates, 3)
    world.escrow.creditOracle(settled.quorum([]), 0, {"from": world.stranger})
    assert world.free(world.oracles[0]) == FEE // 5 // 3


def test_nobody_fetches_as_another_committee(world, settled):
    world.rotate(world.candidates, 3)
    later = world.current_committee()
    for wrong in [(1, 3, list(later.members), 0), (2, 3, list(settled.members), 0), (3, 3, list(later.members), 0)]:
        with reverts_with("WrongCommittee"):
            world.escrow.creditOracle(wrong, 0, {"from": world.stranger})


def test_fees_of_no_epoch_belong_to_no_member(world):
    world.accept(world.open(), PRICE)
    with reverts_with("WrongCommittee"):
        world.escrow.creditOracle((0, 0, [], 0), 0, {"from": world.stranger})


def test_an_index_beyond_the_members_reverts(world, settled):
    for index in (5, 6, 2**255):
        with reverts_anyhow():
            world.escrow.creditOracle(settled.quorum([]), index, {"from": world.stranger})


def test_the_treasurys_part_goes_to_the_treasury_whoever_calls(world, settled):
    amount = world.escrow.fees(1)
    tx = world.escrow.withdrawFees(1, {"from": world.stranger})
    assert world.token.balanceOf(world.treasury) == amount
    assert event_of(tx, "FeesWithdrawn") == {"treasury": world.treasury, "epoch": 1, "amount": amount}
    assert (world.escrow.fees(1), purses(world, 1)[0]) == (0, FEE // 5 // 3)


@pytest.mark.parametrize("epoch", [0, 1, 2, 2**255])
def test_no_fees_no_withdrawal(world, epoch):
    with reverts_with("ZeroAmount"):
        world.escrow.withdrawFees(epoch, {"from": world.stranger})


def test_each_epoch_is_withdrawn_by_itself(world, settled):
    world.accept(world.open(), PRICE)
    world.escrow.withdrawFees(0, {"from": world.stranger})
    assert world.token.balanceOf(world.treasury) == FEE
    assert world.escrow.fees(1) == FEE - 3 * (FEE // 5 // 3)


def test_a_blacklisted_treasury_blocks_only_the_withdrawal_of_fees(world, settled):
    world.token.setBlacklisted(world.treasury, True, {"from": world.deployer})
    with reverts_with("Blacklisted", world.treasury):
        world.escrow.withdrawFees(1, {"from": world.stranger})
    before = world.escrow.fees(1)
    world.settle(world.verdict(world.open(), pay=PRICE))
    assert world.escrow.fees(1) == 2 * before


def test_refunds_take_no_fee(world, chain):
    lease = world.open()
    chain.sleep(3 * HOUR)
    world.refund(lease)
    assert (world.free(world.renter), world.escrow.fees(0)) == (FREE, 0)
