"""lock, release and slash obey the escrow alone."""

import pytest

from tests.contracts.world import reverts_with


@pytest.mark.parametrize("caller", ["deployer", "governor", "operator", "provider", "stranger"])
@pytest.mark.parametrize("call", ["lock", "release", "slash"])
def test_nobody_but_the_escrow_touches_cover(world, caller, call):
    sender = getattr(world, caller)
    arguments = [world.provider, 1, bytes(32)] if call == "slash" else [world.provider, 1]
    with reverts_with("NotEscrow", sender):
        getattr(world.stake, call)(*arguments, {"from": sender})


def test_the_escrow_and_its_helpers_know_each_other(world):
    assert world.stake.escrow() == world.reputation.escrow() == world.escrow.address
    assert world.escrow.stake() == world.stake.address
    assert world.escrow.reputation() == world.reputation.address
    assert world.escrow.committee() == world.committee.address
    assert world.escrow.token() == world.stake.token() == world.token.address
