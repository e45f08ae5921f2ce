"""Claimed and disputed leases: followed, shown, settled by the oracles, and taken back by a reorganisation."""

from dataclasses import replace

import pytest

from marketplace.errors import ConflictError
from marketplace.protocol.messages import Receipt
from marketplace.services.clear_round import run_round
from marketplace.services.follow_chain import follow_chain
from marketplace.services.outbox import process_outbox
from marketplace.services.record_evidence import record_receipt
from marketplace.services.refund_lease import refund_overdue, request_refund
from marketplace.services.settle_batch import propose_batches
from marketplace.services.show_job import show_cost, show_job
from marketplace.services.show_lease import list_claims, show_lease
from tests.fakes.chain import FakeSender
from tests.fakes.world import DOMAIN, ORACLES, PROVIDER, RENTER


def send(world, account, call: str, *args) -> None:
    sender = FakeSender(world.chain, account.address)
    sender.broadcast(sender.prepare(call, *args))


def claim(world, lease_id: str, pay: int | None = None) -> None:
    """The provider claims what its evidence is worth, or `pay`."""
    pay = world.pay(lease_id) if pay is None else pay
    with world.market.store.read() as tx:
        attestation = tx.evidence.attestation(lease_id).attestation
    group, place = world.chain.find_group(lease_id)
    send(world, PROVIDER, "claim", group, place, pay, attestation, PROVIDER.address, "0x")


def claimed_lease(world, lease_id: str):
    with world.market.store.read() as tx:
        return tx.leases.get(lease_id).claimed


def state(world, lease_id: str) -> str:
    return show_lease(world.market, lease_id)["state"]


@pytest.fixture
def lease_id(world) -> str:
    """An attested lease that its provider has claimed."""
    lease_id = world.open_lease()
    world.attest(lease_id)
    claim(world, lease_id)
    world.drain()
    return lease_id


def test_a_claim_is_shown_with_the_terms_that_release_it(world, lease_id):
    shown = show_lease(world.market, lease_id)
    assert (shown["state"], shown["group"]) == ("attested", None)
    assert (shown["claim"]["state"], shown["claim"]["pay"]) == ("claimed", str(world.pay(lease_id)))
    assert [int(word) for word in shown["claim"]["terms"]] == list(claimed_lease(world, lease_id).terms.words())
    send(world, RENTER, "release", claimed_lease(world, lease_id))
    world.drain()
    shown = show_lease(world.market, lease_id)
    assert (shown["state"], shown["reason"], shown["claim"]["state"]) == ("paid", "claim_released", "closed")
    (bill,) = show_cost(world.market, shown["jobId"])["bills"]
    assert (bill["adjustment"], int(bill["pay"])) == ("0", int(shown["claim"]["pay"]))


def test_a_claim_without_evidence_at_the_market_still_counts_as_attested(world):
    lease_id = world.open_lease()
    group, place = world.chain.find_group(lease_id)
    send(world, PROVIDER, "claim", group, place, 5, world.attestation(lease_id), PROVIDER.address, "0x")
    world.drain()
    assert state(world, lease_id) == "attested"


@pytest.mark.parametrize("disputed", [False, True])
def test_the_oracles_settle_a_claimed_lease(world, lease_id, disputed):
    money = world.chain.state.total()
    if disputed:
        send(world, RENTER, "dispute", claimed_lease(world, lease_id))
        world.drain()
        shown = show_lease(world.market, lease_id)["claim"]
        assert shown["state"] == "disputed" and int(shown["bond"]) > 0
    assert [one["leaseId"] for one in list_claims(world.market, ORACLES[0].address)["claims"]] == [lease_id]
    world.judge(lease_id)
    world.sign_batches()
    world.drain()
    shown = show_lease(world.market, lease_id)
    assert (shown["state"], shown["reason"], shown["claim"]["state"]) == ("paid", "verdict", "closed")
    assert world.chain.state.total() == money


def test_a_dispute_that_nobody_decides_returns_the_money(world, lease_id):
    send(world, RENTER, "dispute", claimed_lease(world, lease_id))
    world.chain.mine(seconds=300_000)
    send(world, RENTER, "expire_dispute", claimed_lease(world, lease_id))
    world.drain()
    shown = show_lease(world.market, lease_id)
    assert (shown["state"], shown["outcome"], shown["reason"]) == ("refunded", "none", "dispute_expired")
    assert "disputed" in shown["detail"]
    assert show_cost(world.market, shown["jobId"])["bills"][0]["paid"] == "0"


def test_a_claimed_lease_is_not_refunded_at_its_deadline(world, lease_id):
    world.chain.mine(seconds=4000)
    assert refund_overdue(world.market) == 0
    with pytest.raises(ConflictError):
        request_refund(world.market, show_lease(world.market, lease_id)["jobId"])


