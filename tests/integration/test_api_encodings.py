"""Compressed bodies: refused, whatever they hold and wherever they are sent."""

import gzip

import pytest

from marketplace.api.app import build_app
from marketplace.protocol.canonical import sha256_digest
from tests.fakes.databases import close_databases
from tests.fakes.http import client_of
from tests.fakes.world import World

BOMB = gzip.compress(b" " * 20_000_000)
"""Twenty kilobytes that would be a thousand times as many."""


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with client_of(build_app(World(tmp_path_factory.mktemp("world")).market, with_workers=False)) as client:
        yield client
    close_databases()


def takers(api) -> list[tuple[str, str]]:
    """Method and address of every operation that takes a body."""
    names = {"job_id": "0x" + "11" * 32, "lease_id": "0x" + "11" * 32, "node_id": "0x" + "11" * 20}
    names["digest"] = sha256_digest(BOMB)
    return [
        (method, path.format(**names))
        for path, methods in api.get("/openapi.json").json()["paths"].items()
        for method, operation in methods.items()
        if "requestBody" in operation
    ]


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip, identity", "deflate", "br", "zstd", "GZIP", "nothing\xff"])
def test_a_compressed_body_is_refused_wherever_a_body_is_taken(api, encoding):
    found = takers(api)
    assert len(found) > 15
    for method, path in found:
        headers = {"Content-Encoding": encoding.encode("latin-1"), "Content-Type": "application/json"}
        response = api.request(method, path, content=BOMB, headers=headers)
        assert (response.status_code, response.json()["code"]) == (415, "unsupported_encoding"), path
        assert response.headers["content-type"] == "application/problem+json"
    assert api.get(f"/api/v1/blobs/{sha256_digest(BOMB)}").status_code == 404


def test_a_body_that_says_it_is_as_it_is_is_taken(api):
    response = api.put(
        f"/api/v1/blobs/{sha256_digest(b'plain')}", content=b"plain", headers={"Content-Encoding": "identity"}
    )
    assert response.status_code == 201
