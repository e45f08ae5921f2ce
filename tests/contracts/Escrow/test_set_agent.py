"""setAgent(…): a provider delegates to a key, and takes it back. What an agent may do stands at `open` and `claim`."""

import pytest

from tests.contracts.world import ZERO_ADDRESS, event_of, reverts_with


def test_a_provider_delegates_and_revokes(world):
    for allowed in (True, False):
        tx = world.escrow.setAgent(world.stranger, allowed, {"from": world.provider})
        assert world.escrow.isAgent(world.provider, world.stranger) is allowed
        assert event_of(tx, "AgentSet") == {"provider": world.provider, "agent": world.stranger, "allowed": allowed}


def test_nobody_is_an_agent_from_the_start(world):
    assert not world.escrow.isAgent(world.provider, world.provider)
    assert not world.escrow.isAgent(world.provider, ZERO_ADDRESS)


def test_a_delegation_is_the_providers_own(world):
    world.escrow.setAgent(world.stranger, True, {"from": world.provider})
    assert not world.escrow.isAgent(world.providers[1], world.stranger)
    assert not world.escrow.isAgent(world.stranger, world.provider)


def test_a_provider_has_as_many_agents_as_it_wants(world):
    for agent in world.candidates:
        world.escrow.setAgent(agent, True, {"from": world.provider})
    world.escrow.setAgent(world.candidates[0], False, {"from": world.provider})
    assert [world.escrow.isAgent(world.provider, agent) for agent in world.candidates] == [False, True, True, True]


@pytest.mark.parametrize("allowed", [True, False])
def test_the_zero_address_is_nobodys_agent(world, allowed):
    with reverts_with("ZeroAddress"):
        world.escrow.setAgent(ZERO_ADDRESS, allowed, {"from": world.provider})
