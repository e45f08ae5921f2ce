"""The watcher files what leaves its limits, says when it is over, and has a remedy run: not long, and not often."""

import ast
import sys
import time

import pytest
from structlog.testing import capture_logs

from marketplace.adapters.remedy import CommandRemedy
from marketplace.services.instruments import Pulse
from marketplace.services.watch_market import CHARTS, take_in, watch_market
from marketplace.telemetry.market_metrics import FINDINGS, FINDINGS_OPEN, REMEDIES

SETTLEMENT = next(one for one in CHARTS if one.name == "settlement_seconds")


def usual(market, samples=SETTLEMENT.warm_up) -> None:
    for _ in range(samples):
        take_in(market, {SETTLEMENT.name: 20.0})


def slow(market, samples=1) -> list:
    return [filed for _ in range(samples) for filed in take_in(market, {SETTLEMENT.name: 300.0})]


@pytest.fixture
def market(world):
    usual(world.market)
    return world.market


def test_a_signal_that_jumps_is_filed_once_and_said(market):
    with capture_logs() as lines:
        filed = slow(market, 5)
    assert [one.signal for one in filed] == ["settlement_seconds"]
    assert [line["event"] for line in lines] == ["anomaly"] and "settlement_seconds is" in lines[0]["detail"]
    meter = market.instruments.meter
    assert meter.value(FINDINGS, signal=SETTLEMENT.name) == meter.value(FINDINGS_OPEN, signal=SETTLEMENT.name) == 1


def test_a_finding_ends_when_the_signal_recovers(market):
    slow(market)
    usual(market)
    findings = market.instruments.findings
    assert not findings.open and [one.ended_by for one in findings.over] == ["recovered"]
    assert market.instruments.meter.value(FINDINGS_OPEN, signal=SETTLEMENT.name) == 0


def test_what_lasts_is_accepted_as_the_new_normal(market):
    slow(market, SETTLEMENT.patience)
    findings = market.instruments.findings
    assert not findings.open and [one.ended_by for one in findings.over] == ["accepted"]


def test_a_signal_without_samples_is_left_alone(market):
    before = market.instruments.findings.tracks[SETTLEMENT.name]
    take_in(market, {})
    assert market.instruments.findings.tracks[SETTLEMENT.name] == before


def test_nodes_that_fall_silent_are_found(world):
    world.offer()
    for _ in range(40):
        watch_market(world.market)
    world.chain.mine(world.rules.node_silence_seconds + 1)
    watch_market(world.market)
    assert list(world.market.instruments.findings.open) == ["silent_share"]


def test_samples_of_a_signal_become_their_weighted_mean_and_are_forgotten():
    pulse = Pulse()
    pulse.add("share", 1.0, 3)
    pulse.add("share", 0.0, 1)
    pulse.add("wait", 5.0)
    pulse.add("nothing", 1.0, 0)
    assert pulse.take() == {"share": 0.75, "wait": 5.0}
    assert pulse.take() == {}


# --- the remedy ---


def with_remedy(world, code: str, seconds: float = 20):
    """The world's market with a command that runs `code`."""
    object.__setattr__(world.market, "remedy", CommandRemedy([sys.executable, "-I", "-c", code], seconds))
    for _ in range(SETTLEMENT.warm_up):
        world.market.instruments.pulse.add(SETTLEMENT.name, 20.0)
        watch_market(world.market)
    world.market.instruments.pulse.add(SETTLEMENT.name, 300.0)
    return world.market


def test_the_remedy_is_told_what_was_found_and_nothing_else(world, tmp_path, monkeypatch):
    monkeypatch.setenv("COMPUTEHIVE_MARKET_PASSWORD", "operator's")
    said = tmp_path / "said"
    market = with_remedy(world, f"import os; open({str(said)!r}, 'w').write(repr(dict(os.environ)))")
    watch_market(market)
    told = ast.literal_eval(said.read_text())
    assert told["COMPUTEHIVE_SIGNAL"] == "settlement_seconds" and "settlement_seconds is" in told["COMPUTEHIVE_FINDING"]
    assert "operator's" not in said.read_text()
    assert market.instruments.meter.value(REMEDIES, result="done") == 1


def test_no_remedy_follows_another_soon(world, tmp_path):
    counted = tmp_path / "counted"
    market = with_remedy(world, f"open({str(counted)!r}, 'a').write('x')")
    watch_market(market)
    for _ in range(40):
        market.instruments.pulse.add(SETTLEMENT.name, 20.0)
        watch_market(market)
    assert not market.instruments.findings.open
    market.instruments.pulse.add(SETTLEMENT.name, 900.0)
    watch_market(market)
    assert market.instruments.findings.open and counted.read_text() == "x"


@pytest.mark.parametrize(("code", "problem"), [
    ("import sys; sys.exit('no such node')", "exit code 1: no such node"),
    ("import time; time.sleep(60)", "longer than 1 s"),
])  # fmt: skip
def test_a_remedy_that_fails_is_said_and_harms_nothing(world, code, problem):
    market, started = with_remedy(world, code, seconds=1), time.monotonic()
    with capture_logs() as lines:
        watch_market(market)
    assert time.monotonic() - started < 30
    assert any(line["event"] == "the remedy failed" and problem in line["detail"] for line in lines)
    assert market.instruments.meter.value(REMEDIES, result="failed") == 1


def test_what_a_remedy_leaves_running_is_not_waited_for(tmp_path):
    child = "import sys, time; sys.stderr.write('late'); time.sleep(20)"
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-I', '-c', {child!r}], start_new_session=True)"
    started = time.monotonic()
    assert CommandRemedy([sys.executable, "-I", "-c", code], 15).apply("x", "y") == ""
    assert time.monotonic() - started < 15


def test_a_remedy_that_is_not_there_is_named():
    assert "no-such-program" in CommandRemedy(["no-such-program"], 1).apply("x", "y")


def test_what_a_remedy_started_ends_with_it(tmp_path):
    late = tmp_path / "late"
    child = f"import time; time.sleep(3); open({str(late)!r}, 'w')"
    code = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-I', '-c', {child!r}]); time.sleep(60)"
    assert "killed" in CommandRemedy([sys.executable, "-I", "-c", code], 1).apply("x", "y")
    time.sleep(3)
    assert not late.exists()


def test_without_a_remedy_a_finding_is_only_filed(world):
    for _ in range(SETTLEMENT.warm_up):
        world.market.instruments.pulse.add(SETTLEMENT.name, 20.0)
        watch_market(world.market)
    world.market.instruments.pulse.add(SETTLEMENT.name, 300.0)
    watch_market(world.market)
    assert world.market.instruments.findings.open
    assert world.market.instruments.meter.value(REMEDIES, result="done") == 0
