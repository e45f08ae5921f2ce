"""settleWork(…): what makes a whole batch void."""

import pytest

from tests.contracts.Prepaid.paid import PAID_IN
from tests.contracts.world import DAY, event_of, now, reverts_anyhow, reverts_with

RENTERS, ASKS, BIDS, OUTCOMES, RESULTS, QUORUM, SIGNATURES = 1, 2, 3, 5, 6, 7, 8


@pytest.fixture
def args(paid, world):
    """Good arguments for two jobs of two renters."""
    return paid.work_args([paid.job(), paid.job(paid.bid(world.renters[1]))])


def test_good_arguments_settle(paid, args):
    assert "WorkSkipped" not in paid.send(args).events


def test_an_empty_batch_reverts(paid, args):
    args[BIDS] = []
    with reverts_with("EmptyBatch"):
        paid.send(args)


@pytest.mark.parametrize("count", [0, 2])
def test_outcomes_are_as_many_as_the_jobs_need(paid, args, count):
    args[OUTCOMES] = [args[OUTCOMES][0]] * count
    with reverts_with("ArrayLengths", 1, count):
        paid.send(args)


@pytest.mark.parametrize("order", ["twice", "descending"])
def test_renters_stand_once_and_ascending(paid, args, order):
    low, high = args[RENTERS]
    args[RENTERS] = [low, low] if order == "twice" else [high, low]
    with reverts_with("RentersNotAscending", args[RENTERS][0], args[RENTERS][1]):
        paid.send(args)


def test_an_index_beyond_the_tables_reverts(paid, args):
    args[ASKS] = []
    with reverts_anyhow():
        paid.send(args)


def test_another_result_is_not_what_the_oracles_signed(paid, world, args):
    args[RESULTS] = bytes(32)
    with reverts_with("NotSigned", world.oracles[0]):
        paid.send(args)


def test_another_pay_is_not_what_the_oracles_signed(paid, world, args):
    args[OUTCOMES] = [args[OUTCOMES][0] - 1]
    with reverts_with("NotSigned", world.oracles[0]):
        paid.send(args)


def test_other_jobs_are_not_what_the_oracles_signed(paid, world, args):
    args[BIDS] = list(reversed(args[BIDS]))
    with reverts_with("NotSigned", world.oracles[0]):
        paid.send(args)


def test_two_oracles_are_too_few(paid, world):
    with reverts_with("TooFewSignatures", 2, 3):
        paid.settle(paid.job(), oracles=world.oracles[:2])


def test_a_retired_committee_settles_nothing(paid, world):
    later = now() + 5 * DAY
    args = paid.work_args([paid.job(paid.bid(deadline=later), world.ask(valid_until=later))])
    world.rotate(world.candidates, 3)
    with reverts_with("WrongCommittee"):
        paid.send(args)
    tx = paid.settle(paid.job())
    assert event_of(tx, "WorkSettled")["epoch"] == 2


def test_what_reverts_leaves_everything_as_it_was(paid, world, args):
    before = paid.renter(), paid.provider()
    args[RESULTS] = bytes(32)
    with reverts_with("NotSigned"):
        paid.send(args)
    assert (paid.renter(), paid.provider()) == before
    assert paid.balance() == PAID_IN
