"""The status, as a document and as a page without a script; requests counted by operation; whose a log line is."""

import base64
import hashlib
import re

import pytest
import structlog

from marketplace.api.app import build_app
from marketplace.api.status import render_page
from marketplace.client.waiting import wait_until
from marketplace.domain.roles import WORKERS
from marketplace.domain.rules import Rules
from marketplace.protocol.tracing import trace_id_of
from marketplace.services.clear_round import run_round
from marketplace.services.follow_chain import follow_chain
from marketplace.services.instruments import SILENT_SECONDS, Steps
from marketplace.services.show_status import show_status
from marketplace.services.watch_market import CHARTS, take_in
from marketplace.services.workers import Workers
from marketplace.telemetry.market_metrics import (
    BLOB_BYTES,
    HEAD,
    REQUEST_SECONDS,
    REQUESTS,
    STEP_FAILURES,
    STEP_SECONDS,
)
from tests.fakes.databases import BOTH
from tests.fakes.http import client_of
from tests.fakes.world import World


@pytest.fixture
def client(world):
    with client_of(build_app(world.market, with_workers=False)) as opened:
        yield opened


@pytest.fixture
def working(world):
    """A market whose workers have all finished a step."""
    for worker in WORKERS:
        world.market.instruments.steps.finish(worker, 0.1)
    follow_chain(world.market)
    return world.market


def slow_settlements(market) -> None:
    (chart,) = [one for one in CHARTS if one.name == "settlement_seconds"]
    for seconds in [20.0] * chart.warm_up + [300.0]:
        take_in(market, {chart.name: seconds})


def test_a_market_that_works_says_so(working, client):
    status = client.get("/api/v1/status").json()
    assert status["status"] == "ok" and status["findings"] == [] and status["lastRound"] is None
    assert status["components"] == [{"name": name, "status": "ok"} for name in sorted(WORKERS)]
    assert status["chain"]["lag"] == 0 and status["chain"]["head"] == status["chain"]["followed"]


def test_a_worker_that_fails_is_named_with_its_code(working):
    working.instruments.steps.finish("outbox", 0.1, "reverted")
    status = show_status(working)
    assert status["status"] == "degraded" and {"name": "outbox", "status": "reverted"} in status["components"]
    assert working.instruments.meter.value(STEP_FAILURES, worker="outbox", code="reverted") == 1
    working.instruments.steps.finish("outbox", 0.1)
    assert show_status(working)["status"] == "ok"


def test_without_the_chain_or_without_workers_the_market_is_down(world, working):
    working.instruments.steps.finish("follower", 0.1, "chain_unavailable")
    assert show_status(working)["status"] == "down"
    assert show_status(world.restarted())["status"] == "down"


def test_a_worker_that_finishes_nothing_is_stuck(world):
    now = 0.0
    steps = Steps(world.market.instruments.meter, clock=lambda: now)
    steps.begin("outbox")
    now = SILENT_SECONDS + 1
    assert steps.show() == {"outbox": "stuck"}


def test_a_market_that_is_far_behind_is_degraded(world, working):
    for _ in range(12):
        world.chain.mine(1)
    working.instruments.meter.set(HEAD, world.chain.head().number)
    assert show_status(working)["status"] == "degraded" and show_status(working)["chain"]["lag"] >= 10


@pytest.mark.parametrize("kind", BOTH)
def test_what_another_process_does_is_elsewhere_and_what_nobody_does_is_said(tmp_path, kind):
    world = World(tmp_path, database=kind)
    api_alone = world.restarted()
    for role in WORKERS[:-1]:
        assert world.market.store.take_duty(role)
    states = {one["name"]: one["status"] for one in show_status(api_alone)["components"]}
    assert states == dict.fromkeys(WORKERS[:-1], "elsewhere") | {WORKERS[-1]: "nobody"}
    assert show_status(api_alone)["status"] == "degraded"
    assert world.market.store.take_duty(WORKERS[-1])
    status = show_status(api_alone)
    assert status["status"] == "ok" and '<span class="state ok">elsewhere' in render_page(status)
    world.market.store.leave_duties()
    assert show_status(api_alone)["status"] == "down"


def test_workers_tell_how_they_are_and_forget_roles_that_others_have(world):
    other = world.restarted()
    for role in WORKERS[2:]:
        assert other.store.take_duty(role)
    workers = Workers(world.market)
    workers.start()
    try:
        found = world.market.instruments.steps
        wait_until(lambda: len(found.show()) == 3, timeout=20, what="Both roles and the watcher")
        world.chain.away = True
        wait_until(lambda: found.show()["follower"] == "chain_unavailable", timeout=20, what="The failure")
    finally:
        workers.stop()
    assert set(found.show()) == {*WORKERS[:2], "watcher"}
    meter = world.market.instruments.meter
    assert meter.value(STEP_FAILURES, worker="follower", code="chain_unavailable") >= 1
    assert meter.value(STEP_SECONDS, worker="outbox") >= 1 and meter.value(STEP_SECONDS, worker="clearing") == 0


