"""slash(amount) obeys the escrow alone, and whoever belongs together knows each other."""

import pytest

from marketplace.protocol.enums import Outcome
from tests.contracts.world import FREE, PRICE, STAKED, event_of, reverts_with


@pytest.mark.parametrize("caller", ["deployer", "governor", "operator", "provider", "stranger"])
def test_nobody_but_the_escrow_slashes(world, caller):
    sender = getattr(world, caller)
    with reverts_with("NotEscrow", sender):
        world.stake.slash(1, {"from": sender})


def test_the_escrow_and_its_helpers_know_each_other(world):
    assert world.stake.escrow() == world.reputation.escrow() == world.committee.escrow() == world.escrow.address
    assert world.escrow.stake() == world.reputation.stake() == world.stake.address
    assert world.escrow.committee() == world.committee.address
    assert world.escrow.token() == world.stake.token() == world.committee.token() == world.token.address


def test_a_slashed_penalty_moves_to_the_renters_free_balance(world):
    tx = world.settle(world.verdict(world.open(), Outcome.FRAUD))
    assert event_of(tx, "PenaltiesSent") == {"amount": PRICE}
    assert world.bond()["active"] == STAKED - PRICE
    assert world.free(world.renter) == FREE + PRICE
    assert world.token.balanceOf(world.stake) == 3 * STAKED - PRICE
    assert world.token.balanceOf(world.escrow) == 3 * FREE + PRICE


def test_penalties_of_a_batch_are_sent_at_once(world):
    leases = world.open_all(*(world.match(ask=world.ask(provider)) for provider in world.providers[:2]))
    tx = world.settle(*(world.verdict(lease, Outcome.FRAUD) for lease in leases))
    assert event_of(tx, "PenaltiesSent") == {"amount": 2 * PRICE}
    assert [world.bond(provider)["active"] for provider in world.providers] == [STAKED - PRICE] * 2 + [STAKED]


def test_a_slash_of_the_last_cover_leaves_what_is_unbonding_alone(world):
    lease = world.open()
    world.stake.unbond(STAKED - PRICE, {"from": world.provider})
    world.settle(world.verdict(lease, Outcome.FRAUD))
    assert {name: world.bond()[name] for name in ("active", "locked", "unbonding")} == {
        "active": 0,
        "locked": 0,
        "unbonding": STAKED - PRICE,
    }


def test_a_claimed_lease_can_be_slashed_as_well(world):
    lease = world.open()
    world.claim(lease)
    world.settle_claims(world.verdict(lease, Outcome.FRAUD))
    assert (world.bond()["active"], world.free(world.renter)) == (STAKED - PRICE, FREE + PRICE)
