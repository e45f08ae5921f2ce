"""open(…): what opening does, in which groups, and what refuses the whole batch."""

import pytest

from marketplace.protocol.enums import SkipReason
from tests.contracts.batch import open_args
from tests.contracts.world import (
    FREE,
    PRICE,
    QUOTE,
    ROUND,
    STAKED,
    USDC,
    event_of,
    events_of,
    reverts_anyhow,
    reverts_with,
)

ALL_OF_32 = 2**32 - 1


def many(world, count):
    """Matches of one renter with one provider, which can carry them all."""
    ask = world.ask(units=count)
    return [world.match(world.bid(), ask) for _ in range(count)]


# --- what refuses the whole batch ------------------------------------------------------------------------------


def test_open_while_paused_reverts(world):
    world.govern(world.escrow, world.escrow.setOpeningPaused.encode_input(True))
    with reverts_with("OpeningIsPaused"):
        world.open()


def test_open_of_an_empty_batch_reverts(world):
    with reverts_with("EmptyBatch"):
        world.send_open()


def test_open_of_nothing_that_can_be_opened_names_the_first_reason(world):
    first, second = world.match(price=QUOTE - 1), world.match(world.bid(deadline=1))
    with reverts_with("NothingOpened", SkipReason.QUOTE):
        world.send_open(first, second)
    with reverts_with("NothingOpened", SkipReason.BID_EXPIRED):
        world.send_open(second, first)


@pytest.mark.parametrize("table, bits", [("renter", 0), ("ask", 16)])
def test_an_index_beyond_its_table_reverts(world, table, bits):
    digest, group, renters, asks, bids, signatures = open_args([world.match()], 1)
    r, vs, job, resources, terms = bids[0]
    with reverts_anyhow():
        broken = [(r, vs, job, resources | 1 << bits, terms)]
        world.escrow.open(digest, group, renters, asks, broken, signatures, {"from": world.operator})


# --- what opening does -----------------------------------------------------------------------------------------


def test_open_locks_the_price_of_the_renter_and_as_much_of_the_providers_cover(world):
    lease = world.open()
    assert world.renter_account()["free"] == FREE - PRICE
    account = world.provider_account()
    assert (account["cover"], account["covered"], account["openLeases"]) == (STAKED, PRICE, 1)
    assert world.is_open(lease)


def test_open_moves_no_tokens(world):
    assert "Transfer" not in world.send_open(world.match()).events


def test_open_tells_the_group_and_everything_it_takes_to_close_its_leases(world):
    bid = world.bid()
    event = event_of(world.send_open(world.match(bid), first_group=7), "LeasesOpened")
    first = int(world.renter.address, 16) | bid.deadline << 160 | bid.salt << 200
    second = int(world.provider.address, 16) | PRICE << 160 | 500 << 224
    assert event == {
        "market": world.operator,
        "group": 7,
        "roundDigest": "0x" + ROUND.hex(),
        "bidHashes": (bid.struct_hash(),),
        "terms": (first, second),
    }


def test_the_group_is_stored_as_224_bits_of_its_commitment_and_a_bit_a_lease(world):
    first, second = world.open_all(world.match(), world.match())
    word = world.escrow.groupWord(world.operator, first.group.number)
    assert word >> 32 == int.from_bytes(first.group.commitment()[4:])
    assert word & ALL_OF_32 == 0b11
    assert (first.place, second.place) == (0, 1)
    assert first.id != second.id


@pytest.mark.parametrize("price", [QUOTE, 1_000_000])
def test_open_at_the_quote_and_at_the_maximum_succeeds(world, price):
    assert world.open(price=price).terms.price == price


def test_one_ask_serves_many_renters_in_one_batch(world):
    ask = world.ask(units=3)
    leases = world.open_all(*(world.match(world.bid(renter), ask) for renter in world.renters))
    assert [lease.terms.renter for lease in leases] == [renter.address for renter in world.renters]
    assert [world.renter_account(renter)["free"] for renter in world.renters] == [FREE - PRICE] * 3
    assert world.provider_account()["covered"] == 3 * PRICE


def test_one_renter_takes_asks_of_several_providers_in_one_batch(world):
    world.open_all(*(world.match(ask=world.ask(provider)) for provider in world.providers))
    assert world.renter_account()["free"] == FREE - 3 * PRICE
    assert [world.provider_account(provider)["covered"] for provider in world.providers] == [PRICE] * 3


def test_asks_may_come_back_in_any_order_at_the_price_of_another_look(world):
    here, there = world.ask(), world.ask(world.providers[1])
    world.open_all(*(world.match(ask=ask) for ask in (here, there, here, there)))
    assert [world.provider_account(provider)["openLeases"] for provider in world.providers] == [2, 2, 0]


def test_two_asks_of_one_provider_share_its_cover_and_its_units(world):
    narrow, wide = world.ask(units=1), world.ask(units=2)
    leases = world.open_all(*(world.match(ask=ask) for ask in (narrow, wide, narrow, wide)))
    assert [lease.ask for lease in leases] == [narrow, wide]


def test_the_fee_of_the_day_of_opening_is_in_the_terms(world):
    world.govern(world.escrow, world.escrow.setFee.encode_input(123))
    assert world.open().terms.fee_bps == 123


