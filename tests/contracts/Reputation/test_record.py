"""record(provider, entry, volume): one counter for each end of a lease, written by the escrow alone."""

import pytest

from marketplace.protocol.enums import Outcome
from tests.contracts.world import HOUR, PRICE, UINT64_MAX, project, reverts_with


@pytest.mark.parametrize("caller", ["deployer", "governor", "operator", "provider"])
def test_nobody_but_the_escrow_records(world, caller):
    sender = getattr(world, caller)
    with reverts_with("NotRecorder", sender):
        world.reputation.record(world.provider, 0, 1, {"from": sender})


def test_a_provider_without_a_lease_has_an_empty_record(world):
    assert set(world.reputation.recordOf(world.provider).dict().values()) == {0}


def test_every_end_has_its_counter_and_since_is_the_first_of_them(world, chain):
    leases = [world.open() for _ in range(4)]
    first = world.settle(world.verdict(leases[0], Outcome.PAID, PRICE))
    chain.sleep(HOUR)
    world.settle(world.verdict(leases[1], Outcome.FAILED), world.verdict(leases[2], Outcome.FRAUD))
    chain.sleep(3 * HOUR)
    world.escrow.refund([leases[3].id], {"from": world.stranger})
    assert world.record() == {"settled": 1, "failed": 1, "slashed": 1, "expired": 1, "volume": PRICE}
    assert world.reputation.recordOf(world.provider)["since"] == first.timestamp


def test_a_record_is_announced(world):
    tx = world.settle(world.verdict(world.open(), Outcome.PAID, PRICE))
    assert dict(tx.events["Recorded"]) == {"provider": world.provider, "entry": 0, "volume": PRICE}


def test_the_volume_is_gross_and_adds_up(world):
    for pay in (PRICE, 1):
        world.settle(world.verdict(world.open(), Outcome.PAID, pay))
    assert world.record() == {"settled": 2, "volume": PRICE + 1}


def test_a_full_counter_stays_full_instead_of_blocking_a_settlement(world):
    own = world.deployer.deploy(project().Reputation, world.deployer)
    for volume in (UINT64_MAX, 1, UINT64_MAX):
        own.record(world.provider, 0, volume, {"from": world.deployer})
    assert own.recordOf(world.provider)["volume"] == UINT64_MAX
    assert own.recordOf(world.provider)["settled"] == 3
