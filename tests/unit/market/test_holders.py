"""Whether a role's holder lives is read off its process, whatever the machine's clock does."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from marketplace.adapters.store import duties
from marketplace.adapters.store.duties import Duties, started
from tests.fakes.databases import open_database
from tests.unit.market.test_duties import hold

on_linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")


@pytest.fixture
def child():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate(timeout=10)


def holder(pid: int, since: float | None) -> str:
    space, _, _, unique = Duties().holder.split(" ")
    return f"{space} {pid} {since} {unique}"


@on_linux
def test_a_holder_outlives_a_step_of_the_clock(tmp_path, child, monkeypatch):
    database, first = open_database(tmp_path), open_database(tmp_path)
    assert first.take_duty("outbox")
    real = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: real(process) + 60)
    assert not database.take_duty("outbox")


@on_linux
def test_a_process_began_so_many_ticks_after_the_machine(child):
    ticks = os.sysconf("SC_CLK_TCK")
    since_start = float(Path("/proc/uptime").read_text().split()[0])
    assert 0 <= since_start - started(child.pid) / ticks < 60


@pytest.mark.parametrize("has_proc", [pytest.param(True, marks=on_linux), False])
def test_another_process_of_the_same_number_is_not_the_holder(tmp_path, child, monkeypatch, has_proc):
    if not has_proc:
        monkeypatch.setattr(duties, "_PROCESSES", tmp_path / "none")
        assert abs(started(child.pid) - time.time()) < 60
    database = open_database(tmp_path)
    hold(database, holder(child.pid, started(child.pid) + 1))
    assert not database.take_duty("outbox"), "it lives"
    hold(database, holder(child.pid, started(child.pid) - 60))
    assert database.take_duty("outbox")


@pytest.mark.parametrize("has_proc", [pytest.param(True, marks=on_linux), False])
def test_a_process_that_ended_and_was_not_asked_for_yet_is_none(tmp_path, child, monkeypatch, has_proc):
    if not has_proc:
        monkeypatch.setattr(duties, "_PROCESSES", tmp_path / "none")
    child.kill()
    until = time.monotonic() + 10
    while started(child.pid) is not None:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert started(2**22 + 1) is None
