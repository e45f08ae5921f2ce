"""Reading control groups of both versions, from folders that look like the kernel's."""

import signal
import subprocess
from pathlib import Path

import pytest

from agent.containers import cgroups
from agent.containers.cgroups import Reading, group_of, kill_group, leftover_runs, read_group, remove_parent
from agent.sandbox.types import Usage

V1 = {
    "cpuacct/{}/cpuacct.usage": "1500000000\n",
    "memory/{}/memory.max_usage_in_bytes": "4096\n",
    "pids/{}/pids.events": "max 3\n",
    "pids/{}/pids.peak": "64\n",
}
V2 = {
    "{}/cpu.stat": "usage_usec 1500000\nuser_usec 1\nsystem_usec 2\n",
    "{}/memory.peak": "4096\n",
    "{}/pids.events": "max 3\n",
    "{}/pids.peak": "64\n",
}


def tree(root: Path, files: dict[str, str], group: str = "computehive/run") -> Path:
    for name, text in files.items():
        path = root / name.format(group)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize("files", [V1, V2], ids=["v1", "v2"])
def test_usage_is_read_from_either_version(tmp_path, files):
    root = tree(tmp_path, files)
    assert read_group("/computehive/run", root) == Reading(Usage(1.5, 4096), 3, 64)


@pytest.mark.parametrize("files", [V1, V2], ids=["v1", "v2"])
def test_group_that_is_gone_reads_as_not_known(tmp_path, files):
    assert read_group("/computehive/gone", tree(tmp_path, files)) == Reading()


def test_counters_only_grow():
    early, late = Reading(Usage(1.0, 10), 1), Reading(Usage(2.0, 20), 0)
    assert early.at_least(late) == late.at_least(early) == Reading(Usage(2.0, 20), 1)
    assert late.at_least(Reading()) == Reading(Usage(2.0, 20), 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4:memory:/docker/ab\n3:cpu,cpuacct:/docker/ab\n", "/docker/ab"),
        ("0::/system.slice/docker-ab.scope\n", "/system.slice/docker-ab.scope"),
        ("5:memory:/docker/ab\n0::/other\n", "/docker/ab"),
        ("3:cpu:/docker/ab\n", None),
    ],
)
def test_group_of_a_process_is_what_the_kernel_says(tmp_path, text, expected):
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cgroup").write_text(text)
    assert group_of(7, tmp_path) == expected


def test_process_that_is_gone_has_no_group(tmp_path):
    assert group_of(7, tmp_path) is None


@pytest.mark.parametrize(("reading", "filled"), [((0, 64), True), ((1, 2), True), ((0, 63), False), ((0, 0), False)])
def test_process_limit_is_known_by_a_refusal_or_by_the_peak(reading, filled):
    assert Reading(Usage(), *reading).has_filled(64) is filled


def test_parents_of_runs_are_found_by_agent_and_removed(tmp_path):
    for controller in ("cpu", "memory"):
        for run in ("mine-1", "mine-2", "other-1"):
            (tmp_path / controller / cgroups.PARENT / run).mkdir(parents=True)
    assert leftover_runs("mine-", tmp_path) == {"mine-1", "mine-2"}
    remove_parent("mine-1", tmp_path)
    assert leftover_runs("", tmp_path) == {"mine-2", "other-1"}


def test_groups_that_a_killed_engine_left_in_a_parent_are_removed_with_it(tmp_path):
    for job in ("one", "other"):
        (tmp_path / "cpu" / cgroups.PARENT / "mine-1" / job / "inner").mkdir(parents=True)
    remove_parent("mine-1", tmp_path)
    assert leftover_runs("", tmp_path) == set()


def test_group_that_the_kernel_keeps_stays_and_is_found_again(tmp_path):
    busy = tmp_path / "cpu" / cgroups.PARENT / "mine-1" / "job"
    busy.mkdir(parents=True)
    (busy / "cgroup.procs").write_text("1")  # as in a folder, so among groups: one with something in it is not removed
    remove_parent("mine-1", tmp_path)
    assert leftover_runs("mine-", tmp_path) == {"mine-1"}


@pytest.mark.parametrize("place", ["pids/computehive/run/job", "computehive/run/job"], ids=["v1", "v2"])
def test_processes_of_a_group_are_ended_and_no_others(tmp_path, place):
    folder = tmp_path / place
    folder.mkdir(parents=True)
    with subprocess.Popen(["sleep", "600"]) as mine, subprocess.Popen(["sleep", "600"]) as other:
        (folder / "cgroup.procs").write_text(f"{mine.pid}\n")
        assert kill_group("/computehive/run/job", tmp_path)
        assert mine.wait(10) == -signal.SIGKILL
        assert other.poll() is None
        other.kill()


@pytest.mark.parametrize("named", ["", "/computehive/run/gone"])
def test_nothing_is_ended_where_no_group_is_known_or_it_is_gone(tmp_path, named):
    (tmp_path / "cgroup.procs").write_text("2\n")
    (tmp_path / "pids").mkdir()
    (tmp_path / "pids" / "cgroup.procs").write_text("2\n")
    assert not kill_group(named, tmp_path)


@pytest.mark.parametrize("listed", ["0\n", "1\n", "-5\n", "no\n"])
def test_neither_every_process_nor_the_first_is_ever_ended_and_that_is_said(tmp_path, listed):
    folder = tmp_path / "computehive"
    folder.mkdir()
    (folder / "cgroup.procs").write_text(listed)
    assert not kill_group("/computehive", tmp_path)


def test_group_whose_processes_have_ended_by_themselves_needs_nobody_else(tmp_path):
    folder = tmp_path / "computehive"
    folder.mkdir()
    (folder / "cgroup.procs").write_text("")
    assert kill_group("/computehive", tmp_path)
