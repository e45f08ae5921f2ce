"""Earnings: read off the chain's events alone, summed by the hour, the day and the GPU."""

from agent.income import Income, read_incomes, sum_up
from marketplace.domain.chain import BlockRef
from marketplace.protocol.enums import Outcome
from marketplace.protocol.units import SECONDS_PER_HOUR
from tests.unit.agent.test_journal import FakeChain, closed, opened, settled

DAY = 24 * SECONDS_PER_HOUR
NOON = 1_800_014_400
"""2027-01-15T12:00:00Z."""


class TimedChain(FakeChain):
    """A block a minute."""

    def block(self, number):
        found = super().block(number)
        return found and BlockRef(found.number, found.hash, 60 * number)


def income(hours_ago: float, paid: int, outcome=Outcome.PAID) -> Income:
    ended = NOON - round(hours_ago * SECONDS_PER_HOUR)
    return Income("0x1", ended - 60, ended, paid, outcome)


def test_every_end_of_own_leases_is_read_with_its_pay_after_the_fee_and_its_time():
    chain = TimedChain([opened(1), opened(2, provider="other"), opened(3, block=1)], *[[]] * 7, [settled(1, 2)], [])
    chain.blocks[9] = [closed(3, block=10)]
    first, second = read_incomes(chain, "me")
    assert (first.paid, first.opened_at, first.ended_at, first.outcome) == (950, 60, 540, Outcome.PAID)
    assert second.ended_at == 600
    assert read_incomes(chain, "nobody") == []


def test_sum_counts_what_ended_within_the_time_and_hours_from_the_first_lease_on():
    found = sum_up(
        [income(100, 9_000_000), income(9 + 59 / 60, 4_000), income(1, 0, Outcome.FAILED), income(0.5, 6_000)],
        now=NOON, since=NOON - 2 * DAY, gpus=2,
    )  # fmt: skip
    assert (found["earned"], found["hours"]) == ("10000", 10.0)
    assert found["leases"] == {"paid": 2, "failed": 1, "fraud": 0, "refunded": 0}
    assert (found["perHour"], found["perDay"], found["perGpuHour"]) == ("1000", "24000", "500")


def test_days_are_those_of_utc_in_order():
    found = sum_up([income(30, 7), income(1, 5), income(13, 3)], now=NOON, since=0, gpus=0)
    assert found["days"] == [
        {"day": "2027-01-14", "leases": 2, "earned": "10"},
        {"day": "2027-01-15", "leases": 1, "earned": "5"},
    ]
    assert found["perGpuHour"] is None


def test_nothing_is_told_of_an_hour_before_there_was_one():
    assert sum_up([income(0.5, 5)], now=NOON, since=0, gpus=1)["perHour"] is None
    assert sum_up([], now=NOON, since=0, gpus=1)["perHour"] is None
