"""What the doctor makes of a market's answers, over a real socket, and of the chain."""

import pytest

from agent.doctor.chain import check_clock, check_gas, check_stake
from agent.doctor.finding import Health
from agent.doctor.market import (
    check_judged,
    check_market,
    check_market_clock,
    check_rates,
    examine_market,
    look_at_market,
)
from marketplace.errors import MalformedMessage, ServiceUnavailable
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.messages import Bid
from marketplace.protocol.metering import Rates
from marketplace.protocol.units import MICRO_PER_USDC
from tests.unit.agent.doctor.conftest import DOMAIN, HEALTH, NOW, play_chain

USDC = MICRO_PER_USDC
CHEAP = Rates(gpu_hour=0, vcpu_hour=36_000, gb_hour=0, gfuel=0, egress_gb=0, minimum=0)
"""An hour of a vCPU at 0.036 USDC: 3,000 micro-USDC for five minutes."""
DEAR = Rates(gpu_hour=0, vcpu_hour=360_000, gb_hour=0, gfuel=0, egress_gb=0, minimum=0)


def bid(salt, max_price=USDC, gpus=0):
    return Bid(
        renter="0x" + "11" * 20, market="0x" + "22" * 20, job_digest="0x" + "33" * 32, gpus=gpus, vcpus=1,
        memory_mb=512, duration_seconds=300, fuel=10**9, egress_mb=1, max_price=max_price, replicas=1, verification=0,
        settlement=0, deadline=NOW + 900, valid_until=NOW + 600, salt=salt,
    )  # fmt: skip


def sell(market, *sales, caps=()):
    """Rounds 9 (empty) and 8, in which each (price, gpus) was sold, beside bids with these caps that were not."""
    bids = [bid(salt, gpus=gpus) for salt, (_, gpus) in enumerate(sales)]
    waiting = [bid(100 + place, cap) for place, cap in enumerate(caps)]
    market.answers["/api/v1/rounds"] = {"rounds": [{"number": 9, "matched": 0}, {"number": 8, "matched": len(sales)}]}
    market.answers["/api/v1/rounds/8/transcript"] = {
        "bids": [{"bid": each.to_json()} for each in [*bids, *waiting]],
        "matches": [
            {"bidHash": one.struct_hash(), "price": str(price)} for one, (price, _) in zip(bids, sales, strict=True)
        ],
    }


def look(market, ahead=0.0):
    return look_at_market(market.url, lambda: NOW + ahead)


# --- is it the right one, and there ------------------------------------------------------------------------------


def test_market_of_ones_own_contracts_is_well(market):
    assert check_market(look(market), DOMAIN).health is Health.OK
    assert check_market(look(market), None).health is Health.OK


@pytest.mark.parametrize(
    ("other", "said"), [(Domain(1, DOMAIN.escrow), "chain 1337"), (Domain(1337, "0x" + "ab" * 20), "escrow")]
)
def test_market_of_another_chain_or_escrow_fails(market, other, said):
    found = check_market(look(market), other)
    assert found.health is Health.FAIL and said in found.found and "--address-book" in found.remedy


def test_market_that_has_lost_its_chain_is_warned_of(market):
    market.answers["/health"] = HEALTH | {"status": "chain_unavailable"}
    assert check_market(look(market), DOMAIN).health is Health.WARN


@pytest.mark.parametrize("answer", [{}, [], {"status": "ok"}, HEALTH | {"chainId": "many"}])
def test_what_answers_and_is_no_market_is_an_expected_error(market, answer):
    market.answers["/health"] = answer
    with pytest.raises((MalformedMessage, ServiceUnavailable)):
        look(market)


def test_rounds_that_cannot_be_read_leave_the_market_well_and_its_prices_unknown(market):
    sell(market, (3_000, 0))
    market.answers["/api/v1/rounds/8/transcript"]["bids"] = []
    seen, clock, _, rates = examine_market(look(market), DOMAIN, CHEAP, 0, "")
    assert (seen.health, clock.health, rates.health) == (Health.OK, Health.OK, Health.WARN)
    assert "the market's rounds" in rates.found
    del market.answers["/api/v1/rounds"]
    assert look(market).trouble == "No."


