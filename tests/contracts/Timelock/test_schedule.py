"""schedule and execute: whatever governance does is announced on chain for the whole delay first."""

import pytest

from tests.contracts.world import NO_PREDECESSOR, TIMELOCK_DELAY, reverts_with, statuses_at

SALT = bytes(32)


def fee_call(world, fee_bps=300):
    """A call that governance might want."""
    return world.escrow.setFee.encode_input(fee_bps)


def announce(world, call, delay=TIMELOCK_DELAY, sender=None, target=None):
    """Schedule a call, by default of the escrow by the governor."""
    return world.timelock.schedule(
        target or world.escrow, 0, call, NO_PREDECESSOR, SALT, delay, {"from": sender or world.governor}
    )


def execute(world, call, target=None):
    """Execute a call that was announced; anybody may."""
    return world.timelock.execute(target or world.escrow, 0, call, NO_PREDECESSOR, SALT, {"from": world.stranger})


@pytest.mark.parametrize("sender", ["deployer", "operator", "treasury", "stranger"])
def test_nobody_but_the_governor_announces(world, sender):
    with reverts_with("AccessControlUnauthorizedAccount", getattr(world, sender), world.timelock.PROPOSER_ROLE()):
        announce(world, fee_call(world), sender=getattr(world, sender))


def test_a_delay_below_the_least_is_refused(world):
    with reverts_with("TimelockInsufficientDelay", TIMELOCK_DELAY - 1, TIMELOCK_DELAY):
        announce(world, fee_call(world), delay=TIMELOCK_DELAY - 1)


def test_what_was_not_announced_cannot_be_executed(world, chain):
    with reverts_with("TimelockUnexpectedOperationState"):
        execute(world, fee_call(world))
    announce(world, fee_call(world, 300))
    chain.sleep(TIMELOCK_DELAY + 1)
    with reverts_with("TimelockUnexpectedOperationState"):
        execute(world, fee_call(world, 301))


def test_an_announced_call_can_be_executed_from_the_second_in_which_the_delay_ends(world):
    call = fee_call(world)
    ready = announce(world, call).timestamp + TIMELOCK_DELAY
    execution = world.timelock.execute.encode_input(world.escrow, 0, call, NO_PREDECESSOR, SALT)
    assert statuses_at([ready - 1, ready], world.timelock, execution, world.stranger) == [0, 1]


def test_what_is_executed_takes_effect_at_once_and_not_before(world, chain):
    announce(world, fee_call(world))
    chain.sleep(TIMELOCK_DELAY + 1)
    chain.mine()
    assert world.escrow.feeBps() == 500
    execute(world, fee_call(world))
    assert world.escrow.feeBps() == 300


def test_a_call_that_its_target_refuses_can_be_executed_later(world, chain):
    call = world.committee.setCommittee.encode_input([world.candidates[0]], 1)
    announce(world, call, target=world.committee)
    chain.sleep(TIMELOCK_DELAY + 1)
    with reverts_with("BondTooSmall", world.candidates[0], 0, ...):
        execute(world, call, target=world.committee)
    minimum = world.committee.minimumBond()
    world.committee.bondFor(world.candidates[0], minimum, {"from": world.candidates[0]})
    execute(world, call, target=world.committee)
    assert list(world.committee.members()) == [world.candidates[0]]


def test_an_announced_call_is_executed_once(world, chain):
    announce(world, fee_call(world))
    chain.sleep(TIMELOCK_DELAY + 1)
    execute(world, fee_call(world))
    with reverts_with("TimelockUnexpectedOperationState"):
        execute(world, fee_call(world))


def test_an_announced_call_can_be_called_off_by_the_governor_alone(world, chain):
    operation = announce(world, fee_call(world)).events["CallScheduled"]["id"]
    with reverts_with("AccessControlUnauthorizedAccount"):
        world.timelock.cancel(operation, {"from": world.stranger})
    world.timelock.cancel(operation, {"from": world.governor})
    chain.sleep(TIMELOCK_DELAY + 1)
    with reverts_with("TimelockUnexpectedOperationState"):
        execute(world, fee_call(world))


def test_nobody_changes_the_delay_directly(world):
    with reverts_with("TimelockUnauthorizedCaller", world.governor):
        world.timelock.updateDelay(0, {"from": world.governor})


def test_the_delay_never_falls_below_its_floor_even_by_the_timelocks_own_will(world):
    world.govern(world.timelock, world.timelock.updateDelay.encode_input(0))
    assert world.timelock.getMinDelay() == world.timelock.floor() == TIMELOCK_DELAY
    with reverts_with("TimelockInsufficientDelay", 0, TIMELOCK_DELAY):
        announce(world, fee_call(world), delay=0)


def test_the_delay_can_be_made_longer_and_short_again(world):
    world.govern(world.timelock, world.timelock.updateDelay.encode_input(2 * TIMELOCK_DELAY))
    assert world.timelock.getMinDelay() == 2 * TIMELOCK_DELAY


def test_there_is_no_admin_but_the_timelock_itself(world):
    admin = world.timelock.DEFAULT_ADMIN_ROLE()
    assert world.timelock.hasRole(admin, world.timelock)
    assert not any(world.timelock.hasRole(admin, party) for party in (world.deployer, world.governor))
