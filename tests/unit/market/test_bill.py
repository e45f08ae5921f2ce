"""Bills add up for whatever rates, usage and rent; one that does not is never shown."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.domain.bill import build_bill, validate_bill
from marketplace.domain.chain import CloseReason
from marketplace.domain.leases import Closing, LeaseRecord
from marketplace.errors import ConflictError
from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import Ask, Attestation, Bid
from marketplace.protocol.metering import compute_metered_usage, compute_pay, compute_quote, compute_split

ADDRESS, DIGEST = "0x" + "11" * 20, "0x" + "22" * 32
RATE = st.integers(0, 10**7)


def make_bid(fuel: int, seconds: int, vcpus: int) -> Bid:
    return Bid(
        renter=ADDRESS,
        market=ADDRESS,
        job_digest=DIGEST,
        gpus=0,
        vcpus=vcpus,
        memory_mb=512,
        duration_seconds=seconds,
        fuel=fuel,
        egress_mb=10,
        max_price=2**63,
        replicas=1,
        verification=0,
        settlement=0,
        deadline=1,
        valid_until=1,
        salt=1,
    )


def make_ask(vcpu: int, memory: int, gfuel: int, egress: int, minimum: int) -> Ask:
    return Ask(
        provider=ADDRESS,
        market=ADDRESS,
        agent=ADDRESS,
        profile_digest=DIGEST,
        gpu_hour_rate=0,
        vcpu_hour_rate=vcpu,
        gb_hour_rate=memory,
        gfuel_rate=gfuel,
        egress_gb_rate=egress,
        minimum_charge=minimum,
        units=1,
        valid_until=1,
        salt=1,
    )


def make_attestation(fuel: int, egress: int) -> Attestation:
    return Attestation(
        lease_id=DIGEST,
        job_digest=DIGEST,
        result_digest=DIGEST,
        fuel=fuel,
        wall_seconds=1,
        egress_bytes=egress,
        exit_kind=0,
        exit_code=0,
        sandbox_digest=DIGEST,
        started_at=0,
        finished_at=1,
    )


def make_lease(price: int, closing: Closing | None) -> LeaseRecord:
    return LeaseRecord(
        DIGEST, DIGEST, DIGEST, ADDRESS, ADDRESS, ADDRESS, DIGEST, price, 500, 1, 1, 0, 0, DIGEST, 1, "", closing
    )


def close(price: int, pay: int, outcome: Outcome, reason: CloseReason = CloseReason.VERDICT) -> Closing:
    split = compute_split(price, pay, 500)
    return Closing(outcome, split.paid, split.fee, split.refund, DIGEST, reason, 2, "")


@given(
    st.tuples(RATE, RATE, RATE, RATE, RATE),
    st.integers(1, 10**12),
    st.floats(0, 1),
    st.integers(0, 10 * 10**6),
    st.integers(0, 10**9),
)
@settings(max_examples=150, deadline=None)
def test_every_line_of_a_paid_bill_adds_up(rates, fuel, share, egress, rent):
    bid, ask = make_bid(fuel, 600, 2), make_ask(*rates)
    attestation = make_attestation(int(fuel * share), egress)
    price = compute_quote(ask.rates, bid.resources).total + rent
    used = compute_metered_usage(bid.resources, attestation.fuel, egress, attestation.wall_seconds)
    pay = compute_pay(ask.rates, bid.resources, used, price)
    bill = build_bill(bid, ask, make_lease(price, close(price, pay, Outcome.PAID)), attestation)
    assert bill.c_comp + bill.c_data + bill.minimum_topup + bill.scarcity_rent == bill.paid + bill.fee
    assert bill.adjustment == 0
    assert bill.paid + bill.fee + bill.refund == price


def test_a_receipt_over_more_than_the_metered_pay_shows_the_difference():
    bid, ask = make_bid(10**10, 600, 1), make_ask(10**5, 0, 1000, 0, 0)
    price = compute_quote(ask.rates, bid.resources).total
    lease = make_lease(price, close(price, price, Outcome.PAID, CloseReason.RECEIPT))
    bill = build_bill(bid, ask, lease, make_attestation(10**9, 0))
    assert bill.adjustment > 0
    assert bill.c_comp + bill.scarcity_rent + bill.adjustment == price


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.FRAUD])
def test_without_a_result_nothing_is_charged(outcome):
    bid, ask = make_bid(10**10, 600, 1), make_ask(10**5, 0, 1000, 0, 100)
    lease = make_lease(5000, close(5000, 0, outcome))
    bill = build_bill(bid, ask, lease, make_attestation(10**9, 0))
    assert (bill.c_comp, bill.paid, bill.fee, bill.refund) == (0, 0, 0, 5000)
    assert bill.penalty == (5000 if outcome is Outcome.FRAUD else 0)
    assert bill.fuel_used == 10**9


def test_a_bill_that_does_not_add_up_is_refused():
    bid, ask = make_bid(10**10, 600, 1), make_ask(10**5, 0, 1000, 0, 0)
    bill = build_bill(bid, ask, make_lease(5000, close(5000, 0, Outcome.FAILED)), None)
    with pytest.raises(ConflictError):
        validate_bill(replace(bill, refund=4999))
    with pytest.raises(ConflictError):
        validate_bill(replace(bill, c_comp=1))
