"""resign: a member leaves office whatever governance does or omits, and takes its bond along."""

import brownie

from tests.contracts.OracleCommittee.test_contradictions import FAILED, PAID, report
from tests.contracts.world import BOND_DELAY, ORACLE_BOND, PRICE, event_of, reverts_with


def test_a_member_leaves_at_once_and_the_rest_is_the_committee(world):
    member, rest = world.oracles[1], [each for each in world.oracles if each != world.oracles[1]]
    tx = world.committee.resign({"from": member})
    assert event_of(tx, "CommitteeChanged") == {"epoch": 2, "members": tuple(rest), "threshold": 3}
    assert not world.committee.isMember(member)
    world.settle(world.verdict(world.open(), pay=PRICE))


def test_who_has_left_takes_its_whole_bond(world):
    member = world.oracles[0]
    before = world.token.balanceOf(member)
    world.committee.resign({"from": member})
    world.committee.unbond(ORACLE_BOND, {"from": member})
    brownie.chain.sleep(BOND_DELAY + 1)
    world.committee.withdrawBond({"from": member})
    assert world.token.balanceOf(member) - before == ORACLE_BOND


def test_a_member_leaves_a_committee_that_nobody_governs_any_more(world):
    world.govern(world.committee, world.committee.renounceOwnership.encode_input())
    for member in world.oracles:
        world.committee.resign({"from": member})
    assert list(world.committee.members()) == []


def test_below_the_threshold_nothing_is_settled_until_a_new_committee_is_set(world):
    lease = world.open()
    for member in world.oracles[:3]:
        world.committee.resign({"from": member})
    with reverts_with("TooFewSignatures", 2, 3):
        world.settle(world.verdict(lease, pay=PRICE), oracles=world.oracles[3:])
    world.rotate(world.oracles[3:], 2)
    world.settle(world.verdict(lease, pay=PRICE))


def test_nobody_resigns_who_is_no_member(world):
    world.committee.resign({"from": world.oracles[0]})
    for party in (world.oracles[0], world.stranger, world.governor):
        with reverts_with("NotMember", party):
            world.committee.resign({"from": party})


def test_who_has_left_is_still_slashed_for_what_it_signed(world):
    member = world.oracles[1]
    world.committee.resign({"from": member})
    report(world, member, PAID, FAILED)
    assert world.committee.bondOf(member).dict()["active"] == 0
