"""What is known of frozen jobs: kept on disk, for as long as somebody pays, within the room that there is."""

import stat
import tarfile
from dataclasses import replace
from io import BytesIO

import pytest

from agent.adapters.docker import open_docker
from agent.adapters.interface import AdapterSettings
from agent.containers.cgroups import Reading
from agent.containers.freezing import Freezing, copy_files
from agent.containers.frozen import Frozen, FrozenJobs
from agent.containers.harvest import OutputLimit
from agent.containers.logs import LogPump
from agent.containers.order import Order
from agent.network.gate import Gate
from agent.sandbox import Limits
from agent.sandbox.printed import Printed
from agent.sandbox.snapshots import Freeze, Snapshots
from agent.sandbox.types import Usage
from marketplace.errors import AgentError
from marketplace.protocol.livelog import STDOUT

LEASE, OTHER = "0x" + "1e" * 32, "0x" + "2e" * 32
FROZEN = Frozen(
    run="agent-1", point="at-1", release="runsc version 1", image="sha256:ab", seconds=2.5, until=1_000,
    reserved_bytes=100_000_000, cpu_seconds=0.5, peak_memory_bytes=7, files=b"a tar", stdout=b"out", stderr=b"\xff",
)  # fmt: skip
LIMITS = Limits(fuel=0, memory_bytes=1_000_000, wall_seconds=1, egress_bytes=1_000, output_files=3)


def opened(folder, quota_mb=200, now=0):
    return FrozenJobs(folder / "frozen", quota_mb, lambda: now)


def test_what_is_kept_is_there_at_the_next_start_until_it_is_dropped(tmp_path):
    opened(tmp_path).keep(LEASE, FROZEN)
    later = opened(tmp_path)
    assert later.find(LEASE) == FROZEN and later.runs == {"agent-1"} and later.find(OTHER) is None
    later.drop(LEASE)
    later.drop(LEASE)
    assert later.find(LEASE) is None and opened(tmp_path).runs == set()


def test_the_newest_is_kept_in_place_of_the_one_before(tmp_path):
    jobs, newer = opened(tmp_path), replace(FROZEN, point="at-2", cpu_seconds=None)
    jobs.keep(LEASE, FROZEN)
    jobs.keep(LEASE, newer)
    assert jobs.find(LEASE) == opened(tmp_path).find(LEASE) == newer


def test_nobody_else_can_read_what_a_job_had_written(tmp_path):
    opened(tmp_path).keep(LEASE, FROZEN)
    (file,) = (tmp_path / "frozen").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "frozen").stat().st_mode) == 0o700


def test_what_nobody_pays_for_any_more_is_forgotten_at_a_start(tmp_path):
    opened(tmp_path).keep(LEASE, FROZEN)
    assert opened(tmp_path, now=999).runs == {"agent-1"}
    assert opened(tmp_path, now=1_000).runs == set()
    assert not list((tmp_path / "frozen").iterdir())


@pytest.mark.parametrize("cut", [0, 1, 100, -30])
def test_file_that_a_crash_has_cut_off_is_no_frozen_job(tmp_path, cut):
    opened(tmp_path).keep(LEASE, FROZEN)
    (file,) = (tmp_path / "frozen").iterdir()
    file.write_bytes(file.read_bytes()[:cut])
    assert opened(tmp_path).runs == set()
    assert not file.exists()


def test_file_that_was_never_finished_is_removed_at_a_start(tmp_path):
    opened(tmp_path).keep(LEASE, FROZEN)
    (tmp_path / "frozen" / f"{OTHER}.partial").write_bytes(b"half")
    assert opened(tmp_path).runs == {"agent-1"}
    assert [file.name for file in (tmp_path / "frozen").iterdir()] == [f"{LEASE}.frozen"]


def test_file_of_another_version_is_no_frozen_job(tmp_path):
    opened(tmp_path).keep(LEASE, FROZEN)
    (file,) = (tmp_path / "frozen").iterdir()
    file.write_bytes(file.read_bytes().replace(b'"point"', b'"paint"'))
    assert opened(tmp_path).runs == set()


def test_room_is_had_once_for_each_lease_until_it_is_dropped(tmp_path):
    jobs = opened(tmp_path, quota_mb=200)
    assert jobs.reserve(LEASE, 120_000_000) and jobs.reserve(LEASE, 120_000_000)
    assert not jobs.reserve(OTHER, 80_000_001) and jobs.reserve(OTHER, 80_000_000)
    jobs.drop(OTHER)
    assert jobs.reserve(LEASE, 200_000_000)


def test_what_was_frozen_before_a_start_takes_its_room(tmp_path):
    opened(tmp_path).keep(LEASE, FROZEN)
    assert not opened(tmp_path, quota_mb=150).reserve(OTHER, 60_000_000)


