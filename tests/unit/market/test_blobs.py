"""Blobs: under their digest, whole or not at all, in a folder and in a bucket of a real S3 server."""

import io
import os
from pathlib import Path

import pytest

from marketplace.adapters.blob_files import RESERVED_BYTES
from marketplace.adapters.blobs import FolderBlobs
from marketplace.adapters.bucket import BucketBlobs
from marketplace.errors import DigestMismatch, MalformedMessage, NotFound, ServiceUnavailable, StorageFull, TooLarge
from marketplace.protocol.canonical import sha256_digest
from tests.fakes import s3

DATA = b"bytes"
DIGEST = sha256_digest(DATA)
FOLDER, BUCKET = "folder", "bucket"


class Place:
    """Where blobs are kept, seen from beside the store."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._kind, self._folder = kind, folder
        self._bucket = s3.create_bucket() if kind == BUCKET else ""

    def open(self, limit: int = 10, **options):
        if self._kind == FOLDER:
            return FolderBlobs(self._folder / "blobs", limit, **options)
        return BucketBlobs(f"s3://{self._bucket}/of/market", self._folder / "uploads", limit, **options)

    def remains(self) -> list[str]:
        """Everything that is kept there, whole or not."""
        files = [str(path) for path in self._folder.rglob("*") if path.is_file()]
        return files + (s3.objects_in(self._bucket) if self._kind == BUCKET else [])

    def damage(self, digest: str, data: bytes) -> None:
        if self._kind == FOLDER:
            (self._folder / "blobs" / digest[2:4] / digest[4:]).write_bytes(data)
        else:
            s3.overwrite(self._bucket, f"of/market/{digest[2:4]}/{digest[4:]}", data)


@pytest.fixture(params=[FOLDER, pytest.param(BUCKET, marks=s3.needs_s3)])
def place(request, tmp_path, monkeypatch) -> Place:
    if request.param == BUCKET:
        for name, value in s3.environment().items():
            monkeypatch.setenv(name, value)
    return Place(request.param, tmp_path)


@pytest.fixture
def blobs(place):
    return place.open()


def test_what_was_put_is_there_also_after_a_restart(blobs, place):
    assert blobs.put(DIGEST, DATA) is True
    assert blobs.put(DIGEST, DATA) is False, "it was there"
    again = place.open()
    assert (again.get(DIGEST), again.has(DIGEST), again.size(DIGEST)) == (DATA, True, 5)


def test_a_blob_of_many_parts_comes_back_as_it_went(place):
    data = os.urandom(1_000) * 12_345  # more than two parts of an upload to a bucket
    blobs, digest = place.open(limit=len(data)), sha256_digest(data)
    with blobs.receive(digest) as upload:
        for start in range(0, len(data), 777_777):
            upload.write(data[start : start + 777_777])
        assert upload.finish()
    with blobs.open(digest) as file:
        assert file.seek(0, io.SEEK_END) == len(data)
        file.seek(0)
        assert b"".join(iter(lambda: file.read(300_000), b"")) == data


def test_a_blob_is_read_from_any_place_on(place):
    data = bytes(range(256)) * 4_000
    blobs, digest = place.open(limit=len(data)), sha256_digest(data)
    blobs.put(digest, data)
    with blobs.open(digest) as file:
        for start in (1_000_000, 7, 0, len(data)):
            file.seek(start)
            assert file.read(20) == data[start : start + 20]


def test_bytes_under_a_wrong_name_are_refused_and_leave_nothing(blobs, place):
    with pytest.raises(DigestMismatch):
        blobs.put("0x" + "00" * 32, DATA)
    assert place.remains() == []


def test_too_many_bytes_are_refused(blobs):
    with pytest.raises(TooLarge):
        blobs.put(sha256_digest(b"x" * 11), b"x" * 11)


def test_a_blob_that_comes_in_pieces_is_refused_at_the_first_one_too_many(blobs, place):
    with blobs.receive(DIGEST) as upload:
        upload.write(b"x" * 10)
        with pytest.raises(TooLarge):
            upload.write(b"x")
    assert place.remains() == []


def test_an_upload_that_ends_early_leaves_nothing(blobs, place):
    with blobs.receive(DIGEST) as upload:
        upload.write(DATA)
    assert not blobs.has(DIGEST)
    assert place.remains() == []


@pytest.mark.parametrize("other", [b"bytez", b"byt", b""], ids=["other bytes", "too few", "none"])
def test_a_blob_that_was_damaged_where_it_is_kept_is_not_handed_out_whole(blobs, place, other):
    blobs.put(DIGEST, DATA)
    file = blobs.open(DIGEST)
    file.close()
    place.damage(DIGEST, other)
    if other:
        with pytest.raises(ServiceUnavailable, match="damaged"):
            blobs.get(DIGEST)
    assert blobs.size(DIGEST) == len(other)


def test_uploads_stop_before_the_disk_that_the_database_needs_is_full(blobs, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: (10**12, 10**12, RESERVED_BYTES - 1))
    with pytest.raises(StorageFull):
        blobs.put(DIGEST, DATA)
    assert not blobs.has(DIGEST)


def test_what_uploads_leave_of_the_disk_is_the_operators_to_say(place, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: (10**12, 10**12, 5_000))
    assert place.open(reserved=5_000).put(DIGEST, DATA)
    with pytest.raises(StorageFull):
        place.open(reserved=5_001).put(sha256_digest(b"more"), b"more")


def test_a_store_holds_no_more_than_it_may_and_counts_what_was_there_before(place):
    place.open().put(DIGEST, DATA)
    blobs = place.open(total=9)
    assert blobs.put(sha256_digest(b"1234"), b"1234"), "which makes nine"
    with pytest.raises(StorageFull) as caught:
        blobs.put(sha256_digest(b"x"), b"x")
    assert (caught.value.status, caught.value.values) == (507, {"size": 1, "held": 9, "limit": 9})
    assert not blobs.has(sha256_digest(b"x"))
    assert blobs.put(DIGEST, DATA) is False, "what is there needs no room"


def test_all_blobs_are_listed_with_their_sizes_and_times_and_nothing_else(blobs, place):
    more = sha256_digest(b"more")
    blobs.put(DIGEST, DATA)
    blobs.put(more, b"more")
    with blobs.receive(sha256_digest(b"half")) as upload:
        upload.write(b"ha")
        found = {one.digest: one for one in blobs.all()}
    assert {digest: one.size for digest, one in found.items()} == {DIGEST: 5, more: 4}
    assert all(one.stored_at > 1_700_000_000 for one in found.values())


def test_what_is_deleted_is_gone_once(blobs):
    blobs.put(DIGEST, DATA)
    assert blobs.delete(DIGEST) is True
    assert not blobs.has(DIGEST)
    assert blobs.delete(DIGEST) is False
    assert list(blobs.all()) == []


def test_what_is_not_there_is_not_found(blobs):
    for read in (blobs.get, blobs.open, blobs.size):
        with pytest.raises(NotFound):
            read(DIGEST)
    assert not blobs.has(DIGEST)


@pytest.mark.parametrize(
    "name", ["", "0x", "../../etc/passwd", "0x" + "GG" * 32, "0x" + "../" * 21 + "x", DIGEST.upper()]
)
def test_a_name_that_is_no_digest_reaches_no_store(blobs, name):
    for use in (blobs.get, blobs.has, blobs.delete):
        with pytest.raises(MalformedMessage):
            use(name)
    with pytest.raises(MalformedMessage), blobs.receive(name):
        pass
