"""From a run to its usage report: measured where it can be, else by the model that carbon is priced with."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.attest import attest, report_usage
from agent.metering.report import Site, build_report, compute_energy
from agent.sandbox.types import Usage
from marketplace.clearing.wishes import Places
from marketplace.clearing.wishes import Site as AuctionSite
from marketplace.domain import atlas
from marketplace.protocol.enums import FigureOrigin
from tests.unit.agent.test_work import ended, lease_terms
from tests.unit.clearing.market import ask, bid, profile

TERMS, LEASE = lease_terms(), "0x" + "11" * 32
SITE = Site(vcpu=4_000, gpu=700_000, grams_per_kwh=276, pue_per_mille=1_560)
WORKED = Usage(cpu_seconds=2.1, peak_memory_bytes=80_500_000, ingress_bytes=812)
DRAWN = replace(WORKED, cpu_joules=12.5)


def ran(usage: Usage, seconds: float = 2.5):
    return ended(usage=usage, wall_seconds=seconds)


def told(usage: Usage, placed=TERMS.bid):
    return build_report(LEASE, placed, ran(usage), SITE)


def test_what_the_sandbox_measured_is_reported_as_measured_and_nothing_else_is():
    report = told(WORKED)
    assert report.figure("cpu_milliseconds") == 2_100 and report.figure("peak_memory_bytes") == 80_500_000
    assert report.figure("ingress_bytes") == 812 and report.figure("egress_bytes") == 100
    assert report.origin("cpu_milliseconds") is FigureOrigin.MEASURED
    assert report.figure("gpu_milliseconds") is None and report.figure("gpu_peak_memory_bytes") is None


def test_energy_without_counters_is_the_model_over_what_was_used():
    """2.1 s at 4 W and 81 MB at 0.15 W a GB for 2.5 s: 8.43 J; times 1.56 at 276 g/kWh: 1.008 mg, rounded up."""
    report = told(WORKED)
    assert (report.energy_millijoules, report.origin("energy_millijoules")) == (8_431, FigureOrigin.MODELLED)
    assert (report.carbon_milligrams, report.origin("carbon_milligrams")) == (2, FigureOrigin.MODELLED)


def test_energy_of_counters_is_measured_and_its_grams_are_still_modelled():
    report = told(DRAWN)
    assert (report.energy_millijoules, report.origin("energy_millijoules")) == (12_500, FigureOrigin.MEASURED)
    assert report.origin("carbon_milligrams") is FigureOrigin.MODELLED


def test_energy_of_a_run_that_nobody_measured_is_what_it_had_reserved_for_its_time():
    """1 vCPU at 4 W and 256 MB at 0.15 W a GB for 2.5 s."""
    assert compute_energy(TERMS.bid, ran(Usage()), SITE) == (10_096, FigureOrigin.MODELLED)


def test_gpu_that_tells_nothing_counts_with_its_board_power_and_makes_the_sum_modelled():
    placed = bid(gpus=2).bid
    assert compute_energy(placed, ran(DRAWN), SITE) == (12_500 + 2 * 700 * 2_500, FigureOrigin.MODELLED)
    assert compute_energy(placed, ran(replace(DRAWN, gpu_joules=90.0)), SITE) == (102_500, FigureOrigin.MEASURED)


def test_time_at_work_of_gpus_is_never_beyond_the_runs_own():
    placed = bid(gpus=2).bid
    assert told(replace(DRAWN, gpu_seconds=7.0), placed).figure("gpu_milliseconds") == 6_000
    assert told(replace(DRAWN, gpu_seconds=1.5), placed).figure("gpu_milliseconds") == 1_500


def test_memory_that_a_sandbox_adds_to_the_jobs_own_is_not_reported():
    assert told(replace(WORKED, peak_memory_bytes=300_000_000)).peak_memory_bytes == TERMS.bid.memory_mb * 10**6


@pytest.mark.parametrize(
    ("fields", "grams"),
    [
        ({"region": "europe-west3", "carbonGramsPerKwh": 20}, 20),
        ({"region": "europe-west3"}, 276),
        ({"region": "nowhere"}, atlas.dirtiest_grid()),
    ],
)
def test_grams_are_the_nodes_own_else_its_regions_else_the_dirtiest_as_for_the_auction(fields, grams):
    node = profile(**fields)
    assert Site.of(node).grams_per_kwh == grams == AuctionSite.of(ask(1, node=node)).grams_per_kwh
    assert Site.of(node).pue_per_mille == AuctionSite.of(ask(1, node=node)).pue_per_mille


usages = st.builds(
    Usage,
    cpu_seconds=st.none() | st.floats(0, 60),
    peak_memory_bytes=st.none() | st.integers(0, 256_000_000),
    cpu_joules=st.none() | st.floats(0, 1e6),
)


@given(usages, st.floats(0, 60), st.floats(0, 60))
def test_energy_is_never_negative_and_longer_runs_never_take_less(usage, seconds, more):
    less, _ = compute_energy(TERMS.bid, ran(usage, seconds), SITE)
    longer, _ = compute_energy(TERMS.bid, ran(usage, seconds + more), SITE)
    assert 0 <= less <= longer


@given(usages, st.floats(0, 60), st.sampled_from(["europe-west3", "nowhere"]))
def test_modelled_grams_are_never_more_than_the_quote_said(usage, seconds, region):
    node = profile(region=region)
    quoted = Places([AuctionSite.of(ask(1, node=node))]).carbon_mg(TERMS.bid.resources)[0]
    within = replace(usage, cpu_joules=None, cpu_seconds=min(usage.cpu_seconds or 0.0, seconds))
    report = build_report(LEASE, TERMS.bid, ran(within, seconds), Site.of(node))
    assert report.carbon_milligrams <= quoted


@given(usages, st.floats(0, 60))
def test_report_of_a_run_within_its_limits_is_one_that_everybody_accepts(usage, seconds):
    within = replace(usage, cpu_seconds=min(usage.cpu_seconds or 0.0, seconds))
    execution = ran(within, seconds)
    attestation = attest(LEASE, TERMS, execution, 1, 2)
    build_report(LEASE, TERMS.bid, execution, SITE).require_possible(attestation, TERMS.bid, TERMS.job_spec)


def test_machine_whose_figures_cannot_be_true_reports_none():
    execution = ran(replace(WORKED, cpu_seconds=50.0))
    assert report_usage(attest(LEASE, TERMS, execution, 1, 2), TERMS, execution, profile()) is None
