"""The outbox: killed at any step, it ends with one transaction on chain; a refusal takes only the bad part."""

from dataclasses import replace

import pytest

from marketplace.domain.outbox import OutboxKind, OutboxState
from marketplace.errors import ChainUnavailable
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.messages import Cancel
from marketplace.services.cancel_order import cancel_order
from marketplace.services.clear_round import run_round
from marketplace.services.follow_chain import follow_chain
from marketplace.services.outbox import process_outbox
from marketplace.services.settle_batch import propose_batches
from marketplace.services.show_job import show_job
from marketplace.services.show_lease import show_lease
from tests.fakes.world import DOMAIN, OPERATOR, PROVIDER, RENTER, USDC, key


class Killed(BaseException):
    """The process ended here."""


def items(world):
    with world.market.store.read() as tx:
        return [tx.outbox.get(number) for number in range(1, 20) if tx.outbox.get(number)]


def leases(world) -> int:
    return len(world.chain.state.leases)


def kill_at(monkeypatch, target, name: str, *, after: bool) -> None:
    original = getattr(target, name)

    def dying(*args, **kwargs):
        if after:
            original(*args, **kwargs)
        raise Killed

    monkeypatch.setattr(type(target), name, lambda self, *a, **k: dying(*a, **k))


STEPS = [
    ("prepare_open", False),
    ("prepare_open", True),
    ("broadcast", False),
    ("broadcast", True),
    ("result", False),
    ("result", True),
]


@pytest.mark.parametrize("step, after", STEPS)
def test_a_kill_at_any_step_leaves_one_lease_after_a_restart(world, monkeypatch, step, after):
    world.offer()
    job_id = world.submit()
    run_round(world.market)
    with monkeypatch.context() as patch:
        kill_at(patch, world.market.sender, step, after=after)
        with pytest.raises(Killed):
            for _ in range(5):
                process_outbox(world.market)
    world.market = world.restarted()
    world.drain()
    assert leases(world) == 1
    assert show_job(world.market, job_id)["state"] == "running"
    assert [item.state for item in items(world)] == [OutboxState.DONE]


def test_the_bytes_are_in_the_database_before_they_leave(world, monkeypatch):
    world.offer()
    world.submit()
    run_round(world.market)
    process_outbox(world.market)
    (item,) = items(world)
    assert item.state is OutboxState.SIGNED and item.raw
    assert world.chain.broadcasts == 0


def test_a_transaction_that_is_not_mined_is_sent_again(world):
    world.offer()
    world.submit()
    run_round(world.market)
    world.chain.mining = False
    process_outbox(world.market)
    process_outbox(world.market)
    world.chain.mempool.clear()  # the node forgot it
    assert not process_outbox(world.market)
    world.chain.mine(seconds=60)
    assert process_outbox(world.market)
    assert world.chain.broadcasts == 2
    world.chain.mine()
    world.drain()
    assert leases(world) == 1


def test_a_transaction_whose_nonce_another_took_is_signed_anew(world):
    world.offer()
    world.submit()
    run_round(world.market)
    process_outbox(world.market)
    world.chain.blocks[-1].nonces[OPERATOR.address] = 1  # somebody used the operator's key elsewhere
    world.drain()
    assert leases(world) == 1
    assert items(world)[0].nonce == 1


def test_a_transaction_after_a_nonce_that_a_reorganisation_left_to_nobody_is_signed_anew(world):
    """What failed, or what another program sent, is not sent again; a node mines nothing beyond the gap it leaves."""
    world.chain.blocks[-1].nonces[OPERATOR.address] = 1
    world.offer()
    world.submit()
    run_round(world.market)
    world.chain.mining = False
    _ = process_outbox(world.market), process_outbox(world.market)
    world.chain.blocks[-1].nonces[OPERATOR.address] = 0  # the block of the first one is replaced
    assert items(world)[0].nonce == 1 and not process_outbox(world.market), "it may still be on its way"
    world.chain.mine(seconds=60)
    assert process_outbox(world.market) and items(world)[0].state is OutboxState.INTENT
    _ = process_outbox(world.market), process_outbox(world.market)
    world.chain.mine()
    world.drain()
    assert leases(world) == 1
    assert [(item.state, item.nonce) for item in items(world)] == [(OutboxState.DONE, 0)]


@pytest.mark.parametrize("falls_again", [False, True])
@pytest.mark.parametrize("reorganised", [False, True])
def test_a_fee_that_no_longer_does_is_raised_and_only_one_of_the_transactions_is_mined(world, falls_again, reorganised):
    world.offer()
    job_id = world.submit()
    run_round(world.market)
    process_outbox(world.market)
    world.chain.base_fee = 10
    if not falls_again:
        world.market = world.restarted()  # signed, not sent: what it offers is looked at again before it leaves
        world.drain()
    else:
        world.chain.base_fee = 1
        world.chain.mining = False
        process_outbox(world.market)
        world.chain.base_fee = 10
        world.chain.mine(seconds=60)
        process_outbox(world.market)
        assert items(world)[0].replaced, "the older one is still looked for"
        world.chain.base_fee = 1
        process_outbox(world.market)
        world.chain.mine()
        world.drain()
    (item,) = items(world)
    assert (item.state, item.nonce) == (OutboxState.DONE, 0)
    if reorganised:
        world.chain.mining = True
        world.chain.reorganise(1, keep_transactions=False)
        world.drain()
        world.chain.mine(seconds=60)
        world.drain()
    assert leases(world) == 1
    assert show_job(world.market, job_id)["state"] == "running"


