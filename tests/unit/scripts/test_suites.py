"""How suites are cut and queued: every file once, contracts first, then what takes longest."""

import json
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts import suites
from scripts.suites import Suite, cut_files, queue_of, seconds_in


@given(st.lists(st.integers(0, 100)), st.integers(1, 200))
def test_files_are_cut_in_order_into_pieces_no_longer_than_asked_but_for_a_file_that_is(taken, limit):
    record = {f"test_{number}.py": seconds for number, seconds in enumerate(taken)}
    pieces = cut_files(list(record), record, limit)
    assert [file for piece in pieces for file in piece] == list(record)
    assert all(len(piece) == 1 or sum(record[file] for file in piece) <= limit for piece in pieces)
    for one, other in pairwise(pieces):
        assert sum(record[file] for file in one) + record[other[0]] > limit, "cut although it would have fitted"


def test_a_file_that_nobody_measured_has_its_place_too():
    assert cut_files(["a", "b", "c"], {"b": 1.0}, suites.UNKNOWN_SECONDS + 1) == [["a", "b"], ["c"]]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with the suites `contracts`, `quick` and `slow`, and how long each file takes."""
    monkeypatch.setattr(suites, "ROOT", tmp_path)
    monkeypatch.setattr(suites, "RECORD", tmp_path / "seconds.json")
    record = {"contracts/test_a.py": 3.0, "quick/test_b.py": 1.0, "slow/aside/test_c.py": 9.0, "slow/test_d.py": 20.0}
    record |= {"slow/test_e.py": 30.0}
    for file in record:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("def test_it(): pass\n")
    suites.RECORD.write_text(json.dumps(record))
    slow = Suite("slow", ("slow",), 60, aside=(("slow/aside",),), piece_seconds=25)
    return Suite("quick", ("quick",), 60), slow, Suite("contracts", ("contracts",), 60)


def test_contracts_start_first_and_then_the_longest_of_all_suites(checkout):
    queue = queue_of(checkout)
    assert [piece.paths for piece in queue] == [
        ("contracts",), ("slow/test_e.py",), ("slow/test_d.py",), ("slow/aside",), ("quick",)
    ]  # fmt: skip
    assert [(piece.name, str(piece)) for piece in queue] == [
        ("contracts", "contracts"), ("slow-3", "slow, 3 of 3"), ("slow-2", "slow, 2 of 3"), ("slow", "slow, 1 of 3"),
        ("quick", "quick"),
    ]  # fmt: skip


def test_suites_are_queued_without_a_record_as_well(checkout):
    suites.RECORD.unlink()
    assert {piece.suite.name for piece in queue_of(checkout)} == {"contracts", "quick", "slow"}


def test_reports_of_pytest_say_how_long_each_file_took_with_its_fixtures(tmp_path):
    (tmp_path / "test_slow.py").write_text(
        "import time, pytest\n@pytest.fixture\ndef slow(): time.sleep(0.3)\n"
        "def test_a(slow): pass\ndef test_b(slow): pass\n"
    )
    (tmp_path / "test_quick.py").write_text("def test_c(): pass\n")
    report = tmp_path / "report.xml"
    options = ("-o", "junit_family=xunit1", "-o", "junit_duration_report=total", f"--junitxml={report}")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        tmp_path,
        *options,
        tmp_path,
    ]
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True, timeout=60)
    taken = seconds_in([report.read_text()])
    assert taken.keys() == {"test_quick.py", "test_slow.py"}
    assert 0.6 <= taken["test_slow.py"] < 60 and taken["test_quick.py"] < taken["test_slow.py"]


def test_what_the_last_run_took_replaces_what_was_noted_and_what_is_gone_is_forgotten(checkout, tmp_path, monkeypatch):
    monkeypatch.setattr(suites, "LOGS", tmp_path)
    assert suites.main() == 1, "nothing has run"
    (tmp_path / "test-quick.xml").write_text(
        '<testsuites><testsuite><testcase file="quick/test_b.py" time="1.5"/>'
        '<testcase file="quick/test_b.py" time="2.04"/></testsuite></testsuites>'
    )
    (tmp_path / "slow" / "test_e.py").unlink()
    assert suites.main() == 0
    noted = suites.read_record()
    assert noted["quick/test_b.py"] == 3.5 and noted["slow/test_d.py"] == 20.0 and "slow/test_e.py" not in noted
