"""The cache of inputs: fetched once, within its quota, never believed."""

import os

import pytest

from agent.inputs import InputCache
from agent.work import Intake
from marketplace.errors import NotFound
from marketplace.protocol.canonical import sha256_digest

MB = 1_000_000


class Source:
    """Blobs of one megabyte each, and which were asked for."""

    def __init__(self):
        self.blobs = {sha256_digest(data): data for data in (bytes([n]) * MB for n in range(4))}
        self.asked = []

    def __call__(self, digest):
        self.asked.append(digest)
        if digest not in self.blobs:
            raise NotFound("blob", digest)
        return self.blobs[digest]


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "inputs"


def used_at(folder, digest, second):
    os.utime(folder / digest, (second, second))


def test_bytes_are_fetched_once_for_all_jobs_and_all_starts(folder, source):
    first = next(iter(source.blobs))
    assert InputCache(folder, 5, source)(first) == InputCache(folder, 5, source)(first) == source.blobs[first]
    assert source.asked == [first]
    assert folder.stat().st_mode & 0o777 == 0o700


def test_what_was_used_longest_ago_goes_first(folder, source):
    a, b, c, _ = source.blobs
    cache = InputCache(folder, 2, source)
    cache(a), cache(b)
    used_at(folder, a, 1), used_at(folder, b, 2)
    cache(a)
    cache(c)
    assert {path.name for path in folder.iterdir()} == {a, c}, "a was read again after b"


def test_quota_holds_also_where_it_was_lowered(folder, source):
    cache = InputCache(folder, 3, source)
    for digest in list(source.blobs)[:3]:
        cache(digest)
    InputCache(folder, 1, source)
    assert sum(path.stat().st_size for path in folder.iterdir()) == MB


@pytest.mark.parametrize("quota", [0, 1])
def test_what_does_not_fit_is_passed_on_and_not_kept(folder, source, quota):
    big = bytes(MB + 1)
    source.blobs[sha256_digest(big)] = big
    assert InputCache(folder, quota, source)(sha256_digest(big)) == big
    assert list(folder.iterdir()) == []


def test_damaged_file_is_fetched_again(folder, source):
    first = next(iter(source.blobs))
    cache = InputCache(folder, 5, source)
    cache(first)
    (folder / first).write_bytes(b"x" * MB)
    assert cache(first) == source.blobs[first] == (folder / first).read_bytes()
    assert source.asked == [first, first]


def test_what_a_killed_process_left_half_written_is_removed(folder, source):
    folder.mkdir()
    (folder / "0123.part").write_bytes(b"x")
    InputCache(folder, 5, source)
    assert list(folder.iterdir()) == []


def test_bytes_that_are_not_what_they_are_named_are_not_kept(folder, source):
    wrong = sha256_digest(b"wanted")
    source.blobs[wrong] = b"other"
    assert InputCache(folder, 5, source)(wrong) == b"other", "the runner, who checks every byte, refuses it"
    assert list(folder.iterdir()) == []


def test_blob_that_is_nowhere_is_an_error_every_time(folder, source):
    cache = InputCache(folder, 5, source)
    for _ in range(2):
        with pytest.raises(NotFound):
            cache("0x" + "77" * 32)


def test_what_comes_from_the_disk_is_no_ingress_of_a_job(folder, source):
    cached, fetched, own = list(source.blobs)[:3]
    cache = InputCache(folder, 5, source)
    cache(cached)
    intake = Intake(source)
    for digest in (cached, fetched, fetched):
        assert cache(digest, intake) == source.blobs[digest]
    assert intake.total == MB
    assert cache(own) == source.blobs[own] and intake.total == MB


def test_disk_that_refuses_costs_the_cache_and_not_the_job(folder, source, monkeypatch):
    first = next(iter(source.blobs))
    cache = InputCache(folder, 5, source)
    folder.rmdir()
    assert cache(first) == source.blobs[first]
