"""What the contract leaves out of an `open`: the rest opens, the reason is told, and a reorganisation takes it back."""

from dataclasses import replace

import pytest

from marketplace.domain.leases import MatchState
from marketplace.domain.outbox import OutboxState
from marketplace.errors import Reverted
from marketplace.ports import Match
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.messages import Cancel
from marketplace.services.cancel_order import cancel_order
from marketplace.services.clear_round import run_round
from marketplace.services.follow_chain import follow_chain, rebuild
from marketplace.services.outbox import process_outbox
from marketplace.services.show_job import show_job
from tests.fakes.chain import FakeSender
from tests.fakes.world import DOMAIN, PROVIDER, RENTER, USDC, key

POOR = key(21)


def state(world, job_id: str) -> str:
    return show_job(world.market, job_id)["state"]


def reasons(world, job_id: str) -> list[str | None]:
    return [match["reason"] for match in show_job(world.market, job_id)["matches"]]


def leases(world) -> int:
    return len(world.chain.state.leases)


def offer_of(world, number: int, **changes):
    provider = key(number)
    world.chain.state.active[provider.address] = 100 * USDC
    return world.offer(world.ask(provider=provider.address, **changes), signer=provider)


def planned(world) -> tuple[str, str]:
    """A round with a good job and one whose renter withdraws before its transaction; both jobs."""
    world.offer(world.ask(units=5))
    world.chain.state.free[POOR.address] = USDC
    jobs = world.submit(), world.submit(world.bid(renter=POOR.address), signer=POOR)
    run_round(world.market)
    world.chain.state.free[POOR.address] = 0
    return jobs


def test_a_skipped_match_tells_its_reason_and_the_bid_sits_out_for_a_while(world):
    good, bad = planned(world)
    world.drain()
    assert (state(world, good), state(world, bad)) == ("running", "queued")
    assert reasons(world, bad) == ["the renter's free balance did not hold the price"]
    world.chain.state.free[POOR.address] = USDC
    assert run_round(world.market) is None
    world.chain.mine(seconds=30)
    run_round(world.market)
    world.drain()
    assert state(world, bad) == "running"


@pytest.mark.parametrize("keep", [True, False])
def test_a_skip_that_is_reorganised_away_is_taken_back_and_the_match_opens(world, keep):
    good, bad = planned(world)
    world.drain()
    world.chain.reorganise(1, keep_transactions=False)
    world.chain.state.free[POOR.address] = USDC
    if keep:
        world.chain.mempool = [world.chain._all[show_job(world.market, good)["leases"][0]["openedTransaction"]]]
        world.chain.mine()
    follow_chain(world.market)
    assert state(world, bad) in ("opening", "running")
    world.drain()
    assert (state(world, good), state(world, bad)) == ("running", "running")
    assert leases(world) == 2


def test_a_match_that_comes_back_beside_its_successor_opens_once(world):
    good, bad = planned(world)
    world.drain()
    world.chain.state.free[POOR.address] = USDC
    world.chain.mine(seconds=30)
    run_round(world.market)
    world.drain()
    assert state(world, bad) == "running"
    world.chain.reorganise(len(world.chain.blocks) - 2, keep_transactions=False)
    world.chain.state.free[POOR.address] = USDC
    world.chain.mine(seconds=60)
    world.drain()
    assert (state(world, good), state(world, bad)) == ("running", "running")
    assert leases(world) == 2
    assert sorted(match["state"] for match in show_job(world.market, bad)["matches"]) == ["dropped", "opened"]


def test_a_salt_used_elsewhere_takes_the_bid_out_of_the_book_until_that_is_reorganised_away(world):
    world.offer()
    job_id, other = world.submit(), world.submit()
    run_round(world.market)
    with world.market.store.read() as tx:
        salt = tx.bids.get(job_id).bid.salt
    before = world.chain.blocks[-1].state.copy()
    world.chain.state.renters.use(RENTER.address, salt)  # another market has opened a bid with it
    world.drain()
    assert (state(world, job_id), state(world, other)) == ("cancelled", "running")
    assert "salt" in show_job(world.market, job_id)["reason"]
    world.chain.blocks[-2].state = before
    world.chain.reorganise(1, keep_transactions=False)
    world.drain()
    assert (state(world, job_id), state(world, other)) == ("running", "running")


def test_nothing_is_left_where_all_of_a_transaction_is_refused_and_each_order_has_its_own_reason(world):
    world.offer(world.ask(units=5))
    world.chain.state.free[POOR.address] = USDC
    used, poor = world.submit(), world.submit(world.bid(renter=POOR.address), signer=POOR)
    run_round(world.market)
    with world.market.store.read() as tx:
        world.chain.state.renters.use(RENTER.address, tx.bids.get(used).bid.salt)
    world.chain.state.free[POOR.address] = 0
    world.drain()
    assert (state(world, used), state(world, poor)) == ("cancelled", "queued")
    assert world.chain.broadcasts == 0
    with world.market.store.read() as tx:
        assert tx.outbox.get(1).state is OutboxState.FAILED
        assert [ask.state.value for ask in tx.asks.live()] == ["live"]


