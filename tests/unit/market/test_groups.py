"""Leases stand in groups of 32: what the market serves closes one alone, and what it sends closes many together."""

from marketplace.protocol.messages import Receipt
from marketplace.protocol.packing import LeaseGroup, LeaseTerms
from marketplace.services.clear_round import run_round
from marketplace.services.refund_lease import refund_overdue
from marketplace.services.show_job import show_job
from marketplace.services.show_lease import list_leases, show_lease
from tests.fakes.chain import FakeSender
from tests.fakes.world import DOMAIN, OPERATOR, PROVIDER, RENTER, USDC


def open_many(world, count: int) -> list[str]:
    """Leases of `count` jobs, opened in one transaction."""
    world.chain.state.free[RENTER.address] = world.chain.state.active[PROVIDER.address] = 900 * USDC
    world.offer(world.ask(units=count))
    jobs = [world.submit(world.bid(vcpus=0, memory_mb=1)) for _ in range(count)]
    run_round(world.market)
    world.drain()
    return [world.lease_of(job) for job in jobs]


def served_group(document) -> LeaseGroup:
    """The group as somebody who has nothing but the lease's document rebuilds it."""
    group = document["group"]
    words = [int(word) for word in group["terms"]]
    pairs = zip(group["bidHashes"], words[::2], words[1::2], strict=True)
    return LeaseGroup(OPERATOR.address, int(group["number"]), tuple(LeaseTerms.from_words(*one) for one in pairs))


def test_a_leases_document_is_all_it_takes_to_close_it(world):
    for lease_id in open_many(world, 40)[::13]:
        shown = show_lease(world.market, lease_id)
        group, place = served_group(shown), shown["group"]["place"]
        assert group.lease_ids()[place] == lease_id
        receipt = Receipt(lease_id=lease_id, pay=int(shown["price"]), result_digest="0x" + "11" * 32)
        provider = FakeSender(world.chain, PROVIDER.address)
        provider.broadcast(provider.prepare_accept(group, place, receipt, receipt.sign(DOMAIN, RENTER.key)))
        world.drain()
        assert show_lease(world.market, lease_id)["state"] == "paid"
        assert show_lease(world.market, lease_id)["group"] is None


def test_one_settlement_closes_leases_of_several_groups_and_each_as_it_was_judged(world):
    leases = open_many(world, 40)
    for number, lease_id in enumerate(leases):
        world.attest(lease_id)
        world.seal_as(lease_id, **({"outcome": 2, "pay": 0} if number % 3 == 0 else {}))
    world.reveal_all()
    world.sign_batches()
    before = world.chain.broadcasts
    world.drain()
    assert world.chain.broadcasts == before + 1
    states = [show_lease(world.market, one)["state"] for one in leases]
    assert states == ["failed" if number % 3 == 0 else "paid" for number in range(40)]
    page = list_leases(world.market, limit=40)["leases"]
    assert sum(int(one["paid"]) + int(one["fee"]) + int(one["refund"]) for one in page) == sum(
        int(one["price"]) for one in page
    )


def test_late_leases_of_several_groups_are_refunded_together(world):
    leases = open_many(world, 40)
    world.chain.mine(seconds=4000)
    assert refund_overdue(world.market) == 40
    before = world.chain.broadcasts
    world.drain()
    assert world.chain.broadcasts == before + 1
    assert {show_lease(world.market, one)["state"] for one in leases} == {"refunded"}


def test_a_lease_that_closed_meanwhile_does_not_disturb_its_batch(world):
    first, second = open_many(world, 2)
    for lease_id in (first, second):
        world.attest(lease_id)
        world.judge(lease_id)
    world.sign_batches(oracles=())
    shown = show_lease(world.market, first)
    receipt = Receipt(lease_id=first, pay=int(shown["price"]), result_digest=shown["resultDigest"])
    provider = FakeSender(world.chain, PROVIDER.address)
    group, place = world.chain.find_group(first)
    provider.broadcast(provider.prepare_accept(group, place, receipt, receipt.sign(DOMAIN, RENTER.key)))
    world.drain()
    world.sign_batches()
    world.drain()
    assert show_lease(world.market, first)["reason"] == "receipt"
    assert show_lease(world.market, second)["reason"] == "verdict"


def test_a_batch_whose_group_number_went_to_others_is_signed_anew_without_it(world):
    first, second = open_many(world, 2)
    other = world.lease_of(one_more(world))
    for lease_id in (first, second, other):
        world.attest(lease_id)
        world.judge(lease_id)
    world.sign_batches()
    for lease_id in (first, second):
        accept(world, lease_id)
    stranger_bid = one_more(world, drain=False)
    with world.market.store.write() as tx:
        (settlement,) = [item for item in tx.outbox.unfinished() if item.kind.value == "settle"]
        tx.outbox.update(settlement.id, next_try_at=world.chain.time + 30)
    world.drain()
    assert show_job(world.market, stranger_bid)["leases"][0]["group"]["number"] == "0"
    world.chain.mine(seconds=60)
    world.drain()
    assert show_lease(world.market, other)["state"] == "verifying", "the terms are not the group's any more"
    world.sign_batches()
    world.drain()
    assert show_lease(world.market, other)["state"] == "paid"


def one_more(world, *, drain: bool = True) -> str:
    world.offer(world.ask(units=9))
    job_id = world.submit()
    run_round(world.market)
    if drain:
        world.drain()
    return job_id


def accept(world, lease_id: str) -> None:
    shown = show_lease(world.market, lease_id)
    receipt = Receipt(lease_id=lease_id, pay=int(shown["price"]), result_digest=shown["resultDigest"])
    provider = FakeSender(world.chain, PROVIDER.address)
    group, place = world.chain.find_group(lease_id)
    provider.broadcast(provider.prepare_accept(group, place, receipt, receipt.sign(DOMAIN, RENTER.key)))
