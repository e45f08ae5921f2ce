"""Pages of other origins, asked as browsers ask: who may call, what they are shown, and what no answer is taken for."""

import pytest

from marketplace.api.app import build_app
from marketplace.domain.rules import Rules
from tests.fakes.http import client_of
from tests.fakes.world import World

DAPP = "https://dapp.example"


def api_with(folder, **rules):
    return client_of(build_app(World(folder, rules=Rules(**rules)).market, with_workers=False))


@pytest.fixture
def api(tmp_path):
    with api_with(tmp_path) as client:
        yield client


@pytest.fixture
def named(tmp_path):
    with api_with(tmp_path, cors_origins=(DAPP,)) as client:
        yield client


def preflight(api, path="/api/v1/jobs/submit", origin=DAPP, method="POST", **more):
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    return api.options(path, headers=asked | {"Access-Control-Request-Headers": "content-type"} | more)


def test_any_page_may_send_what_its_visitor_signed(api):
    answer = preflight(api)
    assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == "*"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in answer.headers, "nothing here is believed for a cookie"


@pytest.mark.parametrize("field", ["if-none-match", "last-event-id", "accept"])
def test_a_page_may_send_the_fields_that_the_interface_knows(api, field):
    assert preflight(api, **{"Access-Control-Request-Headers": field}).status_code == 200
    assert preflight(api, **{"Access-Control-Request-Headers": "x-other"}).status_code == 400


def test_a_page_is_shown_tags_places_and_limits(api):
    shown = api.get("/api/v1/rounds", headers={"Origin": DAPP}).headers["access-control-expose-headers"]
    assert {"ETag", "Location", "RateLimit", "RateLimit-Policy", "Retry-After"} <= set(shown.split(", "))


def test_a_page_can_read_why_it_was_refused(tmp_path):
    with api_with(tmp_path, requests_per_minute=1) as api:
        for status in (404, 429):
            answer = api.get("/nothing", headers={"Origin": DAPP})
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, "*")


def test_only_named_origins_may_where_some_are_named(named):
    assert preflight(named).headers["access-control-allow-origin"] == DAPP
    assert preflight(named, origin="https://other.example").status_code == 400
    stranger = named.get("/api/v1/rounds", headers={"Origin": "https://other.example"})
    assert "access-control-allow-origin" not in stranger.headers
    own = named.get("/api/v1/rounds", headers={"Origin": DAPP})
    assert own.headers["access-control-allow-origin"] == DAPP and "origin" in own.headers["vary"].lower()


def test_pages_from_outside_reach_a_private_network_only_if_they_were_named(api, named):
    asked = {"Access-Control-Request-Private-Network": "true"}
    assert preflight(named, **asked).headers["access-control-allow-private-network"] == "true"
    refused = preflight(api, **asked)
    assert refused.status_code == 400 and "access-control-allow-private-network" not in refused.headers


def test_nobody_may_where_no_origin_is_named(tmp_path):
    with api_with(tmp_path, cors_origins=()) as api:
        assert preflight(api).status_code == 400
        assert "access-control-allow-origin" not in api.get("/health", headers={"Origin": DAPP}).headers


def test_no_answer_is_sniffed_framed_or_run(api):
    for path in ("/health", "/nothing", "/api/v1/jobs/nonsense"):
        headers = api.get(path).headers
        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["referrer-policy"] == "no-referrer"
    assert "content-security-policy" not in api.get("/docs").headers, "that page has a script"