def test_one_bad_match_is_dropped_with_its_reason_and_the_others_open(world):
    world.offer(world.ask(units=3))
    poor = key(21)
    world.chain.state.free[poor.address] = USDC
    good, bad = world.submit(), world.submit(world.bid(renter=poor.address), signer=poor)
    run_round(world.market)
    world.chain.state.free[poor.address] = 0  # withdrawn between the round and its transaction
    world.drain()
    assert show_job(world.market, good)["state"] == "running"
    shown = show_job(world.market, bad)
    assert shown["state"] == "queued"
    assert "free balance" in shown["matches"][0]["reason"]
    assert leases(world) == 1


def test_matches_that_only_fail_together_lose_only_the_later_one(world):
    world.offer(world.ask(units=3))
    first, second = world.submit(), world.submit()
    run_round(world.market)
    with world.market.store.read() as tx:
        price = tx.matches.of_bid(first)[0].price
    world.chain.state.active[PROVIDER.address] = price + price // 2
    world.drain()
    states = sorted(show_job(world.market, one)["state"] for one in (first, second))
    assert states == ["queued", "running"]


def test_an_order_whose_signature_the_contract_does_not_take_is_not_matched_again(world):
    wallets = {"provider": key(31), "renter": key(32)}
    for wallet in wallets.values():
        world.chain.state.smart_accounts[wallet.address] = wallet.address
        world.chain.state.free[wallet.address] = world.chain.state.active[wallet.address] = 100 * USDC
    hostile = world.ask(provider=wallets["provider"].address, agent=key(33).address, gfuel_rate=0)
    world.offer(hostile, signer=wallets["provider"])
    job_id = world.submit()
    bad = world.submit(world.bid(renter=wallets["renter"].address), signer=wallets["renter"])
    run_round(world.market)
    for wallet in wallets.values():
        world.chain.state.smart_accounts[wallet.address] = RENTER.address  # it signs by another key now
    world.drain()
    with world.market.store.read() as tx:
        assert tx.asks.live() == []
    assert show_job(world.market, job_id)["state"] == "queued"
    world.offer()
    world.chain.mine(seconds=30)
    run_round(world.market)
    world.drain()
    assert show_job(world.market, job_id)["state"] == "running"
    assert show_job(world.market, bad)["state"] == "cancelled"


def test_a_dropped_bid_is_matched_again_after_its_pause(world):
    world.offer()
    job_id = world.submit()
    run_round(world.market)
    world.chain.state.paused = True
    world.drain()
    assert show_job(world.market, job_id)["state"] == "queued"
    world.chain.state.paused = False
    assert run_round(world.market) is None, "it sits out first"
    world.chain.mine(seconds=30)
    assert run_round(world.market) is not None
    world.drain()
    assert show_job(world.market, job_id)["state"] == "running"


def test_a_chain_that_goes_away_and_comes_back_loses_nothing(world):
    world.offer()
    job_id = world.submit()
    run_round(world.market)
    process_outbox(world.market)
    world.chain.away = True
    for step in (process_outbox, follow_chain, run_round):
        with pytest.raises(ChainUnavailable):
            step(world.market)
    world.chain.away = False
    world.drain()
    assert show_job(world.market, job_id)["state"] == "running"


def test_a_cancel_before_signing_takes_the_match_out_of_its_transaction(world):
    world.offer()
    bid = world.bid()
    job_id = world.submit(bid)
    run_round(world.market)
    cancel = Cancel(signer=RENTER.address, kind=CancelKind.BID, salt=bid.salt)
    assert cancel_order(world.market, cancel, cancel.sign(DOMAIN, RENTER.key)).orders == [job_id]
    world.drain()
    assert leases(world) == 0
    assert show_job(world.market, job_id)["state"] == "cancelled"
    assert world.chain.is_void(RENTER.address, bid.salt), "and it is void on chain"


def test_a_cancel_after_opening_lets_the_lease_go_on(world):
    world.offer()
    bid = world.bid()
    job_id = world.submit(bid)
    run_round(world.market)
    world.drain()
    cancel = Cancel(signer=RENTER.address, kind=CancelKind.BID, salt=bid.salt)
    assert cancel_order(world.market, cancel, cancel.sign(DOMAIN, RENTER.key)).orders == []
    assert show_job(world.market, job_id)["state"] == "running"


def test_a_settlement_that_the_chain_refuses_takes_the_lease_back_to_its_verdicts(world):
    lease_id = world.open_lease()
    world.attest(lease_id)
    world.judge(lease_id)
    world.sign_batches()
    committee = world.chain.state.committee
    world.chain.state.committee = replace(committee, epoch=2, members=committee.members[2:])
    world.drain()
    assert items(world)[-1].state is OutboxState.FAILED
    assert show_lease(world.market, lease_id)["state"] == "verifying"
    world.chain.state.committee = committee
    world.chain.mine(seconds=10)
    assert propose_batches(world.market) == 1, "once more, alone"
    world.sign_batches()
    world.drain()
    assert show_lease(world.market, lease_id)["state"] == "paid"


def test_a_settlement_does_not_wait_behind_cancels(world):
    lease_id = world.open_lease()
    for _ in range(3):
        bid = world.bid()
        world.submit(bid)
        cancel = Cancel(signer=RENTER.address, kind=CancelKind.BID, salt=bid.salt)
        cancel_order(world.market, cancel, cancel.sign(DOMAIN, RENTER.key))
    world.attest(lease_id)
    world.judge(lease_id)
    world.sign_batches()
    process_outbox(world.market)
    (signed,) = [item for item in items(world) if item.state is OutboxState.SIGNED]
    assert signed.kind is OutboxKind.SETTLE
    world.drain()
    assert {item.state for item in items(world)} == {OutboxState.DONE}
