"""One job from offer to bill, step by step, against a chain in memory that keeps the contracts' rules."""

from dataclasses import replace

import pytest

from marketplace.domain.jobs import JobState
from marketplace.errors import ConflictError, MalformedMessage
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.messages import Cancel, Receipt
from marketplace.services.cancel_order import Cancelled, cancel_order
from marketplace.services.clear_round import run_round
from marketplace.services.follow_chain import rebuild
from marketplace.services.record_evidence import record_receipt
from marketplace.services.refund_lease import refund_overdue, request_refund
from marketplace.services.show_job import list_jobs, show_cost, show_explanation, show_job
from marketplace.services.show_lease import show_lease
from marketplace.services.show_market import show_round, show_transcript
from tests.fakes.world import DOMAIN, ORACLES, PROVIDER, RENTER, USDC


def state(world, job_id: str) -> str:
    return show_job(world.market, job_id)["state"]


def only_job(world) -> str:
    (job,) = list_jobs(world.market)["jobs"]
    return job["jobId"]


def test_a_matched_job_runs_is_verified_and_paid(world):
    money = world.chain.state.total()
    world.offer()
    job_id = world.submit()
    assert state(world, job_id) == "queued"
    run_round(world.market)
    assert state(world, job_id) == "matched"
    world.drain()
    assert state(world, job_id) == "running"
    lease_id = world.lease_of(job_id)
    world.attest(lease_id)
    assert state(world, job_id) == "attested"
    world.judge(lease_id)
    assert state(world, job_id) == "verifying"
    world.sign_batches()
    assert state(world, job_id) == "settling"
    world.drain()
    assert state(world, job_id) == "paid"
    assert world.chain.state.total() == money
    kinds = [event["event"] for event in show_job(world.market, job_id)["timeline"]]
    assert kinds[0] == "queued" and kinds[-1] == "paid"


def test_the_bill_adds_up_line_by_line(world):
    lease_id = world.open_lease()
    world.attest(lease_id)
    world.judge(lease_id)
    world.sign_batches()
    world.drain()
    document = show_cost(world.market, only_job(world))
    (bill,) = document["bills"]
    lines = ("cComp", "cData", "minimumTopup", "scarcityRent", "adjustment")
    assert sum(int(bill[name]) for name in lines) == int(bill["paid"]) + int(bill["fee"])
    assert int(bill["paid"]) + int(bill["fee"]) + int(bill["refund"]) == int(bill["locked"])
    assert bill["secondsUsed"] == 30, "half of the fuel is half of the reserved 60 s"
    assert world.chain.balance(PROVIDER.address).free == int(bill["paid"])


def test_a_fraud_verdict_refunds_and_slashes(world):
    lease_id = world.open_lease()
    world.attest(lease_id)
    world.judge(lease_id, outcome=3, pay=0)
    world.sign_batches()
    world.drain()
    assert state(world, only_job(world)) == "fraud"
    assert world.chain.state.free[RENTER.address] > 100 * USDC


def test_verdicts_that_differ_settle_nothing(world):
    lease_id = world.open_lease()
    world.attest(lease_id)
    world.judge(lease_id, oracles=ORACLES[:1])
    world.judge(lease_id, oracles=ORACLES[1:2], outcome=2, pay=0)
    world.sign_batches()
    world.drain()
    assert state(world, only_job(world)) == "verifying"


def test_an_oracle_that_judges_and_does_not_sign_holds_up_no_lease_on_which_enough_others_agree(world):
    world.offer()
    jobs = [world.submit(), world.submit()]
    run_round(world.market)
    world.drain()
    leases = [world.lease_of(job) for job in jobs]
    for lease_id in leases:
        world.attest(lease_id)
        world.judge(lease_id)
    world.sign_batches(oracles=ORACLES[:1])
    world.judge(leases[0], oracles=ORACLES[2:])
    world.chain.mine(seconds=90)
    for _ in range(2):
        world.sign_batches(oracles=(ORACLES[0], ORACLES[2]))
    world.drain()
    assert [state(world, job) for job in jobs] == ["paid", "settling"]


def test_an_oracle_cannot_change_its_verdict(world):
    lease_id = world.open_lease()
    world.attest(lease_id)
    world.judge(lease_id, oracles=ORACLES[:1])
    with pytest.raises(ConflictError):
        world.judge(lease_id, oracles=ORACLES[:1], outcome=2, pay=0)


def receipt_of(world, lease_id: str, pay: int) -> bool:
    attestation = world.attest(lease_id)
    receipt = Receipt(lease_id=lease_id, pay=pay, result_digest=attestation.result_digest)
    return record_receipt(world.market, lease_id, receipt, receipt.sign(DOMAIN, RENTER.key))


def test_a_receipt_over_the_whole_lock_is_sent_by_the_market(world):
    lease_id = world.open_lease()
    assert receipt_of(world, lease_id, show_lease_price(world, lease_id))
    world.drain()
    assert state(world, only_job(world)) == "paid"


