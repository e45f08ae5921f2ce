"""open(matches, roundDigest): all checks in their documented order, then what opening does."""

import brownie
import pytest

from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import compute_lease_id
from tests.contracts.world import FREE, HOUR, PRICE, QUOTE, ROUND, STAKED, UINT64_MAX, now, reverts_with, status_at


def submit(world, *matches, sender=None):
    """Open matches as the market."""
    return world.escrow.open(list(matches), ROUND, {"from": sender or world.operator})


# --- refusals, in the order of the checks --------------------------------------------------------------------


def test_open_while_paused_reverts(world):
    world.govern(world.escrow, world.escrow.setOpeningPaused.encode_input(True))
    with reverts_with("OpeningIsPaused"):
        submit(world, world.match(world.bid(), world.ask()))


def test_open_of_an_empty_batch_reverts(world):
    with reverts_with("EmptyBatch"):
        submit(world)


def test_open_by_another_than_the_market_of_the_bid_reverts(world):
    with reverts_with("NotMarket", world.stranger, world.operator):
        submit(world, world.match(world.bid(), world.ask(market=world.stranger.address)), sender=world.stranger)


def test_open_by_another_than_the_market_of_the_ask_reverts(world):
    with reverts_with("NotMarket", world.operator, world.stranger):
        submit(world, world.match(world.bid(), world.ask(market=world.stranger.address)))


@pytest.mark.parametrize("party", ["renter", "provider"])
def test_open_by_a_party_itself_reverts(world, party):
    sender = getattr(world, party)
    with reverts_with("NotMarket", sender, world.operator):
        submit(world, world.match(world.bid(), world.ask()), sender=sender)


def test_open_of_a_bid_without_replicas_reverts(world):
    with reverts_with("NoReplicas"):
        submit(world, world.match(world.bid(replicas=0), world.ask()))


@pytest.mark.parametrize("verification", [4, 255])
def test_open_of_an_unknown_verification_reverts(world, verification):
    with reverts_with("UnknownVerification", verification):
        submit(world, world.match(world.bid(verification=verification), world.ask()))


@pytest.mark.parametrize("valid_until", [0, 1_000_000_000])
def test_open_of_an_expired_bid_reverts(world, valid_until):
    with reverts_with("OrderExpired", valid_until, ...):
        submit(world, world.match(world.bid(valid_until=valid_until), world.ask()))


def test_open_of_an_expired_ask_reverts(world):
    expired = now() - 1
    with reverts_with("OrderExpired", expired, ...):
        submit(world, world.match(world.bid(), world.ask(valid_until=expired)))


@pytest.mark.parametrize("order", ["bid", "ask"])
def test_open_is_possible_until_the_last_second_of_validity_and_not_after(world, order):
    last = now() + 1_000
    bid = world.bid(**({"valid_until": last} if order == "bid" else {}))
    ask = world.ask(**({"valid_until": last} if order == "ask" else {}))
    call = world.escrow.open.encode_input([world.match(bid, ask)], ROUND)
    late = status_at(last + 1, world.escrow, call, world.operator)
    brownie.chain.revert()
    assert (status_at(last, world.escrow, call, world.operator), late) == (1, 0)


def test_open_after_the_deadline_of_the_bid_reverts(world):
    deadline = now() - 1
    with reverts_with("DeadlinePassed", deadline, ...):
        submit(world, world.match(world.bid(deadline=deadline), world.ask()))


def test_open_in_the_second_of_the_deadline_reverts_and_before_it_succeeds(world):
    deadline = now() + 1_000
    call = world.escrow.open.encode_input([world.match(world.bid(deadline=deadline), world.ask())], ROUND)
    late = status_at(deadline, world.escrow, call, world.operator)
    brownie.chain.revert()
    assert (status_at(deadline - 1, world.escrow, call, world.operator), late) == (1, 0)


def test_open_of_a_cancelled_bid_reverts(world):
    bid = world.bid()
    world.escrow.cancel(bid.salt, {"from": world.renter})
    with reverts_with("OrderIsCancelled", world.renter, bid.salt):
        submit(world, world.match(bid, world.ask()))


def test_open_of_a_cancelled_ask_reverts(world):
    ask = world.ask()
    world.escrow.cancelBefore(ask.salt + 1, {"from": world.provider})
    with reverts_with("OrderIsCancelled", world.provider, ask.salt):
        submit(world, world.match(world.bid(), ask))


def test_open_below_the_quote_reverts(world):
    with reverts_with("PriceBelowQuote", QUOTE - 1, QUOTE):
        submit(world, world.match(world.bid(), world.ask(), QUOTE - 1))


def test_open_below_the_minimum_charge_reverts(world):
    with reverts_with("PriceBelowQuote", QUOTE, QUOTE + 1):
        submit(world, world.match(world.bid(), world.ask(minimum_charge=QUOTE + 1), QUOTE))


def test_open_above_the_maximum_price_reverts(world):
    with reverts_with("PriceAboveMax", PRICE, PRICE - 1):
        submit(world, world.match(world.bid(max_price=PRICE - 1), world.ask(), PRICE))


