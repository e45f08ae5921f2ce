"""open(…): asks signed by agents: delegated, revoked, never, for another."""

from marketplace.protocol.enums import SkipReason
from tests.contracts.world import reverts_with


def signed_by_agent(world):
    """A match whose ask the agent that it names signed."""
    return world.match(signers=(world.renter, world.stranger))


def test_a_delegated_agent_prices_its_node(world):
    world.escrow.setAgent(world.stranger, True, {"from": world.provider})
    assert world.open_all(signed_by_agent(world))[0].terms.provider == world.provider


def test_an_agent_that_is_not_delegated_prices_nothing(world):
    with reverts_with("NothingOpened", SkipReason.ASK_SIGNATURE):
        world.send_open(signed_by_agent(world))


def test_an_agent_that_was_revoked_prices_nothing_any_more(world):
    match = signed_by_agent(world)
    world.escrow.setAgent(world.stranger, True, {"from": world.provider})
    world.escrow.setAgent(world.stranger, False, {"from": world.provider})
    with reverts_with("NothingOpened", SkipReason.ASK_SIGNATURE):
        world.send_open(match)


def test_a_delegated_agent_signs_only_asks_that_name_it(world):
    world.escrow.setAgent(world.stranger, True, {"from": world.provider})
    ask = world.ask(agent=world.candidates[0].address)
    with reverts_with("NothingOpened", SkipReason.ASK_SIGNATURE):
        world.send_open(world.match(ask=ask, signers=(world.renter, world.stranger)))


def test_the_agent_of_another_provider_signs_nothing(world):
    world.escrow.setAgent(world.stranger, True, {"from": world.providers[1]})
    with reverts_with("NothingOpened", SkipReason.ASK_SIGNATURE):
        world.send_open(signed_by_agent(world))


def test_an_agent_signs_no_bids(world):
    world.escrow.setAgent(world.stranger, True, {"from": world.renter})
    with reverts_with("NothingOpened", SkipReason.BID_SIGNATURE):
        world.send_open(world.match(signers=(world.stranger, world.provider)))


def test_the_provider_itself_still_signs_asks_that_name_an_agent(world):
    world.escrow.setAgent(world.stranger, True, {"from": world.provider})
    assert world.open_all(world.match())
