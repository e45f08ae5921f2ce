"""sendSlashed: what slashed bonds left is the treasury's, and a treasury that the token bars saves no bond."""

import pytest

from tests.contracts.OracleCommittee.test_contradictions import FAILED, PAID, REWARD, bond_of, report
from tests.contracts.world import ORACLE_BOND, event_of, reverts_with

REST = ORACLE_BOND - REWARD


@pytest.fixture
def member(world):
    """A member of the committee."""
    return world.oracles[1]


def test_anybody_sends_the_treasury_what_is_its(world, member):
    report(world, member, PAID, FAILED)
    assert (world.committee.slashed(), world.token.balanceOf(world.treasury)) == (REST, 0)
    tx = world.committee.sendSlashed({"from": world.stranger})
    assert event_of(tx, "SlashedSent") == {"treasury": world.treasury, "amount": REST}
    assert (world.committee.slashed(), world.token.balanceOf(world.treasury)) == (0, REST)


def test_it_is_sent_once(world, member):
    report(world, member, PAID, FAILED)
    world.committee.sendSlashed({"from": world.stranger})
    with reverts_with("BondZeroAmount"):
        world.committee.sendSlashed({"from": world.stranger})


def test_several_bonds_add_up(world):
    for oracle in world.oracles[:2]:
        report(world, oracle, PAID, FAILED)
    world.committee.sendSlashed({"from": world.stranger})
    assert world.token.balanceOf(world.treasury) == 2 * REST


def test_a_barred_treasury_saves_no_bond_and_loses_nothing(world, member):
    world.token.setBlacklisted(world.treasury, True, {"from": world.deployer})
    report(world, member, PAID, FAILED)
    assert bond_of(world, member) == (0, 0)
    with reverts_with("Blacklisted", world.treasury):
        world.committee.sendSlashed({"from": world.stranger})
    world.token.setBlacklisted(world.treasury, False, {"from": world.deployer})
    world.committee.sendSlashed({"from": world.stranger})
    assert world.token.balanceOf(world.treasury) == REST
