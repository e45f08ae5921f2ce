"""What is taken of a tar that a stranger wrote."""

import io
import itertools
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.containers import harvest
from agent.containers.harvest import LONGEST_PATH, OutputLimit, pack, unpack
from agent.containers.logs import LogPump
from agent.sandbox import Limits

LIMITS = Limits(fuel=0, memory_bytes=1, wall_seconds=1, egress_bytes=1_000, log_bytes=100, output_files=3)
NAMES = st.from_regex(r"\A[a-z]{1,8}(/[a-z]{1,8}){0,3}\Z")


def written(*entries) -> list[bytes]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, kind, data in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, data if isinstance(data, str) else ""
            entry.size = len(data) if isinstance(data, bytes) else 0
            archive.addfile(entry, io.BytesIO(data) if isinstance(data, bytes) else None)
    raw = buffer.getvalue()
    return [raw[start : start + 700] for start in range(0, len(raw), 700)]


def test_plain_files_are_taken_by_their_path_below_the_folder():
    tar = written(("out", tarfile.DIRTYPE, ""), ("out/a/b", tarfile.REGTYPE, b"1"), ("out/c", tarfile.REGTYPE, b""))
    assert unpack(tar, "out", LIMITS, 0) == {"a/b": b"1", "c": b""}


@pytest.mark.parametrize(
    "entry",
    [
        ("out/link", tarfile.SYMTYPE, "/etc/passwd"),
        ("out/hard", tarfile.LNKTYPE, "/etc/passwd"),
        ("out/disk", tarfile.BLKTYPE, ""),
        ("out/tty", tarfile.CHRTYPE, ""),
        ("out/pipe", tarfile.FIFOTYPE, ""),
        ("out/../../x", tarfile.REGTYPE, b"1"),
        ("/x", tarfile.REGTYPE, b"1"),
        ("out/./x", tarfile.REGTYPE, b"1"),
        ("out/a\\b", tarfile.REGTYPE, b"1"),
        ("out/" + "x" * (LONGEST_PATH + 1), tarfile.REGTYPE, b"1"),
    ],
)
def test_what_is_no_plain_file_below_the_folder_is_left(entry):
    assert unpack(written(entry, ("out/kept", tarfile.REGTYPE, b"2")), "out", LIMITS, 0) == {"kept": b"2"}


def test_name_that_is_no_text_is_left():
    name = b"out/\xff".decode("utf-8", "surrogateescape")
    assert unpack(written((name, tarfile.REGTYPE, b"1")), "out", LIMITS, 0) == {}


def test_outputs_and_logs_share_the_egress():
    tar = written(("out/a", tarfile.REGTYPE, b"x" * 900))
    assert len(unpack(tar, "out", LIMITS, 100)["a"]) == 900
    with pytest.raises(OutputLimit, match="1000 bytes"):
        unpack(tar, "out", LIMITS, 101)


def test_a_file_too_large_is_not_read():
    zeros = iter([bytes(1_000_000)] * 100)
    entry = tarfile.TarInfo("out/a")
    entry.size = 100_000_000
    with pytest.raises(OutputLimit):
        unpack(itertools.chain([entry.tobuf()], zeros), "out", LIMITS, 0)
    assert len(list(zeros)) > 95


def test_file_that_no_market_would_take_ends_the_job(monkeypatch):
    monkeypatch.setattr(harvest, "MAX_FILE_BYTES", 10)
    with pytest.raises(OutputLimit, match="no market takes"):
        unpack(written(("out/a", tarfile.REGTYPE, b"x" * 11)), "out", LIMITS, 0)


def test_number_of_files_is_bounded():
    with pytest.raises(OutputLimit, match="more than 3"):
        unpack(written(*((f"out/{n}", tarfile.REGTYPE, b"") for n in range(4))), "out", LIMITS, 0)


@given(st.dictionaries(NAMES, st.binary(max_size=50), max_size=3))
def test_what_is_packed_is_what_is_unpacked(files):
    files = {path: data for path, data in files.items() if not any(one.startswith(path + "/") for one in files)}
    assert unpack([pack({f"out/{path}": data for path, data in files.items()})], "out", LIMITS, 0) == files


# --- logs -------------------------------------------------------------------------------------------------------------


def pumped(*chunks, limits=LIMITS) -> LogPump:
    pump = LogPump(iter(chunks), limits)
    pump.finish(5)
    return pump


def test_streams_are_kept_apart_and_whole():
    pump = pumped((b"a", None), (None, b"e"), (b"b", b"f"))
    assert (pump.stdout, pump.stderr, pump.overflow) == (b"ab", b"ef", "")


def test_log_beyond_its_limit_is_cut_and_said():
    pump = pumped((b"x" * 70, None), (b"x" * 70, None), (None, b"after"))
    assert (len(pump.stdout), pump.stderr) == (100, b"")
    assert pump.overflow == "standard output exceeds its limit after 100 bytes"


def test_flood_is_read_to_its_end_though_nothing_of_it_is_kept():
    left = iter([(b"x" * 200, None)] * 50)
    LogPump(left, LIMITS).finish(5)
    assert list(left) == []


def test_connection_that_breaks_ends_the_log_and_nothing_else():
    def broken():
        yield b"a", None
        raise ConnectionResetError

    assert pumped(*[], limits=LIMITS).stdout == b""
    pump = LogPump(broken(), LIMITS)
    pump.finish(5)
    assert pump.stdout == b"a"
