"""open(…): each bid's salt opens once, and 144 salts are told apart: later ones push earlier ones out."""

import pytest

from marketplace.protocol.enums import CancelKind, SkipReason
from tests.contracts.world import events_of, reverts_with

WINDOW = 144
LARGEST = 2**48 - 1


def open_salt(world, salt):
    """Open a bid with this salt."""
    return world.open(world.bid(salt=salt))


def refused(world, salt):
    """Whether a bid with this salt cannot be opened, which `isVoid` says, too."""
    with reverts_with("NothingOpened", SkipReason.SALT_USED):
        open_salt(world, salt)
    return world.escrow.isVoid(world.renter, salt)


def test_salts_may_be_used_in_sequence(world):
    ask = world.ask(units=9)
    world.open_all(*(world.match(world.bid(salt=salt), ask) for salt in range(9)))
    assert [world.escrow.isVoid(world.renter, salt) for salt in range(10)] == [True] * 9 + [False]
    assert world.renter_account()["saltBase"] == 0


def test_salts_may_be_used_in_any_order_within_the_window(world):
    ask = world.ask(units=9)
    salts = [7, 0, 143, 3, 142, 1]
    world.open_all(*(world.match(world.bid(salt=salt), ask) for salt in salts))
    account = world.renter_account()
    assert (account["saltBase"], account["window"]) == (0, sum(1 << salt for salt in salts))


def test_a_salt_opens_once(world):
    open_salt(world, 5)
    assert refused(world, 5)


def test_a_salt_opens_once_within_a_batch(world):
    bids = [world.bid(salt=5), world.bid(salt=5, fuel=1)]
    tx = world.send_open(*(world.match(bid) for bid in bids))
    assert [event["index"] for event in events_of(tx, "MatchSkipped")] == [1]


def test_the_same_salt_is_another_renters_own(world):
    world.open(world.bid(salt=5))
    world.open(world.bid(world.renters[1], salt=5))


def test_a_salt_143_ahead_leaves_the_window_where_it_is(world):
    open_salt(world, WINDOW - 1)
    assert world.renter_account()["saltBase"] == 0
    open_salt(world, 0)


def test_a_salt_144_ahead_pushes_the_lowest_one_out(world):
    open_salt(world, WINDOW)
    assert world.renter_account()["saltBase"] == 1
    assert refused(world, 0)
    open_salt(world, 1)


def test_the_window_keeps_what_was_used_when_it_moves(world):
    for salt in (3, 100, WINDOW + 2):
        open_salt(world, salt)
    account = world.renter_account()
    assert (account["saltBase"], account["window"]) == (3, 1 | 1 << 97 | 1 << 143)
    assert refused(world, 3) and refused(world, 100)


@pytest.mark.parametrize("ahead", [WINDOW * 2 - 2, WINDOW * 2 - 1, WINDOW * 2, 10**6, LARGEST])
def test_a_salt_far_ahead_voids_all_that_lies_144_below_it(world, ahead):
    open_salt(world, 143)
    open_salt(world, ahead)
    base = ahead - WINDOW + 1
    assert world.renter_account()["saltBase"] == base
    assert refused(world, base - 1)
    kept = 1 << 143 | (1 << 143 - base if base <= 143 else 0)
    assert world.renter_account()["window"] == kept
    open_salt(world, base + 1)


def test_the_largest_salt_opens_once(world):
    open_salt(world, LARGEST)
    assert refused(world, LARGEST)


def test_a_cancelled_salt_does_not_open_and_others_do(world):
    world.escrow.cancel(CancelKind.BID, 5, {"from": world.renter})
    assert refused(world, 5)
    open_salt(world, 4)
    open_salt(world, 6)


def test_salts_below_a_cancelled_one_do_not_open(world):
    world.escrow.cancel(CancelKind.BIDS_BEFORE, 200, {"from": world.renter})
    assert refused(world, 199)
    open_salt(world, 200)


def test_money_and_salts_share_a_word_and_do_not_touch_each_other(world):
    before = world.free(world.renter)
    open_salt(world, LARGEST)
    world.escrow.deposit(1, {"from": world.renter})
    account = world.renter_account()
    assert account["free"] == before - 400_000 + 1
    assert account["window"] == 1 << 143
