"""Quotes, metered pay and the split of a lease's money."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.errors import MalformedMessage
from marketplace.protocol.metering import (
    Rates,
    Resources,
    compute_metered_usage,
    compute_pay,
    compute_quote,
    compute_split,
)

money = st.integers(0, 10**9)
rates_ = st.builds(Rates, gpu_hour=money, vcpu_hour=money, gb_hour=money, gfuel=money, egress_gb=money, minimum=money)
reserved_ = st.builds(
    Resources,
    gpus=st.integers(0, 8),
    vcpus=st.integers(0, 64),
    memory_mb=st.integers(0, 10**6),
    seconds=st.integers(0, 10**6),
    fuel=st.integers(1, 10**15),
    egress_mb=st.integers(0, 10**5),
)


def test_quote_rounds_every_line_up_and_adds_them():
    rates = Rates(gpu_hour=0, vcpu_hour=40_000, gb_hour=5_000, gfuel=100, egress_gb=20_000, minimum=10)
    quote = compute_quote(rates, Resources(0, 2, 512, 60, 1_500_000_001, 3))
    assert (quote.vcpu, quote.memory, quote.fuel, quote.egress) == (1334, 43, 151, 60)
    assert quote.total == quote.compute + quote.data == 1588


def test_quote_is_never_below_the_minimum_charge():
    quote = compute_quote(Rates(0, 1, 0, 0, 0, 500), Resources(0, 1, 0, 1, 0, 0))
    assert (quote.total, quote.minimum_topup) == (500, 499)


def test_job_without_fuel_is_charged_by_attested_seconds_up_to_those_reserved():
    reserved = Resources(gpus=1, vcpus=2, memory_mb=512, seconds=600, fuel=0, egress_mb=10)
    assert compute_metered_usage(reserved, 0, 1, 7).seconds == 7
    assert compute_metered_usage(reserved, 0, 1, 10**6).seconds == 600


def test_job_with_fuel_is_charged_by_fuel_whatever_time_its_machine_says():
    reserved = Resources(gpus=0, vcpus=2, memory_mb=512, seconds=600, fuel=100, egress_mb=10)
    assert {compute_metered_usage(reserved, 50, 1, wall).seconds for wall in (0, 7, 10**6)} == {300}


@given(rates_, reserved_, st.data())
def test_pay_is_monotone_in_usage_and_within_price(rates, reserved, data):
    more = data.draw(st.integers(0, reserved.fuel))
    less = data.draw(st.integers(0, more))
    price = compute_quote(rates, reserved).total * 3 // 2
    pays = [compute_pay(rates, reserved, compute_metered_usage(reserved, fuel, 0, 0), price) for fuel in (less, more)]
    assert 0 <= pays[0] <= pays[1] <= price


@given(rates_, reserved_)
def test_full_usage_at_the_quote_pays_the_quote(rates, reserved):
    used = compute_metered_usage(reserved, reserved.fuel, reserved.egress_mb * 1_000_000, 0)
    total = compute_quote(rates, reserved).total
    assert used == reserved
    assert compute_pay(rates, reserved, used, total) == total


@given(rates_, reserved_, st.data())
def test_pay_never_exceeds_the_clearing_multiplier_times_the_metered_quote(rates, reserved, data):
    used = compute_metered_usage(reserved, data.draw(st.integers(0, reserved.fuel)), 0, 0)
    total = compute_quote(rates, reserved).total
    price = total + data.draw(money)
    if total:
        exact = Fraction(price, total) * compute_quote(rates, used).total
        assert compute_pay(rates, reserved, used, price) <= exact


def test_usage_beyond_the_reservation_is_refused():
    reserved = Resources(0, 1, 64, 10, 100, 1)
    with pytest.raises(MalformedMessage, match="fuel"):
        compute_metered_usage(reserved, 101, 0, 0)
    with pytest.raises(MalformedMessage, match="egress"):
        compute_metered_usage(reserved, 1, 1_000_001, 0)


@given(st.integers(0, 2**64 - 1), st.integers(0, 1000), st.data())
def test_split_conserves_every_micro_usdc(locked, fee_bps, data):
    split = compute_split(locked, data.draw(st.integers(0, locked)), fee_bps)
    assert split.paid + split.fee + split.refund == locked
    assert min(split.paid, split.fee, split.refund) >= 0


def test_pay_above_the_lock_is_refused():
    with pytest.raises(MalformedMessage, match="locked"):
        compute_split(10, 11, 500)
