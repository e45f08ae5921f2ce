"""What continuous integration runs: within the hour, closed by the line of totals. `make` here only takes notes."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.toolchain import ROOT

TOTALS = "7 passed, 0 failed"
MAKE = """#!/bin/sh
echo "$@" >> made
case "$1" in
  test) mkdir -p build/logs; echo "7 passed, 0 failed" > build/logs/totals.txt; exit "${TESTS:-0}" ;;
  simulate) printf '%s' "$SEEN"; exit "${SIMULATED:-0}" ;;
esac
"""
TIMEOUT = """#!/bin/sh
echo "$@" >> bounds
shift 2
exec "$@"
"""
FINDING = "seed 3, step 9: money is gone\nagain: make simulate SEED=3 SEEDS=1\n"


@pytest.fixture
def play(tmp_path):
    """Runs `.ci/run` in a checkout of nothing else; status, output, what was made, what each was allowed to take."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in (("make", MAKE), ("timeout", TIMEOUT), ("apt-get", "#!/bin/sh\nexit 1\n")):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)

    def run(**env: str) -> tuple[int, list[str], list[str], list[int]]:
        path = {"PATH": f"{tools}:{os.environ['PATH']}"}
        ran = subprocess.run(
            [tmp_path / ".ci" / "run"],
            env=os.environ | path | env, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        bounds = [int(line.split()[1]) for line in lines(tmp_path / "bounds")]
        return ran.returncode, ran.stdout.splitlines(), lines(tmp_path / "made"), bounds

    return run


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_the_last_line_is_the_totals_of_the_tests_though_seeds_are_played_after_them(play):
    status, output, made, _ = play(SEEN="200 seeds in 240 s\n")
    assert (status, output[-1]) == (0, TOTALS)
    assert made == ["setup", "charts", "clients", "test", "simulate SEEDS=200"]
    assert "200 seeds in 240 s" in output


def test_what_is_left_of_the_hour_bounds_the_tests_however_long_setting_up_took(play):
    *_, bounds = play(SECONDS="1800")
    setup, charts, clients, tests, _ = bounds
    assert 0 < tests <= 3_540 - 1_800
    assert setup + charts + clients < 3_540


def test_without_time_left_no_seed_is_played_and_the_totals_close(play):
    status, output, made, _ = play(SECONDS="3300")
    assert (status, output[-1], made[-1]) == (0, TOTALS, "test")
    assert "ci: no time is left to simulate 200 seeds" in output


def test_a_failed_test_fails_and_nothing_is_printed_after_its_line(play):
    status, output, made, _ = play(TESTS="1")
    assert (status, made[-1]) == (1, "test")
    assert not output


@pytest.mark.parametrize("status", ["1", "124", "137"])
def test_a_finding_fails_even_where_the_time_ran_out_afterwards(play, status):
    ended, output, *_ = play(SIMULATED=status, SEEN=FINDING)
    assert ended == int(status)
    assert output[-1] == f"{TOTALS}; the simulation above failed"


def test_a_time_that_ran_out_before_anything_was_found_fails_nothing(play):
    status, output, *_ = play(SIMULATED="124", SEEN="40 of 200 seeds\n")
    assert (status, output[-1]) == (0, TOTALS)
