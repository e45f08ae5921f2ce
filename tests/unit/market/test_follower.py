"""Following the chain: every event once, and nothing kept of a history that the chain has given up."""

import sqlite3
from dataclasses import replace

import pytest

from marketplace.adapters.store import Database
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.messages import Cancel, Receipt
from marketplace.services.cancel_order import cancel_order
from marketplace.services.clear_round import run_round
from marketplace.services.follow_chain import follow_chain
from marketplace.services.outbox import process_outbox
from marketplace.services.show_job import show_job
from tests.fakes.chain import FakeSender
from tests.fakes.databases import only_sqlite
from tests.fakes.world import DOMAIN, PROVIDER, RENTER


@pytest.mark.parametrize("keep", [True, False])
def test_a_reorganised_opening_is_sent_again_and_happens_once(world, keep):
    world.offer()
    job_id = world.submit()
    run_round(world.market)
    world.drain()
    world.chain.reorganise(1, keep_transactions=keep)
    follow_chain(world.market)
    assert show_job(world.market, job_id)["state"] in ("opening", "running")
    world.drain()
    assert show_job(world.market, job_id)["state"] == "running"
    assert len(world.chain.state.leases) == 1


@pytest.mark.parametrize("keep", [True, False])
def test_a_reorganised_settlement_is_sent_again_and_pays_once(world, keep):
    money = world.chain.state.total()
    lease_id = world.open_lease()
    world.attest(lease_id)
    world.judge(lease_id)
    world.sign_batches()
    world.drain()
    with world.market.store.read() as tx:
        job_id = tx.leases.get(lease_id).bid_hash
    world.chain.reorganise(1, keep_transactions=keep)
    follow_chain(world.market)
    world.drain()
    assert show_job(world.market, job_id)["state"] == "paid"
    assert world.chain.state.total() == money


def test_a_reorganisation_deeper_than_the_cursor_rolls_everything_back(world):
    world.offer()
    job_id = world.submit()
    run_round(world.market)
    world.drain()
    world.chain.reorganise(len(world.chain.blocks) - 1, keep_transactions=False)
    world.chain.state.free[RENTER.address] = 0
    follow_chain(world.market)
    assert show_job(world.market, job_id)["state"] == "opening"
    with world.market.store.read() as tx:
        assert tx.leases.of_bid(job_id) == []


def test_following_twice_changes_nothing(world):
    world.open_lease()
    with world.market.store.read() as tx:
        before = tx.leases.open()
    assert not follow_chain(world.market)
    with world.market.store.read() as tx:
        assert tx.leases.open() == before


def test_leases_of_other_markets_are_not_ours(world):
    lease_id = world.open_lease()
    other = replace(world.market, sender=type(world.market.sender)(world.chain, "0x" + "99" * 20))
    other = replace(other, store=type(other.store)(world.folder / "other.db"))
    while follow_chain(other):
        pass
    with other.store.read() as tx:
        assert tx.leases.get(lease_id) is None


def test_reorganised_transactions_are_sent_again_in_the_order_of_their_nonces(world):
    world.offer()
    jobs = [world.submit()]
    run_round(world.market)
    with world.market.store.write() as tx:
        tx.outbox.update(1, next_try_at=world.chain.time + 20)
    jobs.append(world.submit())
    run_round(world.market)
    world.drain()
    world.chain.mine(seconds=30)
    world.drain()
    with world.market.store.read() as tx:
        assert tx.outbox.get(1).nonce > tx.outbox.get(2).nonce
    world.chain.reorganise(3, keep_transactions=False)
    follow_chain(world.market)
    world.drain()
    assert [show_job(world.market, one)["state"] for one in jobs] == ["running", "running"]