@pytest.mark.parametrize("snapshots", [None, Snapshots("state", 5, lambda files: None)])
def test_job_that_does_not_ask_for_it_is_not_frozen(tmp_path, snapshots):
    assert Freezing(None, opened(tmp_path), "").of(snapshots, "image", is_bare=True) is None


def test_job_with_gpus_or_secrets_is_not_frozen(tmp_path):
    wish = Snapshots("state", 5, lambda files: None, freeze=Freeze(LEASE, 1_000, lambda: True))
    freezing = Freezing(None, opened(tmp_path), "")
    assert freezing.of(wish, "image", is_bare=False) is None
    assert freezing.of(wish, "image", is_bare=True) is not None


def test_job_is_bare_without_gpus_secrets_and_network():
    order = Order("image", (), {}, {"f": b"an input"})
    assert order.is_bare
    others = [{"gpus": ("GPU-1",)}, {"secrets": {"key": b"k"}}, {"open_network": Gate(["any"]).open}]
    assert not any(replace(order, **other).is_bare for other in others)


def test_machine_that_lets_jobs_reach_hosts_cannot_freeze_any(tmp_path):
    settings = AdapterSettings(data=tmp_path, container_engine="unix:///nowhere", network_hosts=("any",), freeze_mb=100)
    with pytest.raises(AgentError, match="in gVisor alone") as refused:
        open_docker(settings)
    assert "NETWORK_HOSTS" in refused.value.hint and "FREEZE_MB=0" in refused.value.hint
    for alone in (replace(settings, freeze_mb=0), replace(settings, network_hosts=())):
        with pytest.raises(AgentError, match="No container engine answers"):
            open_docker(alone)


def archive(*entries):
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, kind, content in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.uid, entry.mode, entry.mtime = kind, 65534, 0o640, 7
            if kind == tarfile.REGTYPE:
                entry.size = len(content)
            else:
                entry.linkname = content
            tar.addfile(entry, BytesIO(content) if kind == tarfile.REGTYPE else None)
    return [buffer.getvalue()]


def copied(*entries, limits=LIMITS):
    with tarfile.open(fileobj=BytesIO(copy_files(archive(*entries), "out", limits))) as tar:
        return [(entry.name, entry.type, entry.linkname, entry.isreg() and tar.extractfile(entry).read(),
                 (entry.uid, entry.mode, entry.mtime)) for entry in tar]  # fmt: skip


def test_tree_is_copied_as_it_was_but_for_the_folder_it_lay_in():
    kinds = [("out/", tarfile.DIRTYPE, ""), ("out/d", tarfile.DIRTYPE, ""), ("out/d/f", tarfile.REGTYPE, b"data"),
             ("out/hard", tarfile.LNKTYPE, "out/d/f"), ("out/soft", tarfile.SYMTYPE, "../x"),
             ("out/pipe", tarfile.FIFOTYPE, "")]  # fmt: skip
    as_it_was = (65534, 0o640, 7)
    assert copied(*kinds) == [
        ("d", tarfile.DIRTYPE, "", False, as_it_was), ("d/f", tarfile.REGTYPE, "", b"data", as_it_was),
        ("hard", tarfile.LNKTYPE, "d/f", False, as_it_was), ("soft", tarfile.SYMTYPE, "../x", False, as_it_was),
        ("pipe", tarfile.FIFOTYPE, "", False, as_it_was),
    ]  # fmt: skip


def test_devices_are_not_copied():
    assert copied(("out/null", tarfile.CHRTYPE, ""), ("out/disk", tarfile.BLKTYPE, "")) == []


def test_more_than_was_paid_for_is_not_copied():
    big = ("out/f", tarfile.REGTYPE, bytes(600))
    assert len(copied(big)) == 1
    with pytest.raises(OutputLimit, match="1000 bytes"):
        copied(big, ("out/g", tarfile.REGTYPE, bytes(600)))
    with pytest.raises(OutputLimit):
        copied(*[(f"out/{n}", tarfile.DIRTYPE, "") for n in range(100)])


def test_log_goes_on_where_it_was_and_counts_against_the_same_limit():
    printed = Printed()
    logs = LogPump([(b"abc", None), (None, b"d")], replace(LIMITS, log_bytes=5), printed, (b"123", b"x"))
    logs.finish(10)
    assert (logs.stdout, logs.stderr, printed.read(STDOUT, 0, 10)) == (b"123ab", b"x", b"123ab")
    assert logs.overflow == "standard output exceeds its limit after 5 bytes"


def test_what_was_used_before_is_added_and_memory_is_the_higher_of_both():
    before = Usage(cpu_seconds=1.5, peak_memory_bytes=70)
    assert Reading(Usage(cpu_seconds=0.5, peak_memory_bytes=50), 2).after(before) == Reading(
        Usage(cpu_seconds=2.0, peak_memory_bytes=70), 2
    )
    assert Reading().after(before).usage == before, "its new group is not there yet"
    assert Reading().after(Usage()) == Reading(), "nothing is known of before"
