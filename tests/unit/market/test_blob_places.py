"""What is particular to a folder of blobs, and to a bucket."""

import os
import time
from dataclasses import replace

import pytest

from marketplace.adapters.blobs import FolderBlobs
from marketplace.adapters.bucket import BucketBlobs
from marketplace.errors import ServiceUnavailable, SettingsError
from marketplace.protocol.canonical import sha256_digest
from marketplace.settings import MarketSettings
from marketplace.stores import open_blobs
from tests.fakes import s3

DATA = b"bytes"
DIGEST = sha256_digest(DATA)


def test_a_write_that_dies_half_way_is_not_a_blob(tmp_path, monkeypatch):
    blobs = FolderBlobs(tmp_path, limit=10)

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no space"):
        blobs.put(DIGEST, DATA)
    assert not blobs.has(DIGEST)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_a_killed_upload_left_is_gone_at_a_later_start(tmp_path):
    blobs = FolderBlobs(tmp_path, limit=10)
    blobs.put(DIGEST, DATA)
    partial = next(tmp_path.iterdir()) / ".partial-1"
    partial.write_bytes(b"half")
    FolderBlobs(tmp_path, limit=10)
    assert partial.exists(), "it may be another process's"
    os.utime(partial, (0, 0))
    FolderBlobs(tmp_path, limit=10)
    assert not partial.exists() and blobs.has(DIGEST)


@pytest.fixture
def settings(tmp_path) -> MarketSettings:
    return MarketSettings(address_book=tmp_path / "a", operator_keystore=tmp_path / "k", data_dir=tmp_path / "data")


def at(settings: MarketSettings, url: str) -> MarketSettings:
    return settings.model_copy(update={"blobs_url": url})


def test_blobs_are_in_the_data_folder_unless_a_bucket_is_named(settings):
    open_blobs(settings).put(DIGEST, DATA)
    assert (settings.data_dir / "blobs" / DIGEST[2:4] / DIGEST[4:]).read_bytes() == DATA


@s3.needs_s3
def test_two_markets_share_a_bucket_under_different_prefixes(settings, monkeypatch):
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    bucket = s3.create_bucket()
    one, other = (open_blobs(at(settings, f"s3://{bucket}/{prefix}")) for prefix in ("one", "other"))
    one.put(DIGEST, DATA)
    assert not other.has(DIGEST) and list(other.all()) == []
    assert s3.objects_in(bucket) == [f"one/{DIGEST[2:4]}/{DIGEST[4:]}"]


@s3.needs_s3
def test_a_bucket_that_does_not_exist_is_an_error_of_the_settings(settings, monkeypatch):
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match="s3://nobodys/x names no bucket that exists"):
        open_blobs(at(settings, "s3://nobodys/x"))


@s3.needs_s3
def test_a_store_that_does_not_answer_is_away_and_tells_nobody_why(settings, monkeypatch, tmp_path):
    for name, value in (s3.environment() | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}).items():
        monkeypatch.setenv(name, value)
    with monkeypatch.context() as while_it_was_there:
        while_it_was_there.setattr("marketplace.adapters.bucket._require_bucket", lambda *_: None)
        blobs = BucketBlobs("s3://bucket", tmp_path, 10)
    for use in (lambda: blobs.has(DIGEST), lambda: blobs.put(DIGEST, DATA), lambda: list(blobs.all())):
        with pytest.raises(ServiceUnavailable) as caught:
            use()
        assert "127.0.0.1" not in str(caught.value)
    with pytest.raises(ServiceUnavailable):
        BucketBlobs("s3://bucket", tmp_path, 10)


@pytest.mark.parametrize("url", ["bucket", "file:///tmp", "s3://", "s3:///prefix", "s3://b?x=1", "s3://key:secret@b"])
def test_an_address_that_is_no_bucket_is_refused_without_repeating_it(settings, url):
    with pytest.raises(SettingsError, match="COMPUTEHIVE_MARKET_BLOBS_URL") as caught:
        open_blobs(at(settings, url))
    assert "secret" not in str(caught.value)


@s3.needs_s3
def test_what_is_uploaded_again_to_a_bucket_counts_as_new_for_retention(settings, monkeypatch):
    """The server knows seconds: what is asked for is that the time is another one."""
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    bucket = s3.create_bucket()
    blobs = open_blobs(at(settings, f"s3://{bucket}"))
    assert blobs.put(DIGEST, DATA) is True
    (first,) = blobs.all()
    time.sleep(1.1)
    assert blobs.put(DIGEST, DATA) is False
    assert list(blobs.all()) == [first], "stored a moment ago: it is not sent again"
    monkeypatch.setattr("marketplace.adapters.bucket.FRESH_SECONDS", 0)
    assert blobs.put(DIGEST, DATA) is False, "it is not new to who asks"
    (again,) = blobs.all()
    assert again.stored_at > first.stored_at and replace(again, stored_at=0) == replace(first, stored_at=0)
    assert blobs.get(DIGEST) == DATA