@only_sqlite
def test_what_the_chain_says_goes_before_what_an_older_copy_of_the_database_believes(world):
    world.offer()
    job_id = world.submit()
    with sqlite3.connect(world.folder / "market.db") as connection:
        connection.execute("VACUUM INTO ?", (str(world.folder / "backup.db"),))
    run_round(world.market)
    world.drain()
    world.market = replace(world.market, store=Database(world.folder / "backup.db"))
    world.chain.mine(seconds=2000)
    run_round(world.market)
    assert show_job(world.market, job_id)["state"] == "expired"
    follow_chain(world.market)
    assert show_job(world.market, job_id)["state"] == "running"


def test_a_batch_whose_lease_lost_its_end_to_a_reorganisation_settles_it(world):
    lease_id = world.open_lease()
    attestation = world.attest(lease_id)
    with world.market.store.read() as tx:
        lease = tx.leases.get(lease_id)
    world.judge(lease_id)
    world.sign_batches(oracles=())
    receipt = Receipt(lease_id=lease_id, pay=lease.price, result_digest=attestation.result_digest)
    provider = FakeSender(world.chain, PROVIDER.address)
    provider.broadcast(
        provider.prepare_accept(*world.chain.find_group(lease_id), receipt, receipt.sign(DOMAIN, RENTER.key))
    )
    world.drain()
    assert show_job(world.market, lease.bid_hash)["state"] == "paid"
    world.chain.reorganise(1, keep_transactions=False)
    follow_chain(world.market)
    world.chain.mine(seconds=10)
    world.sign_batches()
    world.drain()
    assert show_job(world.market, lease.bid_hash)["state"] == "paid"


def test_a_transaction_that_is_reorganised_away_before_its_block_was_followed_is_sent_again(world):
    world.offer()
    job_id = world.submit()
    run_round(world.market)
    while process_outbox(world.market):
        pass
    world.chain.reorganise(1, keep_transactions=False)
    follow_chain(world.market)
    world.drain()
    assert show_job(world.market, job_id)["state"] == "running"


def test_a_result_that_was_read_before_a_reorganisation_is_not_believed_after_it(world, monkeypatch):
    world.offer()
    job_id = world.submit()
    run_round(world.market)
    process_outbox(world.market)
    process_outbox(world.market)
    follow_chain(world.market)
    ask = world.market.sender.result

    def slow_result(tx_hash):
        result = ask(tx_hash)
        world.chain.reorganise(1, keep_transactions=False)
        while follow_chain(world.market):
            pass
        return result

    with monkeypatch.context() as patch:
        patch.setattr(world.market.sender, "result", slow_result)
        process_outbox(world.market)
    world.chain.mine(seconds=60)
    world.drain()
    assert show_job(world.market, job_id)["state"] == "running"


def test_a_signed_cancel_outlives_the_reorganisation_of_one_on_chain(world):
    world.offer()
    bid = world.bid()
    job_id = world.submit(bid)
    cancel = Cancel(signer=RENTER.address, kind=CancelKind.BID, salt=bid.salt)
    signature = cancel.sign(DOMAIN, RENTER.key)
    renter = FakeSender(world.chain, RENTER.address)
    renter.broadcast(renter.prepare_cancel_for(cancel, signature))
    world.drain()
    assert cancel_order(world.market, cancel, signature).orders == [], "it is void already"
    world.chain.reorganise(1, keep_transactions=False)
    world.drain()
    run_round(world.market)
    assert show_job(world.market, job_id)["state"] == "cancelled"


def test_a_cancelled_ask_that_comes_back_does_not_stand_beside_its_successor(world):
    old = world.ask()
    world.offer(old)
    cancel = Cancel(signer=PROVIDER.address, kind=CancelKind.ASKS_BEFORE, salt=old.salt + 1)
    provider = FakeSender(world.chain, PROVIDER.address)
    provider.broadcast(provider.prepare_cancel_for(cancel, cancel.sign(DOMAIN, PROVIDER.key)))
    world.drain()
    new = world.offer()
    world.chain.reorganise(1, keep_transactions=False)
    world.drain()
    with world.market.store.read() as tx:
        assert [record.ask_hash for record in tx.asks.live()] == [new]