@pytest.mark.parametrize(
    ("ahead", "health", "said"),
    [(60, Health.OK, "within"), (-60, Health.OK, "within"), (62, Health.FAIL, "62 s ahead"),
     (-62, Health.FAIL, "62 s behind")],
)  # fmt: skip
def test_clock_is_compared_with_the_markets_both_ways(market, ahead, health, said):
    found = check_market_clock(look(market, ahead))
    assert found.health is health and said in found.found


@pytest.mark.parametrize("date", [None, "soon"])
def test_market_that_says_no_time_is_not_judged_by_it(market, date):
    market.date = date
    assert look(market).skew is None and check_market_clock(look(market)).health is Health.OK


# --- who could judge what this machine runs -----------------------------------------------------------------------

OWN, OTHERS = "0x" + "0a" * 32, "0x" + "0b" * 32


@pytest.mark.parametrize(
    ("judged", "own", "health", "said"),
    [
        ([OWN, OTHERS], OWN, Health.OK, "enough of them have this machine's"),
        ([OTHERS], OWN, Health.WARN, "they have 0x0b0b0b0b, this machine 0x0a0a0a0a"),
        ([OTHERS], "", Health.OK, "of no matter"),
        ([], OWN, Health.OK, "does not say"),
        (None, OWN, Health.OK, "does not say"),
    ],
)
def test_machine_whose_sandbox_no_oracle_has_is_told_so(market, judged, own, health, said):
    if judged is not None:
        market.answers["/api/v1/oracle/members"] = {"judgedSandboxes": judged}
    found = check_judged(look(market), own)
    assert found.health is health and said in found.found


# --- rates and stake, against what the market sees ----------------------------------------------------------------


def test_rates_above_what_most_sales_were_made_at_are_warned_of(market):
    sell(market, (3_000, 0), (3_100, 0), (40_000, 0))
    view = look(market)
    assert check_rates(view, CHEAP, gpus=0).health is Health.OK
    found = check_rates(view, DEAR, gpus=0)
    assert found.health is Health.WARN
    assert found.found == "dearer than 2 of the last 3 sales: median 0.030000 USDC, they 0.003100 USDC"


def test_sales_that_need_gpus_say_nothing_to_a_machine_without_any(market):
    sell(market, (3_000, 8))
    assert "no sale" in check_rates(look(market), DEAR, gpus=0).found
    assert check_rates(look(market), DEAR, gpus=8).health is Health.WARN


def test_market_without_sales_gives_nothing_to_compare_with(market):
    assert [each.health for each in examine_market(look(market), DOMAIN, DEAR, 0, "")] == [Health.OK] * 4


def test_stake_below_the_caps_that_the_market_sees_is_warned_of_with_the_sum_that_covers_them(market):
    sell(market, (3_000, 0), caps=[5 * USDC, 7 * USDC + 1])
    found = check_stake(play_chain(stake=5 * USDC), "0x", look(market).caps, " --wallet mine")
    assert found.health is Health.WARN and "1 of the last 3 bids" in found.found
    assert "`hive provider stake 3 --wallet mine`" in found.remedy
    assert check_stake(play_chain(stake=8 * USDC), "0x", look(market).caps, "").health is Health.OK


def test_stake_that_covers_open_leases_only_is_no_failure():
    assert check_stake(play_chain(stake=USDC, locked=USDC), "0x", (), "").health is Health.WARN
    assert check_stake(play_chain(stake=0), "0x", (USDC,), "").health is Health.FAIL


@pytest.mark.parametrize(("gas", "margin", "health"), [(1, 300, Health.OK), (0, 300, Health.WARN), (0, 0, Health.OK)])
def test_gas_money_is_needed_for_claims_alone(gas, margin, health):
    assert check_gas(play_chain(gas=gas), "0x" + "11" * 20, margin).health is health


@pytest.mark.parametrize(
    ("behind", "health"), [(-3_600, Health.OK), (60, Health.OK), (61, Health.FAIL)]
)  # an idle chain's last block may be old
def test_clock_behind_the_chain_fails(behind, health):
    assert check_clock(play_chain(timestamp=NOW + behind), NOW).health is health
