"""open(…): a match that cannot be opened is left out for one stated reason, and disturbs no other."""

import brownie
import pytest

from marketplace.protocol.enums import CancelKind, SkipReason
from tests.contracts.batch import open_args
from tests.contracts.world import FREE, HOUR, PRICE, QUOTE, STAKED, events_of, now, reverts_with, statuses_at

CAUSES = {}


def cause(reason):
    """Registers a function that makes a match which cannot be opened for `reason`."""

    def register(make):
        CAUSES[make.__name__] = (reason, make)
        return make

    return register


def offer(world, price=PRICE, signers=None, bid=(), ask=()):
    """A match of the second renter with the second provider."""
    return world.match(
        world.bid(world.renters[1], **dict(bid)), world.ask(world.providers[1], **dict(ask)), price, signers=signers
    )


@cause(SkipReason.ASK_EXPIRED)
def the_ask_expired(world):
    return offer(world, ask={"valid_until": now() - 1})


@cause(SkipReason.ASK_CANCELLED)
def the_ask_is_below_a_cancelled_salt(world):
    match = offer(world)
    world.escrow.cancel(CancelKind.ASKS_BEFORE, match.ask.salt + 1, {"from": world.providers[1]})
    return match


@cause(SkipReason.ASK_SIGNATURE)
def a_stranger_signed_the_ask(world):
    return offer(world, signers=(world.renters[1], world.operator))


@cause(SkipReason.ASK_SIGNATURE)
def the_ask_is_for_another_market(world):
    return offer(world, ask={"market": world.stranger.address})


@cause(SkipReason.QUOTE)
def the_price_is_below_the_quote(world):
    return offer(world, QUOTE - 1)


@cause(SkipReason.QUOTE)
def the_price_is_below_the_minimum_charge(world):
    return offer(world, QUOTE, ask={"minimum_charge": QUOTE + 1})


@cause(SkipReason.QUOTE)
def the_price_is_above_the_bids_maximum(world):
    return offer(world, bid={"max_price": PRICE - 1})


@cause(SkipReason.BID_EXPIRED)
def the_bid_expired(world):
    return offer(world, bid={"valid_until": now() - 1})


@cause(SkipReason.BID_EXPIRED)
def the_deadline_of_the_bid_is_over(world):
    return offer(world, bid={"deadline": now() - 1})


@cause(SkipReason.BID_SIGNATURE)
def a_stranger_signed_the_bid(world):
    return offer(world, signers=(world.operator, world.providers[1]))


@cause(SkipReason.BID_SIGNATURE)
def the_bid_is_for_another_market(world):
    return offer(world, bid={"market": world.stranger.address})


@cause(SkipReason.BALANCE)
def the_renter_withdrew_its_money(world):
    world.escrow.withdraw(FREE - PRICE + 1, {"from": world.renters[1]})
    return offer(world)


@cause(SkipReason.SALT_USED)
def the_bid_was_opened_before(world):
    match = offer(world)
    world.open_all(match)
    return match


@cause(SkipReason.SALT_USED)
def the_bid_was_opened_and_closed_before(world):
    match = offer(world)
    world.settle(world.verdict(world.open_all(match)[0]))
    return match


@cause(SkipReason.SALT_USED)
def another_bid_had_the_same_salt(world):
    lease = world.open_all(offer(world))[0]
    return offer(world, bid={"salt": lease.bid.salt, "fuel": 1})


@cause(SkipReason.SALT_USED)
def the_bid_is_cancelled(world):
    match = offer(world)
    world.escrow.cancel(CancelKind.BID, match.bid.salt, {"from": world.renters[1]})
    return match


@cause(SkipReason.SALT_USED)
def the_bid_is_below_a_cancelled_salt(world):
    match = offer(world)
    world.escrow.cancel(CancelKind.BIDS_BEFORE, match.bid.salt + 1, {"from": world.renters[1]})
    return match


@cause(SkipReason.COVER)
def the_provider_unbonded(world):
    world.stake.unbond(STAKED - PRICE + 1, {"from": world.providers[1]})
    return offer(world)


@cause(SkipReason.COVER)
def the_provider_never_staked(world):
    return world.match(world.bid(world.renters[1]), world.ask(world.stranger))


@cause(SkipReason.UNITS)
def the_ask_has_no_units(world):
    return offer(world, ask={"units": 0})


@cause(SkipReason.UNITS)
def the_provider_has_as_many_leases_open_as_the_ask_has_units(world):
    world.open_all(offer(world), offer(world))
    return offer(world, ask={"units": 2})


@cause(SkipReason.REPLICAS)
def the_bid_wants_no_replicas(world):
    return offer(world, bid={"replicas": 0})


@cause(SkipReason.SETTLEMENT)
def the_bid_is_to_be_prepaid(world):
    return offer(world, bid={"settlement": 1})


@cause(SkipReason.SETTLEMENT)
def the_bid_is_to_be_netted(world):
    return offer(world, bid={"settlement": 2})


@cause(SkipReason.SETTLEMENT)
def the_verification_of_the_bid_is_unknown(world):
    return offer(world, bid={"verification": 4})


def skipped(transaction):
    """Index and reason of every match that was left out."""
    return [(event["index"], event["reason"]) for event in events_of(transaction, "MatchSkipped")]


@pytest.mark.parametrize("name", CAUSES)
def test_a_match_is_skipped_alone_because(world, name):
    reason, make = CAUSES[name]
    bad = make(world)
    good = [world.match() for _ in range(2)]
    before = {party: world.escrow.free(party) for party in (world.renters[1], bad.ask.provider)}
    covered = world.provider_account(bad.ask.provider)["covered"]
    transaction = world.send_open(good[0], bad, good[1])
    assert skipped(transaction) == [(1, reason)]
    assert [lease.bid for lease in world.leases_of(transaction, [good[0], bad, good[1]])] == [good[0].bid, good[1].bid]
    assert world.renter_account()["free"] == FREE - 2 * PRICE
    assert {party: world.escrow.free(party) for party in before} == before
    assert world.provider_account(bad.ask.provider)["covered"] == covered


@pytest.mark.parametrize("name", CAUSES)
def test_a_batch_opens_nothing_because(world, name):
    reason, make = CAUSES[name]
    bad = make(world)
    with reverts_with("NothingOpened", reason):
        world.send_open(bad)


def test_every_reason_has_a_cause_here():
    assert {reason for reason, _ in CAUSES.values()} == set(SkipReason) - {SkipReason.NONE}


# --- exact edges -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["bid", "ask"])
def test_an_order_is_good_until_the_last_second_of_its_validity(world, order):
    last = now() + HOUR
    bid = world.bid(**({"valid_until": last} if order == "bid" else {}))
    ask = world.ask(**({"valid_until": last} if order == "ask" else {}))
    call = world.escrow.open.encode_input(*open_args([world.match(bid, ask)], 1))
    assert statuses_at([last, last + 1], world.escrow, call, world.operator) == [1, 0]


def test_a_bid_is_not_opened_in_the_second_of_its_deadline(world):
    deadline = now() + HOUR
    call = world.escrow.open.encode_input(*open_args([world.match(world.bid(deadline=deadline))], 1))
    assert statuses_at([deadline - 1, deadline], world.escrow, call, world.operator) == [1, 0]


def test_the_whole_balance_may_be_locked(world):
    world.escrow.withdraw(FREE - PRICE, {"from": world.renter})
    world.open()
    assert world.renter_account()["free"] == 0


def test_the_whole_cover_may_be_needed_and_no_more(world):
    world.stake.unbond(STAKED - 2 * PRICE + 1, {"from": world.provider})
    transaction = world.send_open(world.match(), world.match(), world.match(price=PRICE - 1))
    assert skipped(transaction) == [(1, SkipReason.COVER)]
    assert world.bond()["active"] == world.bond()["locked"]


def test_balance_that_an_earlier_match_took_is_not_there_for_a_later_one(world):
    world.escrow.withdraw(FREE - 2 * PRICE, {"from": world.renter})
    transaction = world.send_open(*(world.match() for _ in range(3)))
    assert skipped(transaction) == [(2, SkipReason.BALANCE)]


def test_a_skipped_bid_keeps_its_salt(world):
    match = world.match()
    world.stake.unbond(STAKED, {"from": world.provider})
    world.send_open(world.match(ask=world.ask(world.providers[1])), match)
    world.stake.stake(STAKED, {"from": world.provider})
    assert world.open_all(match)


def test_a_unit_is_free_again_when_its_lease_is_closed(world):
    ask = world.ask(units=1)
    lease = world.open(ask=ask)
    with reverts_with("NothingOpened", SkipReason.UNITS):
        world.open(ask=ask)
    world.settle(world.verdict(lease, 2))
    world.open(ask=ask)


def test_the_refusal_of_an_ask_does_not_stick_to_the_next_one(world):
    refused = world.match(ask=world.ask(valid_until=1))
    transaction = world.send_open(refused, world.match(), refused, world.match())
    assert skipped(transaction) == [(0, SkipReason.ASK_EXPIRED), (2, SkipReason.ASK_EXPIRED)]


def test_cancelled_asks_are_those_below_the_salt(world):
    world.escrow.cancel(CancelKind.ASKS_BEFORE, 10, {"from": world.provider})
    with reverts_with("NothingOpened", SkipReason.ASK_CANCELLED):
        world.open(ask=world.ask(salt=9))
    world.open(ask=world.ask(salt=10))


def test_an_open_lease_goes_on_when_its_orders_are_cancelled(world):
    lease = world.open()
    world.escrow.cancel(CancelKind.BID, lease.bid.salt, {"from": world.renter})
    world.escrow.cancel(CancelKind.ASKS_BEFORE, lease.ask.salt + 1, {"from": world.provider})
    brownie.chain.sleep(HOUR)
    world.accept(lease, PRICE)
    assert not world.is_open(lease)