def test_a_lease_may_cost_as_much_as_cover_can_hold(world):
    most = 2**48 - 1
    world.token.mint(world.renter, most, {"from": world.deployer})
    world.token.mint(world.provider, most, {"from": world.deployer})
    world.escrow.deposit(most, {"from": world.renter})
    world.stake.stake(most - STAKED, {"from": world.provider})
    lease = world.open(world.bid(max_price=most), price=most)
    world.settle(world.verdict(lease, pay=most))
    assert world.free(world.provider) == most - most // 20


def test_a_job_that_asks_for_nothing_of_an_ask_that_charges_nothing_may_be_free(world):
    nothing = {"vcpus": 0, "memory_mb": 0, "duration_seconds": 0, "fuel": 0, "egress_mb": 0, "max_price": 0}
    lease = world.open(world.bid(**nothing), world.ask(minimum_charge=0), price=0)
    assert world.is_open(lease)
    assert world.renter_account()["free"] == FREE


def test_a_provider_may_be_its_own_renter(world):
    world.escrow.deposit(PRICE, {"from": world.provider})
    lease = world.open(world.bid(world.provider))
    assert (lease.terms.renter, lease.terms.provider) == (world.provider, world.provider)
    assert world.free(world.provider) == 0


def test_what_a_provider_earned_cannot_be_bid_with(world):
    world.settle(world.verdict(world.open(price=1_000_000), pay=1_000_000))
    with reverts_with("NothingOpened", SkipReason.BALANCE):
        world.open(world.bid(world.provider), world.ask(world.providers[1]))


# --- groups ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count, sizes", [(1, [1]), (32, [32]), (33, [32, 1]), (64, [32, 32])])
def test_leases_fill_groups_of_32_with_consecutive_numbers(world, count, sizes):
    tx = world.send_open(*many(world, count), first_group=5)
    events = events_of(tx, "LeasesOpened")
    assert [event["group"] for event in events] == [5 + offset for offset in range(len(sizes))]
    assert [len(event["bidHashes"]) for event in events] == sizes
    words = [world.escrow.groupWord(world.operator, event["group"]) for event in events]
    assert [word & ALL_OF_32 for word in words] == [2**size - 1 for size in sizes]


def test_what_is_skipped_leaves_no_hole_in_a_group(world):
    matches = many(world, 34)
    for index in (0, 7, 33):
        matches[index] = world.match(price=QUOTE - 1)
    tx = world.send_open(*matches)
    assert [len(event["bidHashes"]) for event in events_of(tx, "LeasesOpened")] == [31]
    assert [event["index"] for event in events_of(tx, "MatchSkipped")] == [0, 7, 33]


def test_markets_number_their_groups_independently(world):
    here = world.open_all(world.match(), first_group=1)[0]
    market = world.stranger.address
    there = world.match(world.bid(market=market), world.ask(market=market))
    other = world.open_all(there, first_group=1, sender=world.stranger)[0]
    assert world.is_open(here) and world.is_open(other)
    assert other.group.market == market


def test_a_number_with_open_leases_cannot_be_used_again(world):
    first, _ = world.open_all(world.match(), world.match(), first_group=3)
    world.settle(world.verdict(first))
    with reverts_with("GroupInUse", world.operator, 3):
        world.send_open(world.match(), first_group=3)


def test_a_batch_that_reaches_a_number_in_use_reverts(world):
    world.open_all(world.match(), first_group=4)
    with reverts_with("GroupInUse", world.operator, 4):
        world.escrow.open.call(*open_args(many(world, 34)[:33], 3), {"from": world.operator})


def test_a_number_is_free_again_once_all_its_leases_are_closed(world):
    old = world.open_all(world.match(), first_group=3)[0]
    world.settle(world.verdict(old))
    new = world.open_all(world.match(), first_group=3)[0]
    assert world.is_open(new) and not world.is_open(old)
    with reverts_with("WrongGroup", world.operator, 3):
        world.settle(world.verdict(old))
    world.settle(world.verdict(new, pay=PRICE))
    assert world.renter_account()["free"] == FREE - PRICE


def test_a_number_whose_leases_are_all_claimed_is_free_again_and_the_claims_go_on(world):
    claimed = world.open_all(world.match(), first_group=3)[0]
    world.claim(claimed)
    world.open_all(world.match(), first_group=3)
    world.release(claimed, sender=world.renter)
    assert world.free(world.provider) == PRICE - PRICE // 20


def test_a_group_number_of_more_than_192_bits_is_refused(world):
    """Its upper bits would be missing where {LeasesSettled} names it."""
    with reverts_with("AmountTooLarge", 2**192, 2**192 - 1):
        world.send_open(world.match(), first_group=2**192)


def test_the_last_group_number_serves(world):
    lease = world.open_all(world.match(), first_group=2**192 - 1)[0]
    tx = world.settle(world.verdict(lease))
    assert event_of(tx, "LeasesSettled")["closed"] == ((2**192 - 1) << 32 | 1,)


def test_a_long_batch_debits_each_renter_what_its_leases_cost(world):
    ask = world.ask(units=60)
    matches = [world.match(world.bid(world.renters[index % 3]), ask, PRICE + index) for index in range(60)]
    world.stake.stake(50 * USDC, {"from": world.provider})
    world.open_all(*matches)
    for place, renter in enumerate(world.renters):
        spent = sum(PRICE + index for index in range(place, 60, 3))
        assert world.renter_account(renter)["free"] == FREE - spent
