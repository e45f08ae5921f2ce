"""open(…): replicas of a bid stand next to each other by ascending provider; what a call leaves out, none opens."""

from marketplace.protocol.enums import SkipReason
from tests.contracts.world import FREE, PRICE, STAKED, events_of, reverts_with


def ascending(world):
    """The three providers as the escrow wants a bid's replicas."""
    return sorted(world.providers, key=lambda account: int(account.address, 16))


def replicas(world, bid, providers=None):
    """A match of the bid with each of these providers."""
    return [world.match(bid, world.ask(provider)) for provider in providers or ascending(world)]


def skipped(transaction):
    """Index and reason of every match that was left out."""
    return [(event["index"], event["reason"]) for event in events_of(transaction, "MatchSkipped")]


def test_every_replica_is_a_lease_of_its_own_provider(world):
    bid = world.bid(replicas=3)
    leases = world.open_all(*replicas(world, bid))
    assert [lease.terms.provider for lease in leases] == ascending(world)
    assert len({lease.id for lease in leases}) == 3
    assert world.renter_account()["free"] == FREE - 3 * PRICE


def test_a_bid_gets_no_more_leases_than_replicas(world):
    tx = world.send_open(*replicas(world, world.bid(replicas=2)))
    assert skipped(tx) == [(2, SkipReason.REPLICAS)]


def test_invariant_3_a_bid_is_not_filled_beyond_its_replicas(world):
    tx = world.send_open(*replicas(world, world.bid(replicas=1)))
    assert skipped(tx) == [(1, SkipReason.REPLICAS), (2, SkipReason.REPLICAS)]
    assert world.renter_account()["free"] == FREE - PRICE


def test_invariant_3_one_provider_does_not_serve_two_replicas_of_a_bid(world):
    tx = world.send_open(*replicas(world, world.bid(replicas=3), [world.provider, world.provider]))
    assert skipped(tx) == [(1, SkipReason.REPLICAS)]


def test_invariant_3_the_last_of_several_providers_does_not_serve_the_next_replica_too(world):
    first, second, _ = ascending(world)
    tx = world.send_open(*replicas(world, world.bid(replicas=3), [first, second, second]))
    assert skipped(tx) == [(2, SkipReason.REPLICAS)]


def test_invariant_3_not_even_with_another_ask(world):
    bid = world.bid(replicas=3)
    other = world.ask(gfuel_rate=1)
    tx = world.send_open(world.match(bid), world.match(bid, other))
    assert skipped(tx) == [(1, SkipReason.REPLICAS)]


def test_replicas_by_descending_provider_are_left_out(world):
    tx = world.send_open(*replicas(world, world.bid(replicas=3), ascending(world)[::-1]))
    assert skipped(tx) == [(1, SkipReason.REPLICAS), (2, SkipReason.REPLICAS)]


def test_replicas_that_do_not_stand_together_are_left_out(world):
    first, second, _ = replicas(world, world.bid(replicas=2))
    tx = world.send_open(first, world.match(), second)
    assert skipped(tx) == [(2, SkipReason.SALT_USED)]


def test_replicas_that_were_not_opened_cannot_be_opened_later(world):
    first, second, _ = replicas(world, world.bid(replicas=2))
    world.send_open(first)
    with reverts_with("NothingOpened", SkipReason.SALT_USED):
        world.send_open(second)


def test_invariant_3_a_bid_is_not_filled_again_after_its_lease_closed(world):
    first, second, _ = replicas(world, world.bid(replicas=2))
    world.settle(world.verdict(world.open_all(first)[0], 2))
    with reverts_with("NothingOpened", SkipReason.SALT_USED):
        world.send_open(second)


def test_a_replica_that_is_skipped_does_not_keep_the_next_from_opening(world):
    bid = world.bid(replicas=3)
    world.stake.unbond(STAKED, {"from": ascending(world)[1]})
    tx = world.send_open(*replicas(world, bid))
    assert skipped(tx) == [(1, SkipReason.COVER)]
    assert world.renter_account()["free"] == FREE - 2 * PRICE


def test_the_first_replica_may_be_the_one_that_is_skipped(world):
    bid = world.bid(replicas=2)
    world.stake.unbond(STAKED, {"from": ascending(world)[0]})
    tx = world.send_open(*replicas(world, bid))
    assert skipped(tx) == [(0, SkipReason.COVER)]
    assert len(world.leases_of(tx, replicas(world, bid))) == 2


def test_a_replica_needs_no_signature_of_its_own_because_it_is_the_same_bid(world):
    bid = world.bid(replicas=2)
    first, second, _ = replicas(world, bid)
    forged = world.match(bid, second.ask, signers=(world.stranger, second.ask.provider))
    assert len(world.open_all(first, forged)) == 2


def test_replicas_of_another_bid_begin_anew(world):
    bids = [world.bid(replicas=3), world.bid(replicas=3)]
    leases = world.open_all(*replicas(world, bids[0]), *replicas(world, bids[1]))
    assert [lease.bid for lease in leases] == [bids[0]] * 3 + [bids[1]] * 3


def test_replicas_may_cost_different_prices(world):
    bid = world.bid(replicas=3)
    matches = [world.match(bid, world.ask(provider), PRICE + i) for i, provider in enumerate(ascending(world))]
    world.open_all(*matches)
    assert world.renter_account()["free"] == FREE - (3 * PRICE + 3)


def test_replicas_may_spread_over_two_groups(world):
    ask = world.ask(ascending(world)[0], units=40)
    bid = world.bid(replicas=3)
    matches = [world.match(ask=ask) for _ in range(31)] + [world.match(bid, ask), *replicas(world, bid)[1:]]
    leases = world.open_all(*matches)
    assert [lease.group.number for lease in leases[30:]] == [1, 1, 2, 2]
    world.settle(*(world.verdict(lease, pay=PRICE) for lease in leases))
    assert world.renter_account()["free"] == FREE - 34 * PRICE
