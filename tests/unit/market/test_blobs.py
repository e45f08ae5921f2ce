"""Blobs: under their digest, whole or not at all."""

import os

import pytest

from marketplace.adapters.blobs import RESERVED_BYTES, FolderBlobs
from marketplace.errors import DigestMismatch, MalformedMessage, NotFound, ServiceUnavailable, TooLarge
from marketplace.protocol.canonical import sha256_digest

DATA = b"bytes"
DIGEST = sha256_digest(DATA)


@pytest.fixture
def blobs(tmp_path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "blobs", limit=10)


def test_what_was_put_is_there_also_after_a_restart(blobs, tmp_path):
    assert blobs.put(DIGEST, DATA) is True
    assert blobs.put(DIGEST, DATA) is False, "it was there"
    again = FolderBlobs(tmp_path / "blobs", limit=10)
    assert (again.get(DIGEST), again.has(DIGEST), again.size(DIGEST)) == (DATA, True, 5)


def test_bytes_under_a_wrong_name_are_refused_and_leave_nothing(blobs, tmp_path):
    with pytest.raises(DigestMismatch):
        blobs.put("0x" + "00" * 32, DATA)
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


def test_too_many_bytes_are_refused(blobs):
    with pytest.raises(TooLarge):
        blobs.put(sha256_digest(b"x" * 11), b"x" * 11)


def test_a_blob_that_comes_in_pieces_is_refused_at_the_first_one_too_many(blobs, tmp_path):
    with blobs.receive(DIGEST) as upload:
        upload.write(b"x" * 10)
        with pytest.raises(TooLarge):
            upload.write(b"x")
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


def test_an_upload_that_ends_early_leaves_nothing(blobs, tmp_path):
    with blobs.receive(DIGEST) as upload:
        upload.write(DATA)
    assert not blobs.has(DIGEST)
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


def test_what_a_killed_upload_left_is_gone_at_a_later_start(blobs, tmp_path):
    blobs.put(DIGEST, DATA)
    partial = next((tmp_path / "blobs").iterdir()) / ".partial-1"
    partial.write_bytes(b"half")
    FolderBlobs(tmp_path / "blobs", limit=10)
    assert partial.exists(), "it may be another process's"
    os.utime(partial, (0, 0))
    FolderBlobs(tmp_path / "blobs", limit=10)
    assert not partial.exists() and blobs.has(DIGEST)


def test_uploads_stop_before_the_disk_that_the_database_needs_is_full(blobs, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: (10**12, 10**12, RESERVED_BYTES - 1))
    with pytest.raises(ServiceUnavailable):
        blobs.put(DIGEST, DATA)
    assert not blobs.has(DIGEST)


def test_what_is_not_there_is_not_found(blobs):
    for read in (blobs.get, blobs.open, blobs.size):
        with pytest.raises(NotFound):
            read(DIGEST)
    assert not blobs.has(DIGEST)


@pytest.mark.parametrize(
    "name", ["", "0x", "../../etc/passwd", "0x" + "GG" * 32, "0x" + "../" * 21 + "x", DIGEST.upper()]
)
def test_a_name_that_is_no_digest_never_reaches_the_file_system(blobs, name):
    with pytest.raises(MalformedMessage):
        blobs.get(name)


def test_a_write_that_dies_half_way_is_not_a_blob(blobs, tmp_path, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no space"):
        blobs.put(DIGEST, DATA)
    assert not blobs.has(DIGEST)
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []
