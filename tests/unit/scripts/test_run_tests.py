"""The test command: its counts are pytest's, its closing line is fixed, and a suite that ran nothing has failed."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest

from marketplace.devnet.process import ManagedProcess
from scripts import lanes, run_tests
from scripts import suites as suites_module
from scripts.run_tests import Suite, Totals, parse_totals
from scripts.toolchain import ROOT


@pytest.mark.parametrize(
    ("closing", "expected"),
    [
        ("249 passed in 82.87s (0:01:22)", Totals(passed=249)),
        ("3 failed, 249 passed in 82.87s (0:01:22)", Totals(passed=249, failed=3)),
        ("1 failed, 2 passed, 3 skipped, 1 warning in 0.5s", Totals(passed=2, failed=1, skipped=3)),
        ("4 passed, 1 error in 1.20s", Totals(passed=4, failed=1)),
        ("2 errors in 0.31s", Totals(failed=2)),
        ("1 failed, 2 passed, 2 errors in 0.31s", Totals(passed=2, failed=3)),
        ("5 passed, 1 xfailed in 0.1s", Totals(passed=6)),
        ("5 passed, 1 xpassed in 0.1s", Totals(passed=5, failed=1)),
        ("7 passed, 2 deselected in 0.1s", Totals(passed=7)),
        ("====== 12 passed, 2 warnings in 99.01s (0:01:39) ======", Totals(passed=12)),
        ("3 skipped in 0.02s", Totals(skipped=3)),
        ("1 xfailed in 0.02s", Totals(passed=1)),
        ("no tests ran in 0.01s", Totals()),
        ("", Totals()),
    ],
)
def test_totals_are_those_of_pytests_closing_line(closing, expected):
    assert parse_totals(f"....F  [100%]\n{closing}\n") == expected


def test_counts_elsewhere_in_the_output_are_not_totals():
    output = "E   AssertionError: 3 failed here\nFAILED test_x.py::test_y - 17 passed?\n1 failed, 2 passed in 0.1s\n"
    assert parse_totals(output) == Totals(passed=2, failed=1)
    assert parse_totals(output + "Exception ignored in a thread: 9 failed attempts\n") == Totals(passed=2, failed=1)


def test_totals_add_up_and_skips_are_told_only_where_there_are_any():
    assert str(Totals(1, 2) + Totals(10, 20)) == "11 passed, 22 failed"
    assert str(Totals(1, 0, 3) + Totals(1)) == "2 passed, 0 failed, 3 skipped"


# --- suites, run for real on small folders ----------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """Runs `main` over suites made of one test file each; exit status and output."""
    monkeypatch.setattr(run_tests, "LOGS", tmp_path / "logs")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # starts faster, and nothing here needs a plugin
    previous = signal.getsignal(signal.SIGTERM)

    def main(**sources: str) -> tuple[int, str]:
        suites = {}
        for name, source in sources.items():
            folder = tmp_path / name
            folder.mkdir()
            (folder / f"test_{name}.py").write_text(source)
            suites[name] = Suite(name, (str(folder),), 40)
        monkeypatch.setattr(run_tests, "SUITES", suites)
        status = run_tests.main(list(sources))
        return status, capfd.readouterr().out

    yield main
    signal.signal(signal.SIGTERM, previous)


def last_line(output: str) -> str:
    return output.rstrip("\n").splitlines()[-1]


PASSING = "def test_a(): pass\ndef test_b(): pass\n"


def test_the_last_line_is_the_sum_over_all_suites(run):
    status, output = run(one=PASSING, two="def test_c(): pass\n")
    assert (status, last_line(output)) == (0, "3 passed, 0 failed")


def test_a_failure_fails_the_command(run):
    status, output = run(one=PASSING + "def test_c(): assert False\n")
    assert (status, last_line(output)) == (1, "2 passed, 1 failed")


FAILS_ONCE = """
from pathlib import Path
def test_{name}():
    been = Path(__file__).with_suffix(".{name}")
    was = been.exists()
    been.touch()
    assert was
