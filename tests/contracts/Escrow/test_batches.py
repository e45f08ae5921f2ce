"""Batches of 1,000: what a market opens, oracles settle and anybody refunds in one transaction."""

import pytest

from marketplace.protocol.enums import Outcome
from tests.contracts.world import FREE, HOUR, MOST_GAS, USDC, event_of, events_of

MANY = 1_000
MOST_GAS_A_LEASE = {"open": 16_000, "settle": 8_000}
"""Well above what they take: who makes a step of a loop dearer shall notice."""


@pytest.fixture
def thousand(world):
    """A thousand leases of three renters with one provider at 1,000 micro-USDC each, and the opening."""
    ask = world.ask(units=MANY, minimum_charge=0, vcpu_hour_rate=0, gb_hour_rate=0, gfuel_rate=0, egress_gb_rate=0)
    matches = [world.match(world.bid(world.renters[index % 3]), ask, 1_000) for index in range(MANY)]
    opening = world.send_open(*matches)
    return opening, world.leases_of(opening, matches)


def test_a_thousand_leases_are_opened_settled_and_refunded_in_one_call_each(world, thousand, chain):
    opening, leases = thousand
    assert len(leases) == MANY
    assert len(events_of(opening, "LeasesOpened")) == 32
    assert opening.gas_used < MANY * MOST_GAS_A_LEASE["open"] < MOST_GAS
    assert world.provider_account()["covered"] == USDC

    outcomes = (Outcome.PAID, Outcome.FAILED, Outcome.PAID)
    verdicts = [
        world.verdict(lease, outcomes[index % 3], 500 if outcomes[index % 3] == Outcome.PAID else 0)
        for index, lease in enumerate(leases[:700])
    ]
    settling = world.settle(*verdicts)
    assert settling.gas_used < 700 * MOST_GAS_A_LEASE["settle"]
    closed = [word & 2**32 - 1 for word in event_of(settling, "LeasesSettled")["closed"]]
    assert sum(word.bit_count() for word in closed) == 700

    chain.sleep(3 * HOUR)
    for start in (700, 850):
        world.refund(*leases[start : start + 150])
    account = world.provider_account()
    assert (account["openLeases"], account["covered"]) == (0, 0)
    assert (account["settled"], account["failed"], account["expired"]) == (467, 233, 300)
    paid = [sum(1 for index in range(place, 700, 3) if outcomes[index % 3] == Outcome.PAID) for place in range(3)]
    assert [world.renter_account(renter)["free"] for renter in world.renters] == [FREE - 500 * each for each in paid]
