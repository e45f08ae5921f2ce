"""Blobs over HTTP: a full market says so, a damaged blob is never a whole download, and a bucket serves as a folder."""

from dataclasses import replace

import pytest

from marketplace.adapters.blobs import FolderBlobs
from marketplace.adapters.bucket import BucketBlobs
from marketplace.api.app import build_app
from marketplace.protocol.canonical import sha256_digest
from tests.fakes import s3
from tests.fakes.http import client_of
from tests.fakes.world import World

DATA = bytes(range(250)) * 2_000
DIGEST = sha256_digest(DATA)
ADDRESS = f"/api/v1/blobs/{DIGEST}"


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


def api_with(world, blobs):
    rules = replace(world.market.rules, max_blob_bytes=1_000_000)
    return client_of(build_app(replace(world.market, blobs=blobs, rules=rules), with_workers=False))


def test_an_upload_for_which_there_is_no_room_is_507_with_how_much_there_is(world, tmp_path):
    api = api_with(world, FolderBlobs(tmp_path / "b", 1_000_000, total=400_000))
    answer = api.put(ADDRESS, content=DATA)
    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    assert answer.json()["values"] == {"size": 500_000, "held": 0, "limit": 400_000}
    assert api.head(ADDRESS).status_code == 404


def test_a_download_of_a_damaged_blob_breaks_off_before_its_end(world, tmp_path):
    blobs = FolderBlobs(tmp_path / "b", 1_000_000)
    api = api_with(world, blobs)
    assert api.put(ADDRESS, content=DATA).status_code == 201
    assert api.get(ADDRESS).content == DATA
    (tmp_path / "b" / DIGEST[2:4] / DIGEST[4:]).write_bytes(DATA[:-1] + b"\0")
    found = api.get(ADDRESS)
    assert found.headers["content-length"] == str(len(DATA))
    assert len(found.content) < len(DATA) and DATA.startswith(found.content)


@s3.needs_s3
def test_a_market_with_a_bucket_takes_and_gives_blobs_like_any_other(world, tmp_path, monkeypatch):
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    api = api_with(world, BucketBlobs(f"s3://{s3.create_bucket()}", tmp_path, 1_000_000))
    assert api.get(ADDRESS).status_code == 404
    assert api.put(ADDRESS, content=DATA).status_code == 201
    assert api.put(ADDRESS, content=DATA).status_code == 200
    found = api.get(ADDRESS)
    assert (found.content, found.headers["content-length"]) == (DATA, "500000")
    assert api.head(ADDRESS).headers["content-length"] == "500000"
    assert api.get(ADDRESS, headers={"If-None-Match": f'"{DIGEST}"'}).status_code == 304
    assert api.put("/api/v1/blobs/0x" + "00" * 32, content=DATA).json()["code"] == "digest_mismatch"
