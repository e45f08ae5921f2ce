"""Entity tags: who has the answer already gets 304 and no body, until it changes."""

import pytest

from marketplace.api.app import build_app
from marketplace.api.conditional import matches
from marketplace.protocol.canonical import sha256_digest
from marketplace.services.clear_round import run_round
from tests.fakes.http import client_of
from tests.fakes.world import SCRIPT, World

BLOB = f"/api/v1/blobs/{sha256_digest(SCRIPT)}"
PAGES = ("/api/v1/cluster/status", "/api/v1/cluster/nodes", "/api/v1/asks", "/api/v1/rounds", "/api/v1/jobs")


@pytest.fixture
def world(tmp_path) -> World:
    world = World(tmp_path)
    world.offer()
    return world


@pytest.fixture
def api(world):
    with client_of(build_app(world.market, with_workers=False)) as client:
        yield client


def again(api, path, tag):
    return api.get(path, headers={"If-None-Match": tag})


@pytest.mark.parametrize("path", PAGES)
def test_a_page_that_has_not_changed_is_not_sent_again(api, path):
    first = api.get(path)
    second = again(api, path, first.headers["etag"])
    assert (second.status_code, second.content) == (304, b"")
    assert second.headers["etag"] == first.headers["etag"] and second.headers["etag"].startswith("W/")
    assert "content-type" not in second.headers and "content-length" not in second.headers
    assert again(api, path, 'W/"another"').json() == first.json()


def test_a_page_that_has_changed_is_sent_with_another_tag(api, world):
    job = world.submit()
    for path in (f"/api/v1/jobs/{job}", "/api/v1/rounds", "/api/v1/cluster/status"):
        tag = api.get(path).headers["etag"]
        world.submit()
        assert run_round(world.market) is not None
        changed = again(api, path, tag)
        assert changed.status_code == 200 and changed.headers["etag"] != tag


def test_blobs_are_kept_for_good_and_never_sent_twice(api, world):
    world.job_spec()
    for method in ("GET", "HEAD"):
        first = api.request(method, BLOB)
        assert first.headers["etag"].startswith('"') and "immutable" in first.headers["cache-control"]
        second = api.request(method, BLOB, headers={"If-None-Match": first.headers["etag"]})
        assert (second.status_code, second.content) == (304, b"")
        assert "immutable" in second.headers["cache-control"]


def test_a_transcript_has_a_strong_tag_and_is_asked_for_again_as_another_market_may_have_come(api, world):
    world.submit()
    run_round(world.market)
    first = api.get("/api/v1/rounds/1/transcript")
    assert first.headers["etag"].startswith('"') and first.headers["cache-control"] == "no-cache"
    assert again(api, "/api/v1/rounds/1/transcript", first.headers["etag"]).status_code == 304


def test_caches_may_answer_for_the_market_for_a_second_and_never_for_a_job(api, world):
    assert api.get("/api/v1/cluster/nodes").headers["cache-control"] == "public, max-age=1"
    assert api.get(f"/api/v1/jobs/{world.submit()}").headers["cache-control"] == "no-cache"


def test_refusals_and_answers_to_posts_have_no_tag(api):
    missing = again(api, "/api/v1/rounds/9", "*")
    assert missing.status_code == 404 and missing.json()["code"] == "not_found" and "etag" not in missing.headers
    quote = {"resources": {"memoryMb": 512, "durationSeconds": 60, "fuel": "1"}}
    assert "etag" not in api.post("/api/v1/quotes", json=quote).headers


@pytest.mark.parametrize(
    ("wanted", "tag", "same"),
    [
        ('"a"', '"a"', True),
        ('W/"a"', '"a"', True),
        ('"a"', 'W/"a"', True),
        ('"b", W/"a"', 'W/"a"', True),
        ("*", '"a"', True),
        ('"b"', '"a"', False),
        ("a", '"a"', False),
        ("", '"a"', False),
    ],
)
def test_tags_compare_weakly(wanted, tag, same):
    assert matches(wanted, tag) is same
