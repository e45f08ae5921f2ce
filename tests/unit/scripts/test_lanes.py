"""Pieces run side by side, never more than there are lanes, and a core has the next one as soon as one has ended."""

import os

import pytest

from scripts import lanes
from scripts.lanes import Ended, count_lanes, run_all
from scripts.suites import Piece, Suite

STAY = """
import time
from pathlib import Path
HERE = Path(__file__)
def test_it():
    HERE.with_suffix(".begun").write_text(str(time.time()))
    until = time.monotonic() + 50
    while {awaited} and not HERE.with_name("test_{awaited}.ended").exists() and time.monotonic() < until:
        time.sleep(0.05)
    HERE.with_suffix(".ended").write_text(str(time.time()))
"""


@pytest.fixture
def pieces(tmp_path, monkeypatch):
    """Pieces of one test each, which ends when that of the given number has ended, or at once (0)."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # starts faster, and nothing here needs a plugin

    def make(*awaited: int) -> list[Piece]:
        for number, other in enumerate(awaited, 1):
            (tmp_path / f"test_{number}.py").write_text(STAY.format(awaited=other))
        files = [str(tmp_path / f"test_{number}.py") for number in range(1, len(awaited) + 1)]
        return [Piece(Suite("stay", (), 60), (file,), number, len(files)) for number, file in enumerate(files, 1)]

    return make


def when(tmp_path, number: int, what: str) -> float:
    return float((tmp_path / f"test_{number}.{what}").read_text())


def test_no_more_run_at_once_than_there_are_lanes_and_the_next_begins_when_one_has_ended(pieces, tmp_path):
    ended: list[Ended] = []
    run_all(pieces(0, 4, 0, 0), tmp_path / "logs", ended.append, lanes=2)
    assert {one.piece.place: one.status for one in ended} == {1: 0, 2: 0, 3: 0, 4: 0}
    assert when(tmp_path, 4, "ended") <= when(tmp_path, 2, "ended"), "short ones do not wait for the long one"
    assert all("1 passed" in one.output and one.seconds > 0 for one in ended)
    assert when(tmp_path, 1, "ended") < when(tmp_path, 3, "begun") < when(tmp_path, 2, "ended")
    assert when(tmp_path, 3, "ended") < when(tmp_path, 4, "begun")


def test_each_piece_leaves_its_log_and_a_report_of_its_tests(pieces, tmp_path):
    run_all(pieces(0, 0), tmp_path / "logs", lambda ended: None, lanes=2)
    left = {path.name for path in (tmp_path / "logs").iterdir()}
    pieces_of_it = {"test-stay.log", "test-stay.xml", "test-stay-2.log", "test-stay-2.xml"}
    assert left == pieces_of_it | {"cache-stay", "cache-stay-2"}


def test_there_is_a_lane_for_each_core_that_has_the_memory_and_never_less_than_two(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: range(8))
    memory = {"SC_PAGE_SIZE": 2**30}
    monkeypatch.setattr(os, "sysconf", lambda name: memory[name])
    found = []
    for gigabytes in (1, 12, 64):
        memory["SC_PHYS_PAGES"] = gigabytes
        found.append(count_lanes())
    assert found == [2, 12 // lanes.GIGABYTES_EACH, 8]