def test_findings_and_the_last_round_are_shown(world, working, client):
    world.offer()
    world.submit()
    record = run_round(working)
    slow_settlements(working)
    status = client.get("/api/v1/status").json()
    assert status["status"] == "degraded"
    assert status["lastRound"]["number"] == record.number and status["lastRound"]["matches"] == 1
    (finding,) = status["findings"]
    assert finding["signal"] == "settlement_seconds" and finding["endedAt"] is None


# --- the page ---


def test_the_page_says_the_same_with_no_script_and_nothing_from_elsewhere(world, working, client):
    slow_settlements(working)
    answer = client.get("/status")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    assert "Something is not as it should be" in answer.text and "settlement_seconds is" in answer.text
    assert working.address in answer.text
    assert not re.search(r"<script|<img|<link|\son\w+=|src=|href=|style=", answer.text)


def test_the_policy_allows_the_pages_own_style_and_nothing_else(client):
    answer = client.get("/status")
    policy = answer.headers["content-security-policy"]
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ") and f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["cache-control"] == "no-store"


def test_what_is_shown_cannot_become_html(working):
    status = show_status(working) | {"market": "<script>alert(1)</script>"}
    status["components"] = [{"name": "<b>", "status": "<i>"}]
    status["findings"] = [{"signal": "x", "detail": "<u>", "openedAt": 0, "endedAt": None, "endedBy": None}]
    page = render_page(status)
    assert "<script>" not in page and "<b>" not in page and "<i>" not in page and "<u>" not in page


# --- requests ---


def test_requests_are_counted_by_operation_and_never_by_path(world, client):
    meter = world.market.instruments.meter
    client.get("/health")
    client.get("/api/v1/jobs/0x" + "12" * 32)
    client.get("/api/v1/jobs/0x" + "34" * 32)
    client.get("/wp-login.php")
    client.request("BREW", "/health")
    assert meter.value(REQUESTS, operation="GET /health", status="200") == 1
    assert meter.value(REQUESTS, operation="GET /api/v1/jobs/{job_id}", status="404") == 2
    assert meter.value(REQUESTS, operation="none", status="404") == 1
    assert meter.value(REQUESTS, operation="none", status="405") == 1
    assert meter.value(REQUEST_SECONDS, operation="GET /health") == 1


def test_a_refusal_before_any_route_is_counted_too(world, client):
    client.post("/api/v1/jobs", content=b"x" * 9_000_000, headers={"content-type": "application/json"})
    samples = world.market.instruments.meter.render().decode()
    assert re.search(r'computehive_api_requests_total\{operation="[^"]+",status="413"\} 1.0', samples)


def test_requests_over_their_share_and_answers_that_are_known_are_counted_as_they_are_sent(tmp_path):
    world = World(tmp_path, rules=Rules(requests_per_minute=2))
    with client_of(build_app(world.market, with_workers=False)) as client:
        tag = client.get("/api/v1/rounds").headers["etag"]
        assert client.get("/api/v1/rounds", headers={"if-none-match": tag}).status_code == 304
        assert client.get("/api/v1/rounds").status_code == 429
    meter = world.market.instruments.meter
    assert meter.value(REQUESTS, operation="GET /api/v1/rounds", status="304") == 1
    assert meter.value(REQUESTS, operation="none", status="429") == 1, "refused before any route"


def test_bytes_of_blobs_are_counted_both_ways(world, client):
    data = b"seven b"
    digest = "0x" + hashlib.sha256(data).hexdigest()
    assert client.put(f"/api/v1/blobs/{digest}", content=data).status_code == 201
    assert client.get(f"/api/v1/blobs/{digest}").content == data
    meter = world.market.instruments.meter
    assert meter.value(BLOB_BYTES, direction="in") == meter.value(BLOB_BYTES, direction="out") == len(data)


def test_lines_within_a_request_carry_job_lease_and_trace(world):
    lease_id = world.open_lease()
    seen = []
    app = build_app(world.market, with_workers=False)

    @app.get("/api/v1/leases/{lease_id}/seen")
    def remember(lease_id: str):
        seen.append(structlog.contextvars.get_contextvars())

    with client_of(app) as client:
        client.get(f"/api/v1/leases/{lease_id}/seen")
        client.get(f"/api/v1/leases/0x{'77' * 32}/seen")
    with world.market.store.read() as tx:
        job_id = tx.leases.get(lease_id).bid_hash
    assert seen[0] == {"lease_id": lease_id, "job_id": job_id, "trace_id": trace_id_of(job_id)}
    assert seen[1] == {}, "of a lease that nobody knows"