def test_what_opens_alone_but_not_together_goes_in_two_transactions(world, monkeypatch):
    world.offer(world.ask(units=9))
    jobs = [world.submit() for _ in range(5)]
    run_round(world.market)
    prepare = world.market.sender.prepare_open

    def prepare_few(matches, round_digest):
        if len(matches) > 2:
            raise Reverted("TooMuchGas", {"estimate": 3, "limit": 2})
        return prepare(matches, round_digest)

    monkeypatch.setattr(world.market.sender, "prepare_open", prepare_few)
    for _ in range(6):
        world.drain()
        world.chain.mine(seconds=30)
    assert {state(world, job) for job in jobs} == {"running"}
    assert leases(world) == 5


def test_following_anew_skips_anew(world):
    good, bad = planned(world)
    world.drain()
    rebuild(world.market)
    world.drain()
    assert (state(world, good), state(world, bad)) == ("running", "queued")
    with world.market.store.read() as tx:
        assert [match.state for match in tx.matches.of_bid(bad)] == [MatchState.DROPPED]


# --- replicas ---------------------------------------------------------------------------------------------------------


def test_replicas_open_together_by_ascending_provider(world):
    for number in (31, 32, 33):
        offer_of(world, number)
    job_id = world.submit(world.bid(replicas=3))
    run_round(world.market)
    world.drain()
    shown = show_job(world.market, job_id)["leases"]
    providers = [int(one["provider"], 16) for one in shown]
    assert len(providers) == 3 and providers == sorted(providers)
    assert [one["group"]["place"] for one in shown] == [0, 1, 2]


def test_replicas_wait_until_all_of_them_can_start(world):
    offer_of(world, 31)
    job_id = world.submit(world.bid(replicas=2))
    run_round(world.market)
    assert state(world, job_id) == "queued"
    offer_of(world, 32)
    run_round(world.market)
    world.drain()
    assert len(show_job(world.market, job_id)["leases"]) == 2


def test_a_replica_that_was_skipped_is_never_made_up_for(world):
    offer_of(world, 31)
    offer_of(world, 32)
    job_id = world.submit(world.bid(replicas=2))
    run_round(world.market)
    world.chain.state.active[key(32).address] = 0
    world.drain()
    world.chain.state.active[key(32).address] = 100 * USDC
    world.chain.mine(seconds=30)
    assert run_round(world.market) is None
    lease_id = world.lease_of(job_id)
    world.attest(lease_id)
    world.judge(lease_id)
    world.sign_batches()
    world.drain()
    assert state(world, job_id) == "paid", "the one that ran decides"
    assert sorted(reasons(world, job_id), key=str)[1] == "the provider's stake did not cover one more lease"


def test_a_bids_replicas_are_never_split_between_transactions(world):
    world.market = replace(world.market, rules=replace(world.rules, max_batch=3))
    for number in (31, 32):
        offer_of(world, number, units=9)
    jobs = [world.submit(world.bid(replicas=2)) for _ in range(3)] + [world.submit()]
    run_round(world.market)
    with world.market.store.read() as tx:
        items = [{match.outbox_id for match in tx.matches.of_bid(job)} for job in jobs]
    assert all(len(one) == 1 for one in items) and len(set.union(*items)) == 3
    world.drain()
    assert {state(world, job) for job in jobs} == {"running"}


def test_a_cancelled_ask_takes_all_replicas_of_an_unsigned_match_back(world):
    offer_of(world, 31)
    offer_of(world, 32)
    job_id = world.submit(world.bid(replicas=2))
    run_round(world.market)
    cancel = Cancel(signer=key(31).address, kind=CancelKind.ASKS_BEFORE, salt=2)
    cancel_order(world.market, cancel, cancel.sign(DOMAIN, key(31).key))
    world.drain()
    assert leases(world) == 0 and state(world, job_id) == "queued"


# --- whose transaction it is ------------------------------------------------------------------------------------------


def test_somebody_elses_skips_are_not_ours(world):
    world.offer()
    job_id = world.submit()
    run_round(world.market)
    stranger = FakeSender(world.chain, key(99).address)
    ask, bid = world.ask(market=stranger.address), world.bid(market=stranger.address)
    dear = world.bid(market=stranger.address, max_price=1)
    with world.market.store.read() as tx:
        (match,) = tx.matches.of_bid(job_id)
    theirs = [
        Match(one, one.sign(DOMAIN, RENTER.key), ask, ask.sign(DOMAIN, PROVIDER.key), match.price)
        for one in (dear, bid)
    ]
    stranger.broadcast(stranger.prepare_open(theirs, "0x" + "12" * 32))
    world.drain()
    assert state(world, job_id) == "running"
    with world.market.store.read() as tx:
        assert len(tx.leases.open()) == 1


@pytest.mark.parametrize("falls_again", [False, True])
def test_a_skip_is_told_apart_whichever_of_two_fees_was_mined(world, falls_again):
    good, bad = planned(world)
    process_outbox(world.market)
    if falls_again:
        world.chain.mining = False
        process_outbox(world.market)
        world.chain.base_fee = 10
        world.chain.mine(seconds=60)
        process_outbox(world.market)
        world.chain.base_fee = 1
        world.chain.mine()  # the cheaper one, before the dearer one is sent
    else:
        world.chain.base_fee = 10
    follow_chain(world.market)
    world.drain()
    assert (state(world, good), state(world, bad)) == ("running", "queued")
