"""settle(…): leases end as a quorum of oracles decided; a verdict that cannot be disturbs no other."""

import dataclasses

import pytest

from marketplace.protocol.enums import Outcome
from marketplace.protocol.metering import compute_split
from tests.contracts.batch import chosen_groups
from tests.contracts.world import (
    FEE,
    FREE,
    HOUR,
    PRICE,
    RESULT,
    STAKED,
    event_of,
    events_of,
    reverts_with,
)

OTHER_RESULT = "0x" + "cd" * 32


def closed_bits(transaction):
    """Group number and bits of what a batch closed."""
    return [(word >> 32, word & 2**32 - 1) for word in event_of(transaction, "LeasesSettled")["closed"]]


# --- outcomes ----------------------------------------------------------------------------------------------------


def test_settle_as_paid_pays_takes_the_fee_and_refunds(world):
    lease = world.open()
    world.settle(world.verdict(lease, Outcome.PAID, 300_000))
    assert world.free(world.provider) == 285_000
    assert world.renter_account()["free"] == FREE - 300_000
    assert world.provider_account() == {
        "earned": 285_000,
        "cover": STAKED,
        "covered": 0,
        "openLeases": 0,
        "askSalt": 0,
        "settled": 1,
        "failed": 0,
        "expired": 0,
        "frauds": 0,
        "withdrawn": 0,
    }
    assert not world.is_open(lease)


def test_settle_as_failed_refunds_everything_without_a_strike(world):
    world.settle(world.verdict(world.open(), Outcome.FAILED))
    assert world.free(world.renter) == FREE
    assert world.free(world.provider) == 0
    assert (world.bond()["active"], world.bond()["locked"]) == (STAKED, 0)
    assert world.record() == {"failed": 1}


def test_settle_as_fraud_refunds_and_slashes_the_price_to_the_renter(world):
    lease = world.open()
    held, bonds = world.token.balanceOf(world.escrow), world.token.balanceOf(world.stake)
    tx = world.settle(world.verdict(lease, Outcome.FRAUD))
    assert world.free(world.renter) == FREE + PRICE
    assert (world.bond()["active"], world.bond()["locked"]) == (STAKED - PRICE, 0)
    assert world.token.balanceOf(world.escrow) == held + PRICE
    assert world.token.balanceOf(world.stake) == bonds - PRICE
    assert world.record() == {"slashed": 1}
    assert event_of(tx, "Slashed") == {
        "leaseId": lease.id,
        "provider": world.provider,
        "renter": world.renter,
        "amount": PRICE,
    }
    assert event_of(tx, "PenaltiesSent") == {"amount": PRICE}
    world.escrow.withdraw(FREE + PRICE, {"from": world.renter})


def test_fraud_costs_the_price_and_no_more(world):
    fraudulent, honest = world.open_all(world.match(), world.match())
    world.settle(world.verdict(fraudulent, Outcome.FRAUD))
    assert (world.bond()["active"], world.bond()["locked"]) == (STAKED - PRICE, PRICE)
    world.settle(world.verdict(honest, Outcome.PAID, PRICE))
    assert world.bond()["active"] == STAKED - PRICE


def test_frauds_of_a_batch_are_slashed_in_one_transfer(world):
    leases = world.open_all(*(world.match(ask=world.ask(provider)) for provider in world.providers))
    tx = world.settle(*(world.verdict(lease, Outcome.FRAUD) for lease in leases))
    assert [event["leaseId"] for event in events_of(tx, "Slashed")] == [lease.id for lease in leases]
    assert event_of(tx, "PenaltiesSent") == {"amount": 3 * PRICE}
    assert world.free(world.renter) == FREE + 3 * PRICE


@pytest.mark.parametrize("pay", [0, 1, 19, 20, 39, 40, 301_999, PRICE - 1, PRICE])
def test_the_fee_rounds_down_in_favour_of_the_provider_and_nothing_is_lost(world, pay):
    world.settle(world.verdict(world.open(), Outcome.PAID, pay))
    split = compute_split(PRICE, pay, 500)
    earned, refund = world.free(world.provider), world.free(world.renter) - (FREE - PRICE)
    shares = [world.escrow.oracleCredit(1, index) for index in range(3)]
    fee = world.escrow.fees(1) + sum(shares)
    assert (earned, fee, refund) == (split.paid, split.fee, split.refund)
    assert fee == pay * 5 // 100
    assert earned + fee + refund == PRICE