"""


def test_what_fails_beside_others_is_run_once_more_alone_and_the_last_line_tells(run):
    status, output = run(one=PASSING + FAILS_ONCE.format(name="c"), two="def test_d(): pass\n")
    assert (status, last_line(output)) == (0, "4 passed, 0 failed; 1 of them passed only alone, run again")
    assert "=== one, what failed once more" in output and "1 failed, 2 passed in" in output


def test_what_fails_both_times_has_failed(run):
    status, output = run(one=FAILS_ONCE.format(name="c") + "def test_d(): assert False\n")
    assert (status, last_line(output)) == (1, "1 passed, 1 failed; 1 of them passed only alone, run again")


def test_a_test_that_leaves_an_error_behind_both_times_has_failed(run):
    leaves = "import pytest\n@pytest.fixture\ndef bad():\n    yield\n    raise OSError\ndef test_c(bad): pass\n"
    status, output = run(one=leaves)
    assert (status, last_line(output)) == (1, "1 passed, 1 failed")


def test_a_piece_that_dies_when_it_is_run_again_has_failed(run):
    dies = "import atexit, os\nif Path(__file__).with_suffix('.c').exists(): atexit.register(os._exit, 9)\n"
    status, output = run(one=FAILS_ONCE.format(name="c") + dies)
    assert (status, last_line(output)) == (1, "0 passed, 1 failed")


def test_where_many_fail_nothing_is_run_again(run):
    many = run_tests.MOST_AGAIN + 1
    status, output = run(one="".join(FAILS_ONCE.format(name=f"n{number}") for number in range(many)))
    assert (status, last_line(output)) == (1, f"0 passed, {many} failed")


def test_a_piece_that_died_is_not_run_again(run):
    status, output = run(one=FAILS_ONCE.format(name="c") + "import atexit, os\natexit.register(os._exit, 9)\n")
    assert (status, last_line(output)) == (1, "0 passed, 1 failed")


def test_a_suite_that_runs_nothing_has_failed(run):
    status, output = run(one="")
    assert (status, last_line(output)) == (1, "0 passed, 1 failed")


def test_a_suite_that_skips_everything_has_failed(run):
    status, output = run(one="import pytest\n@pytest.mark.skip\ndef test_a(): pass\n")
    assert (status, last_line(output)) == (1, "0 passed, 1 failed, 1 skipped")


def test_a_suite_that_cannot_be_collected_has_failed(run):
    status, output = run(one="import no_such_module\n")
    assert (status, last_line(output)) == (1, "0 passed, 1 failed")


def test_a_suite_that_dies_after_its_tests_has_failed(run):
    status, output = run(one="import atexit, os\natexit.register(os._exit, 9)\ndef test_a(): pass\n")
    assert (status, last_line(output)) == (1, "1 passed, 1 failed")


def test_a_suite_that_takes_too_long_is_ended_and_has_failed(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(run_tests, "LOGS", tmp_path / "logs")
    folder = tmp_path / "slow"
    folder.mkdir()
    (folder / "test_slow.py").write_text("import time\ndef test_a(): time.sleep(600)\n")
    totals = run_tests.run_suite(Suite("slow", (str(folder),), 2))
    assert totals == Totals(failed=1)
    assert "slow: not finished after 2 s; ended." in capfd.readouterr().out


def test_a_suite_whose_folder_is_gone_has_failed():
    assert run_tests.run_suite(Suite("gone", ("no/such/folder",), 40)) == Totals(failed=1)


def test_an_unknown_suite_is_refused_with_those_there_are(capsys):
    assert run_tests.main(["unti"]) == 2
    known = "unit, postgres, contracts, simulation, web, integration"
    assert f"Unknown suite unti; there are {known}." in capsys.readouterr().err


def test_what_repeats_other_suites_is_run_only_where_it_is_named(run, monkeypatch):
    assert run(once=PASSING)[0] == 0
    suites = run_tests.SUITES
    monkeypatch.setattr(run_tests, "SUITES", suites | {"again": replace(suites["once"], is_repeat=True)})
    ran = []
    monkeypatch.setattr(run_tests, "run_suites", lambda asked: ran.extend(one.is_repeat for one in asked) or Totals(1))
    assert run_tests.main([]) == 0 and ran == [False]
    assert run_tests.main(["again"]) == 0 and ran == [False, True]


def test_every_test_folder_belongs_to_one_suite():
    named = [folder for suite in run_tests.SUITES.values() for folder in suite.folders]
    helpers = {"tests/data", "tests/fakes", "tests/symbolic", "tests/__pycache__"}  # laws in Solidity are the audit's
    there = {f"tests/{path.name}" for path in (ROOT / "tests").iterdir() if path.is_dir()} - helpers
    assert len(named) == len(set(named))
    assert there <= set(named)


@pytest.mark.parametrize("name", run_tests.SUITES)
def test_the_pieces_of_a_suite_are_all_there_is_and_nothing_twice(name):
    suite = run_tests.SUITES[name]
    files = {path for folder in suite.folders for path in (ROOT / folder).rglob("test_*.py")}
    parts = [[ROOT / path for path in part] for part in suite.parts()]
    run = [file for part in parts for path in part for file in ([path] if path.is_file() else path.rglob("test_*.py"))]
    assert len(parts) >= 2, "one for each of two cores"
    assert len(run) == len(set(run))
    assert set(run) == files


def test_parts_of_a_suite_run_side_by_side_and_their_totals_add_up(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(run_tests, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(suites_module, "ROOT", tmp_path)
    monkeypatch.setattr(lanes, "ROOT", tmp_path)
    meeting = (
        "import time\nfrom pathlib import Path\n"
        "def here(): return len(list(Path(__file__).parent.parent.rglob('*.here')))\n"
        "def test_both_are_there_at_once():\n"
        "    Path(__file__).with_suffix('.here').touch()\n"
        "    until = time.monotonic() + 30\n"
        "    while here() < 2 and time.monotonic() < until: time.sleep(0.05)\n"
        "    assert here() == 2\n"
    )
    for name in ("one", "two"):
        (tmp_path / "suite" / name).mkdir(parents=True)
        (tmp_path / "suite" / name / f"test_{name}.py").write_text(meeting)
    totals = run_tests.run_suite(Suite("suite", ("suite",), 40, aside=(("suite/two",),)))
    assert totals == Totals(passed=2)
    assert capfd.readouterr().out.count("1 passed in") == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ending_the_command_ends_the_tests_and_what_they_started(tmp_path, number):
    started = tmp_path / "pid"
    (tmp_path / "test_slow.py").write_text(
        "import subprocess, sys, time\nfrom pathlib import Path\n"
        "def test_a():\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"    Path({str(started)!r}).write_text(str(child.pid)); time.sleep(600)\n"
    )
    program = (
        "import sys; from pathlib import Path; from scripts import run_tests\n"
        f"run_tests.LOGS = Path({str(tmp_path / 'logs')!r})\n"
        f"run_tests.SUITES = {{'slow': run_tests.Suite('slow', ({str(tmp_path)!r},), 60)}}\n"
        "sys.exit(run_tests.main([]))"
    )
    command = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip
    try:
        wait_for(lambda: started.exists() and started.read_text())
        everything = [process.pid for process in psutil.Process(command.pid).children(recursive=True)]
        assert int(started.read_text()) in everything
        command.send_signal(number)
        output, _ = command.communicate(timeout=30)
    finally:
        command.kill()
        command.wait()
    assert command.returncode in (130, 143)
    wait_for(lambda: not any(is_running(pid) for pid in everything))
    assert not re.search(r"\d+ passed", output)


def wait_for(is_so) -> None:
    until = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < until, "waited 30 s in vain"
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


GOES_ON, FAILS = "print('.', end='', flush=True); time.sleep(60)", "raise SystemExit('Error: gone')"


@pytest.mark.parametrize("ending", [GOES_ON, FAILS])
def test_what_comes_after_contracts_waits_for_their_first_result_or_their_end(tmp_path, ending):
    code = f"import time; print('Brownie v1', 'File not found', sep=chr(10), flush=True); time.sleep(1); {ending}"
    with ManagedProcess("first", [sys.executable, "-c", code], tmp_path / "log") as first:
        lanes.wait_until_loaded(first)
        has_result = (tmp_path / "log").read_text().endswith("\n.")
        assert has_result == first.is_running == (ending == GOES_ON)