def test_open_of_a_bid_that_can_never_pay_the_quote_reverts_at_any_price(world):
    bid, ask = world.bid(max_price=QUOTE - 1), world.ask()
    with reverts_with("PriceBelowQuote"):
        submit(world, world.match(bid, ask, QUOTE - 1))
    with reverts_with("PriceAboveMax"):
        submit(world, world.match(bid, ask, QUOTE))


def test_invariant_3_a_bid_is_not_filled_beyond_its_replicas(world):
    bid = world.bid()
    world.open(bid)
    with reverts_with("BidIsFilled", bid.struct_hash(), 1):
        world.open(bid, world.ask(world.providers[1]))


def test_invariant_3_a_bid_is_not_filled_again_after_its_lease_closed(world):
    bid = world.bid()
    world.settle(world.verdict(world.open(bid), Outcome.FAILED))
    with reverts_with("BidIsFilled", bid.struct_hash(), 1):
        world.open(bid, world.ask(world.providers[1]))


def test_invariant_3_an_ask_has_no_more_open_leases_than_units(world):
    ask = world.ask(units=1)
    lease = world.open(ask=ask)
    with reverts_with("AskIsFull", ask.struct_hash(), 1):
        world.open(ask=ask)
    world.settle(world.verdict(lease, Outcome.FAILED))
    world.open(ask=ask)
    assert world.escrow.openUnits(ask.struct_hash()) == 1


def test_open_of_an_ask_without_units_reverts(world):
    ask = world.ask(units=0)
    with reverts_with("AskIsFull", ask.struct_hash(), 0):
        world.open(ask=ask)


@pytest.mark.parametrize("closed", [False, True])
def test_open_of_a_second_lease_of_one_bid_with_one_provider_reverts(world, closed):
    bid = world.bid(replicas=2)
    lease = world.open(bid)
    if closed:
        world.settle(world.verdict(lease, Outcome.FAILED))
    with reverts_with("LeaseExists", lease.id):
        world.open(bid, world.ask())


def test_open_without_enough_free_balance_reverts(world):
    world.escrow.withdraw(FREE - PRICE + 1, {"from": world.renter})
    with reverts_with("InsufficientBalance", world.renter, PRICE - 1, PRICE):
        world.open()


def test_open_without_enough_stake_reverts(world):
    world.stake.unbond(STAKED - PRICE + 1, {"from": world.provider})
    with reverts_with("InsufficientStake", world.provider, PRICE - 1, PRICE):
        world.open()


def test_open_by_a_provider_who_never_staked_reverts(world):
    with reverts_with("InsufficientStake", world.stranger, 0, PRICE):
        world.open(ask=world.ask(world.stranger))


def test_open_does_not_count_the_same_stake_for_two_leases(world):
    world.stake.unbond(STAKED - 2 * PRICE + 1, {"from": world.provider})
    world.open()
    with reverts_with("InsufficientStake", world.provider, PRICE - 1, PRICE):
        world.open()


def test_open_is_all_or_nothing(world):
    good, bad = world.bid(), world.bid(replicas=0)
    with reverts_with("NoReplicas"):
        submit(world, world.match(good, world.ask()), world.match(bad, world.ask()))
    assert world.escrow.free(world.renter) == FREE
    assert world.escrow.filled(good.struct_hash()) == 0


def test_open_names_the_first_violated_requirement(world):
    """One match with every flaw; flaw after flaw is mended, in the order in which the contract looks."""
    bid = {"market": world.stranger.address, "replicas": 0, "verification": 9, "valid_until": 1, "deadline": 2}
    bid |= {"max_price": QUOTE}
    ask = {"market": world.stranger.address, "valid_until": 3, "units": 0}
    signers, price = (world.stranger, world.stranger), QUOTE - 1
    salts = {"bid": 10**9 + 1, "ask": 10**9 + 2}
    world.escrow.cancel(salts["bid"], {"from": world.renter})
    world.escrow.cancel(salts["ask"], {"from": world.provider})
    world.escrow.withdraw(FREE, {"from": world.renter})
    world.stake.unbond(STAKED, {"from": world.provider})

    def expect(name, *values):
        with reverts_with(name, *values):
            offered = world.match(
                world.bid(salt=salts["bid"], **bid), world.ask(salt=salts["ask"], **ask), price, signers=signers
            )
            submit(world, offered)

    expect("NotMarket")
    bid["market"] = world.operator.address
    expect("NotMarket")
    ask["market"] = world.operator.address
    expect("NoReplicas")
    bid["replicas"] = 1
    expect("UnknownVerification", 9)
    bid["verification"] = 0
    expect("OrderExpired", 1, ...)
    bid["valid_until"] = now() + HOUR
    expect("OrderExpired", 3, ...)
    ask["valid_until"] = now() + HOUR
    expect("DeadlinePassed", 2, ...)
    bid["deadline"] = now() + HOUR
    expect("OrderIsCancelled", world.renter, salts["bid"])
    salts["bid"] += 10
    expect("OrderIsCancelled", world.provider, salts["ask"])
    salts["ask"] += 10
    expect("InvalidSignature", world.renter)
    signers = (world.renter, world.stranger)
    expect("InvalidSignature", world.provider)
    signers = None
    expect("PriceBelowQuote")
    price = QUOTE + 1
    expect("PriceAboveMax")
    price = QUOTE
    expect("AskIsFull")
    ask["units"] = 1
    expect("InsufficientBalance")
    world.escrow.deposit(QUOTE, {"from": world.renter})
    expect("InsufficientStake")
    world.stake.stake(QUOTE, {"from": world.provider})
    submit(world, world.match(world.bid(salt=salts["bid"], **bid), world.ask(salt=salts["ask"], **ask), price))