def test_the_fee_of_an_open_lease_does_not_follow_governance(world):
    lease = world.open()
    world.govern(world.escrow, world.escrow.setFee.encode_input(1_000))
    world.settle(world.verdict(lease, Outcome.PAID, PRICE))
    assert world.free(world.provider) == PRICE - FEE


def test_settle_after_the_deadline_succeeds_if_nobody_refunded(world, chain):
    lease = world.open()
    chain.sleep(3 * HOUR)
    world.settle(world.verdict(lease, Outcome.PAID, PRICE))
    assert world.record() == {"settled": 1, "volume": PRICE - FEE}


def test_anybody_may_submit_what_the_oracles_signed(world):
    lease = world.open()
    world.send_settle(world.settlement(world.verdict(lease)), sender=world.stranger)
    assert not world.is_open(lease)


def test_pay_is_a_ledger_entry_and_moves_no_tokens(world):
    assert "Transfer" not in world.settle(world.verdict(world.open(), Outcome.PAID, PRICE)).events


# --- batches -----------------------------------------------------------------------------------------------------


def test_a_batch_with_every_outcome_for_several_renters(world):
    parties = zip(world.renters, world.providers, strict=True)
    leases = world.open_all(*(world.match(world.bid(renter), world.ask(provider)) for renter, provider in parties))
    outcomes = [(Outcome.PAID, PRICE), (Outcome.FAILED, 0), (Outcome.FRAUD, 0)]
    world.settle(*(world.verdict(lease, *outcome) for lease, outcome in zip(leases, outcomes, strict=True)))
    assert [world.free(renter) - FREE for renter in world.renters] == [-PRICE, 0, PRICE]


def test_the_event_tells_what_was_signed_and_what_it_closed(world):
    leases = world.open_all(*(world.match() for _ in range(4)))
    verdicts = [
        world.verdict(leases[0], Outcome.PAID, 7),
        world.verdict(leases[1], Outcome.FAILED),
        world.verdict(leases[2], Outcome.FRAUD, 0, OTHER_RESULT),
        world.verdict(leases[3], Outcome.PAID, PRICE),
    ]
    tx = world.settle(*verdicts)
    assert event_of(tx, "LeasesSettled") == {
        "market": world.operator,
        "epoch": 1,
        "signers": 0b111,
        "closed": (1 << 32 | 0b1111,),
        "chosen": (1 << 32 | 0b1111,),
        "outcomes": (7 | 1 << 64 | (2 << 64) << 80 | (3 << 64) << 160, PRICE | 1 << 64),
        "resultDigests": (RESULT, RESULT, OTHER_RESULT, RESULT),
    }


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_outcomes_lie_three_a_word(world, count):
    ask = world.ask(units=count)
    leases = world.open_all(*(world.match(ask=ask) for _ in range(count)))
    settlement = world.settlement(*(world.verdict(lease, pay=lease.place + 1) for lease in leases))
    assert len(settlement.outcomes) == (count + 2) // 3
    world.send_settle(settlement)
    assert world.renter_account()["free"] == FREE - sum(range(count + 1))


def test_a_part_of_a_group_is_settled_and_the_rest_stays_open(world):
    leases = world.open_all(*(world.match() for _ in range(4)))
    tx = world.settle(world.verdict(leases[1]), world.verdict(leases[3]))
    assert closed_bits(tx) == [(1, 0b1010)]
    assert [world.is_open(lease) for lease in leases] == [True, False, True, False]
    tx = world.settle(world.verdict(leases[0]), world.verdict(leases[2]))
    assert closed_bits(tx) == [(1, 0b0101)]


def test_several_groups_are_settled_in_one_call_in_any_order(world):
    first = world.open_all(world.match(), world.match(), first_group=5)
    second = world.open_all(world.match(ask=world.ask(world.providers[1])), first_group=2)
    tx = world.settle(
        world.verdict(first[1], pay=1), world.verdict(second[0], Outcome.FRAUD), world.verdict(first[0], pay=2)
    )
    assert closed_bits(tx) == [(5, 0b11), (2, 0b1)]
    assert world.renter_account()["free"] == FREE - 3 * PRICE + (PRICE - 1) + 2 * PRICE + (PRICE - 2)