def test_a_receipt_over_less_waits_at_the_lease_for_its_provider(world):
    lease_id = world.open_lease()
    assert receipt_of(world, lease_id, show_lease_price(world, lease_id) - 1)
    world.drain()
    assert state(world, only_job(world)) == "attested"
    assert show_lease(world.market, lease_id)["receipt"]["receipt"]["leaseId"] == lease_id


def test_a_receipt_over_less_does_not_keep_the_oracles_from_settling(world):
    lease_id = world.open_lease()
    assert receipt_of(world, lease_id, show_lease_price(world, lease_id) - 1)
    world.judge(lease_id)
    world.sign_batches()
    world.drain()
    assert state(world, only_job(world)) == "paid"


def test_a_receipt_below_the_metered_pay_is_refused(world):
    lease_id = world.open_lease()
    with pytest.raises(MalformedMessage):
        receipt_of(world, lease_id, 0)


def show_lease_price(world, lease_id: str) -> int:
    return int(show_lease(world.market, lease_id)["price"])


def test_a_lease_past_its_deadline_is_refunded_by_itself(world):
    world.open_lease()
    assert refund_overdue(world.market) == 0
    world.chain.mine(seconds=4000)
    assert refund_overdue(world.market) == 1
    assert refund_overdue(world.market) == 0, "once is enough"
    world.drain()
    assert state(world, only_job(world)) == "refunded"
    assert world.chain.state.free[RENTER.address] == 100 * USDC


def test_a_result_that_came_in_time_may_still_be_settled_shortly_after_the_deadline(world):
    lease_id = world.open_lease()
    world.attest(lease_id)
    world.judge(lease_id)
    world.chain.mine(seconds=3605)
    assert refund_overdue(world.market) == 0
    world.sign_batches()
    world.drain()
    assert state(world, only_job(world)) == "paid"


def test_a_result_that_nobody_settles_is_refunded_all_the_same(world):
    lease_id = world.open_lease()
    world.attest(lease_id)
    world.chain.mine(seconds=4000)
    assert refund_overdue(world.market) == 1


def test_a_refund_asked_for_before_the_deadline_is_a_conflict_that_names_it(world):
    world.open_lease()
    with pytest.raises(ConflictError) as caught:
        request_refund(world.market, only_job(world))
    assert caught.value.values["deadlines"]


def test_a_bid_that_nobody_can_serve_stays_queued_and_says_why(world):
    world.offer()
    big = world.submit(world.bid(vcpus=60))
    before = show_explanation(world.market, big)
    run_round(world.market)
    shown = show_explanation(world.market, big)
    assert set(shown) - set(before) == {"roundDigest"} and not any("_" in name for name in shown)
    assert not shown["matched"] and "vcpus" in shown["reason"]
    assert state(world, big) == "queued"


def test_an_unchanged_book_is_not_cleared_again(world):
    world.submit()
    assert run_round(world.market) is not None
    assert run_round(world.market) is None


def test_a_round_is_served_with_a_transcript_that_recomputes(world):
    from marketplace.clearing import verify_transcript

    world.open_lease()
    shown = show_round(world.market, 1)
    assert shown["matches"][0]["state"] == "opened"
    verify_transcript(show_transcript(world.market, 1), shown["digest"])


def test_a_bid_that_lapses_expires(world):
    job_id = world.submit()
    world.chain.mine(seconds=700)
    run_round(world.market)
    assert state(world, job_id) == "expired"


def test_the_market_pays_for_few_cancels_of_one_account_a_day(world):
    world.market = replace(world.market, rules=replace(world.rules, paid_cancels_per_day=2))

    def cancelled() -> Cancelled:
        bid = world.bid()
        world.submit(bid)
        cancel = Cancel(signer=RENTER.address, kind=CancelKind.BID, salt=bid.salt)
        return cancel_order(world.market, cancel, cancel.sign(DOMAIN, RENTER.key))

    assert [cancelled().is_sent for _ in range(3)] == [True, True, False]
    last = cancelled()
    assert state(world, last.orders[0]) == "cancelled", "it is out of the book all the same"
    world.drain()
    assert world.chain.renter_account(RENTER.address).window.bit_count() == 2
    world.chain.mine(seconds=86_401)
    assert cancelled().is_sent


def test_rebuilding_from_the_chain_gives_the_same_leases(world):
    lease_id = world.open_lease()
    world.attest(lease_id)
    world.judge(lease_id)
    world.sign_batches()
    world.drain()
    before = show_job(world.market, only_job(world))
    rebuild(world.market)
    after = show_job(world.market, only_job(world))
    assert after["leases"] == before["leases"]
    assert after["state"] == JobState.PAID


def test_a_renewed_ask_does_not_make_a_node_larger(world):
    world.offer(world.ask(units=1))
    first = world.submit()
    run_round(world.market)
    world.drain()
    world.offer(world.ask(units=1))
    second = world.submit()
    run_round(world.market)
    assert (state(world, first), state(world, second)) == ("running", "queued")
