"""The simulation itself: it replays exactly, faults do happen, and everything comes to rest."""

import os
import subprocess
import sys
from random import Random

import pytest

from scripts.toolchain import ROOT
from tests.simulation.__main__ import main, render_finding
from tests.simulation.faults import RATES, Crash, DiskFull, Faults
from tests.simulation.play import play

pytestmark = pytest.mark.timeout(600)
SEEDS = (*range(12), 39)
"""Each is played once here, the last for its lease that a receipt ends; `make simulate` plays more."""


@pytest.fixture(scope="module")
def reports():
    return [play(seed) for seed in SEEDS]


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_wrong_with_a_seed(reports, seed):
    report = reports[SEEDS.index(seed)]
    assert not report.finding, render_finding(report)


def test_the_same_seed_takes_the_same_steps_to_the_same_end(reports):
    for report in reports[:2]:
        assert play(report.seed) == report
    assert len({report.trace_hash for report in reports}) == len(reports)


def test_a_seed_replays_in_a_process_that_hashes_otherwise():
    hashes = []
    for hash_seed in ("1", "2"):
        command = [sys.executable, "-m", "tests.simulation", "--first", "5", "--seeds", "1"]
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        hashes.append([line for line in ran.stdout.splitlines() if line.startswith("trace ")])
    assert hashes[0] == hashes[1] and hashes[0]


def test_what_is_promised_to_go_wrong_does_go_wrong(reports):
    seen = {kind for report in reports for kind in report.faults}
    assert seen >= RATES.keys() - {"skew"}


def test_leases_end_in_many_ways(reports):
    ends = {name for report in reports for name in report.counts}
    assert {"paid by verdict", "paid by receipt", "failed by deadline"} <= ends
    assert sum(report.counts["leases"] for report in reports) > 2 * len(SEEDS)


def test_a_run_says_how_many_seeds_and_faults_there_were(capsys):
    assert main(["--first", "3", "--seeds", "1", "--steps", "20"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("1 seeds in") and "findings" in said and "trace " in said


def test_a_run_of_no_seeds_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--seeds", "0"])
    assert "at least 1" in capsys.readouterr().err


def test_no_handler_stops_a_crash():
    assert not issubclass(Crash, Exception) and issubclass(DiskFull, Exception)


def test_stopped_faults_never_strike_again():
    faults = Faults(Random(0), dict.fromkeys(RATES, 1.0))
    assert faults.strikes("rpc")
    faults.stop()
    assert not any(faults.strikes(kind) for kind in RATES for _ in range(20))