def test_groups_of_another_market_need_a_call_of_their_own(world):
    market = world.stranger.address
    there = world.match(world.bid(market=market), world.ask(market=market))
    lease = world.open_all(there, sender=world.stranger)[0]
    wrong = dataclasses.replace(world.settlement(world.verdict(lease)), market=world.operator.address)
    with reverts_with("WrongGroup", world.operator, lease.group.number):
        world.send_settle(wrong)
    world.settle(world.verdict(lease))


def test_leases_of_one_provider_that_do_not_stand_together_add_up(world):
    here, there = world.ask(), world.ask(world.providers[1])
    leases = world.open_all(*(world.match(ask=ask) for ask in (here, there, here, there)))
    world.settle(*(world.verdict(lease, pay=100_000) for lease in leases))
    assert [world.record(provider) for provider in world.providers[:2]] == [{"settled": 2, "volume": 190_000}] * 2


# --- verdicts that count for nothing ---------------------------------------------------------------------------------


def test_what_is_closed_already_is_passed_over(world):
    first, second = world.open_all(world.match(), world.match())
    world.settle(world.verdict(first, Outcome.PAID, 7))
    tx = world.settle(world.verdict(first, Outcome.FRAUD), world.verdict(second, Outcome.PAID, 9))
    assert closed_bits(tx) == [(1, 0b10)]
    assert event_of(tx, "LeasesSettled")["chosen"] == (1 << 32 | 0b11,)
    assert world.renter_account()["free"] == FREE - 16
    assert world.bond()["active"] == STAKED


@pytest.mark.parametrize("first", [Outcome.PAID, Outcome.FAILED, Outcome.FRAUD])
@pytest.mark.parametrize("second", [Outcome.PAID, Outcome.FAILED, Outcome.FRAUD])
def test_invariant_2_a_closed_lease_cannot_be_settled_again(world, first, second):
    lease = world.open()
    world.settle(world.verdict(lease, first))
    with reverts_with("NothingClosed"):
        world.settle(world.verdict(lease, second))


@pytest.mark.parametrize("end", ["accepted", "refunded", "claimed"])
def test_invariant_2_what_ended_otherwise_is_not_settled(world, chain, end):
    lease = world.open()
    if end == "accepted":
        world.accept(lease, PRICE)
    if end == "claimed":
        world.claim(lease)
    if end == "refunded":
        chain.sleep(3 * HOUR)
        world.refund(lease)
    with reverts_with("NothingClosed"):
        world.settle(world.verdict(lease, Outcome.FRAUD))


def test_invariant_2_a_group_twice_in_a_batch_closes_its_leases_once(world):
    lease = world.open()
    verdicts = [world.verdict(lease, Outcome.PAID, 7)] * 2
    settlement = dataclasses.replace(world.settlement(*verdicts), groups=chosen_groups([lease]) * 2)
    tx = world.send_settle(settlement)
    assert closed_bits(tx) == [(1, 1), (1, 0)]
    assert world.renter_account()["free"] == FREE - 7


IMPOSSIBLE = {
    "a pay above the lock": (Outcome.PAID, PRICE + 1),
    "a pay without a result": (Outcome.FAILED, 1),
    "a pay for fraud": (Outcome.FRAUD, 1),
    "no outcome": (0, 0),
    "a pay without an outcome": (0, PRICE),
    "an unknown outcome": (4, 0),
    "the greatest outcome": (255, 0),
    "the greatest pay": (Outcome.PAID, 2**64 - 1),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_a_verdict_that_cannot_be_counts_for_nothing_and_disturbs_no_other(world, what):
    leases = world.open_all(*(world.match() for _ in range(3)))
    bad = world.verdict(leases[1], *IMPOSSIBLE[what])
    tx = world.settle(world.verdict(leases[0], pay=PRICE), bad, world.verdict(leases[2], Outcome.FAILED))
    assert closed_bits(tx) == [(1, 0b101)]
    assert world.is_open(leases[1])
    assert world.renter_account()["free"] == FREE - 2 * PRICE
    assert world.record() == {"settled": 1, "failed": 1, "volume": PRICE - FEE}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_a_verdict_that_cannot_be_alone_reverts(world, what):
    with reverts_with("NothingClosed"):
        world.settle(world.verdict(world.open(), *IMPOSSIBLE[what]))