# --- what opening does ---------------------------------------------------------------------------------------


def test_open_locks_the_price_and_the_penalty(world):
    lease = world.open()
    assert world.escrow.free(world.renter) == FREE - PRICE
    assert world.bond() == {"active": STAKED, "locked": PRICE, "unbonding": 0, "withdrawableAt": 0}
    assert world.lease(lease) == {
        "renter": world.renter,
        "locked": PRICE,
        "feeBps": 500,
        "state": 1,
        "provider": world.provider,
        "deadline": lease.bid.deadline,
        "askHash": lease.ask.struct_hash(),
    }
    assert world.escrow.filled(lease.bid.struct_hash()) == 1
    assert world.escrow.openUnits(lease.ask.struct_hash()) == 1


def test_open_moves_no_tokens(world):
    tx = submit(world, world.match(world.bid(), world.ask()))
    assert "Transfer" not in tx.events


def test_open_tells_everything_a_dapp_needs(world):
    bid, ask = world.bid(), world.ask()
    tx = submit(world, world.match(bid, ask))
    assert dict(tx.events["LeaseOpened"]) == {
        "leaseId": compute_lease_id(bid.struct_hash(), ask.provider),
        "renter": world.renter,
        "provider": world.provider,
        "market": world.operator,
        "agent": ask.agent,
        "bidHash": bid.struct_hash(),
        "askHash": ask.struct_hash(),
        "jobDigest": bid.job_digest,
        "price": PRICE,
        "penalty": PRICE,
        "feeBps": 500,
        "deadline": bid.deadline,
        "roundDigest": "0x" + ROUND.hex(),
    }
    assert dict(tx.events["RoundOpened"]) == {"market": world.operator, "roundDigest": "0x" + ROUND.hex(), "count": 1}
    assert dict(tx.events["StakeLocked"]) == {"provider": world.provider, "amount": PRICE}


@pytest.mark.parametrize("price", [QUOTE, 1_000_000])
def test_open_at_the_quote_and_at_the_maximum_succeeds(world, price):
    lease = world.open(price=price)
    assert world.lease(lease)["locked"] == price


def test_open_of_a_batch_opens_every_replica_with_another_provider(world):
    bid = world.bid(replicas=3)
    matches = [world.match(bid, world.ask(provider), PRICE + i) for i, provider in enumerate(world.providers)]
    tx = submit(world, *matches)
    assert len(tx.events["LeaseOpened"]) == 3
    assert world.escrow.filled(bid.struct_hash()) == 3
    assert world.escrow.free(world.renter) == FREE - (3 * PRICE + 3)


def test_one_ask_serves_many_renters_in_one_batch(world):
    ask = world.ask(units=3)
    submit(world, *(world.match(world.bid(renter), ask) for renter in world.renters))
    assert world.escrow.openUnits(ask.struct_hash()) == 3
    assert world.bond()["locked"] == 3 * PRICE


def test_a_lease_may_cost_the_largest_price_there_is(world):
    world.token.mint(world.renter, UINT64_MAX, {"from": world.deployer})
    world.token.mint(world.provider, UINT64_MAX, {"from": world.deployer})
    world.escrow.deposit(UINT64_MAX, {"from": world.renter})
    world.stake.stake(UINT64_MAX, {"from": world.provider})
    lease = world.open(world.bid(max_price=UINT64_MAX), price=UINT64_MAX)
    world.settle(world.verdict(lease, Outcome.PAID, UINT64_MAX))
    fee = UINT64_MAX * 500 // 10_000
    assert (world.escrow.fees(), world.escrow.free(world.provider)) == (fee, UINT64_MAX - fee)


def test_a_job_that_asks_for_nothing_of_an_ask_that_charges_nothing_may_be_free(world):
    nothing = {"vcpus": 0, "memory_mb": 0, "duration_seconds": 0, "fuel": 0, "egress_mb": 0, "max_price": 0}
    lease = world.open(world.bid(**nothing), world.ask(minimum_charge=0), price=0)
    world.settle(world.verdict(lease, Outcome.FRAUD))
    assert world.escrow.free(world.renter) == FREE
    assert world.bond()["active"] == STAKED


def test_a_provider_may_be_its_own_renter(world):
    world.escrow.deposit(PRICE, {"from": world.provider})
    lease = world.open(world.bid(world.provider))
    world.settle(world.verdict(lease, Outcome.PAID, PRICE))
    assert world.escrow.free(world.provider) == PRICE - PRICE * 5 // 100