def test_a_claim_that_overtakes_the_refund_leaves_nothing_to_refund(world):
    lease_id = world.open_lease()
    world.attest(lease_id)
    world.chain.mine(seconds=3600 - 10)
    claim(world, lease_id)
    world.chain.mine(seconds=4000)
    assert refund_overdue(world.market) == 0, "the chain knows of the claim before the market does"


def test_a_claimed_lease_takes_no_receipt_and_one_on_its_way_does_not_hold_up_the_oracles(world):
    lease_id = world.open_lease()
    attestation = world.attest(lease_id)
    price = int(show_lease(world.market, lease_id)["price"])
    receipt = Receipt(lease_id=lease_id, pay=price, result_digest=attestation.result_digest)
    signature = receipt.sign(DOMAIN, RENTER.key)
    record_receipt(world.market, lease_id, receipt, signature)
    claim(world, lease_id)
    follow_chain(world.market)
    assert state(world, lease_id) == "attested"
    world.drain()
    with pytest.raises(ConflictError, match="claimed"):
        record_receipt(world.market, lease_id, receipt, signature)
    world.judge(lease_id)
    world.sign_batches()
    world.drain()
    assert state(world, lease_id) == "paid"


@pytest.mark.parametrize("signed_first", [False, True])
def test_a_batch_that_loses_a_lease_to_a_claim_settles_the_others_and_the_claim_later(world, signed_first):
    world.offer()
    jobs = [world.submit(), world.submit()]
    run_round(world.market)
    world.drain()
    leases = [world.lease_of(job) for job in jobs]
    for lease_id in leases:
        world.attest(lease_id)
        world.judge(lease_id)
    world.sign_batches(ORACLES[:2] if signed_first else ())
    if signed_first:
        world.chain.mining = False
        for _ in range(2):
            process_outbox(world.market)
        settlement, world.chain.mempool = world.chain.mempool, []
        world.chain.mining = True
        claim(world, leases[0])
        world.chain.mempool = settlement
        world.chain.mine()
    else:
        claim(world, leases[0])
        follow_chain(world.market)
        world.sign_batches()
    world.drain()
    assert (state(world, leases[0]), state(world, leases[1])) == ("settling", "paid")
    propose_batches(world.market)
    assert state(world, leases[0]) == "verifying"
    world.chain.mine(seconds=30)
    world.sign_batches()
    world.drain()
    assert [state(world, one) for one in leases] == ["paid", "paid"]


def test_a_claim_that_is_reorganised_away_leaves_the_lease_in_its_group(world, lease_id):
    assert show_lease(world.market, lease_id)["claim"]["state"] == "claimed"
    world.chain.reorganise(1, keep_transactions=False)
    follow_chain(world.market)
    shown = show_lease(world.market, lease_id)
    assert shown["claim"] is None and shown["group"]["place"] == 0
    world.judge(lease_id)
    world.sign_batches()
    world.drain()
    assert state(world, lease_id) == "paid"


def test_a_dispute_that_is_reorganised_away_leaves_the_claim(world, lease_id):
    until = show_lease(world.market, lease_id)["claim"]["until"]
    send(world, RENTER, "dispute", claimed_lease(world, lease_id))
    world.drain()
    assert show_lease(world.market, lease_id)["claim"]["until"] > until
    world.chain.reorganise(1, keep_transactions=False)
    follow_chain(world.market)
    shown = show_lease(world.market, lease_id)["claim"]
    assert (shown["state"], shown["until"], shown["bond"]) == ("claimed", until, None)


def test_a_reorganised_settlement_of_a_claim_is_sent_again(world, lease_id):
    world.judge(lease_id)
    world.sign_batches()
    world.drain()
    assert state(world, lease_id) == "paid"
    world.chain.reorganise(1, keep_transactions=False)
    follow_chain(world.market)
    assert state(world, lease_id) == "settling"
    world.drain()
    world.chain.mine(seconds=60)
    world.drain()
    assert state(world, lease_id) == "paid"


def test_a_claim_that_vanishes_after_its_settlement_was_signed_is_settled_in_its_group(world, lease_id):
    """The same verdicts and signatures close a lease by whichever call fits where it stands."""
    world.judge(lease_id)
    world.sign_batches()
    world.chain.reorganise(1, keep_transactions=False)
    follow_chain(world.market)
    world.drain()
    assert state(world, lease_id) == "paid"


def test_a_claimed_lease_does_not_stand_in_the_way_of_its_place(world, lease_id):
    world.market = replace(world.market, rules=replace(world.rules, hold_seconds=0))
    job = world.submit()
    run_round(world.market)
    world.drain()
    second = world.lease_of(job)
    with world.market.store.read() as tx:
        first, other = tx.leases.get(lease_id), tx.leases.get(second)
    assert (first.group, first.place) == (other.group, other.place), "the number is free again"
    world.attest(second)
    world.judge(second)
    world.sign_batches()
    world.drain()
    assert (state(world, lease_id), state(world, second)) == ("attested", "paid")
    assert show_job(world.market, job)["state"] == "paid"
