"""Amounts at their ends: a lease of one micro-USDC lives through every end, and a fee that rounds to zero is none."""

import pytest

from marketplace.protocol.enums import Outcome
from tests.contracts.world import DAY, FREE, HOUR, STAKED


@pytest.fixture
def penny(world):
    """A lease that locks one micro-USDC."""
    rates = dict.fromkeys(("vcpu_hour_rate", "gb_hour_rate", "gfuel_rate", "egress_gb_rate"), 0)
    return world.open(world.bid(max_price=1), world.ask(minimum_charge=1, **rates), 1)


def balances(world):
    """Renter, provider, treasury, bond: less what they began with."""
    fees = world.escrow.fees(0) + world.escrow.fees(1)
    return world.free(world.renter) - FREE, world.free(world.provider), fees, world.bond()["active"] - STAKED


ENDS = {
    "verdict": (lambda world, lease, chain: world.settle(world.verdict(lease, pay=1)), (-1, 1, 0, 0)),
    "verdict of nothing": (lambda world, lease, chain: world.settle(world.verdict(lease, pay=0)), (0, 0, 0, 0)),
    "fraud": (lambda world, lease, chain: world.settle(world.verdict(lease, Outcome.FRAUD)), (1, 0, 0, -1)),
    "receipt": (lambda world, lease, chain: world.accept(lease, 1), (-1, 1, 0, 0)),
    "refund": (lambda world, lease, chain: (chain.sleep(3 * HOUR), world.refund(lease)), (0, 0, 0, 0)),
    "release": (
        lambda world, lease, chain: (world.claim(lease, 1), world.release(lease, sender=world.renter)),
        (-1, 1, 0, 0),
    ),
    "lost dispute": (
        lambda world, lease, chain: (
            world.claim(lease, 1),
            world.dispute(lease),
            world.settle_claims(world.verdict(lease, pay=1)),
        ),
        (-2, 2, 0, 0),  # a bond of a tenth rounds up to one
    ),
    "undecided dispute": (
        lambda world, lease, chain: (
            world.claim(lease, 1),
            world.dispute(lease),
            chain.sleep(DAY + 1),
            world.expire_dispute(lease),
        ),
        (0, 0, 0, 0),
    ),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_lease_of_one_micro_usdc_ends_as_any_other(world, penny, chain, end):
    call, expected = ENDS[end]
    call(world, penny, chain)
    assert balances(world) == expected
    assert world.provider_account()["openLeases"] == 0
