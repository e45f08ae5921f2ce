"""Webhooks on the whole application, with a real HTTPS endpoint: who is told what, signed, and what survives."""

import json
import re
import signal
import subprocess
import sys
import time

import pytest

from marketplace.api.app import build_app
from marketplace.domain.webhooks import MOST_ATTEMPTS
from marketplace.protocol.webhooks import parse_secret, require_webhook
from marketplace.services.rebuild_alone import rebuild_alone
from marketplace.services.workers import Workers
from marketplace.telemetry.market_metrics import WEBHOOKS
from scripts.toolchain import ROOT
from tests.fakes.endpoint import running_endpoint
from tests.fakes.hooked import courier_for, deliver_until, hook_up
from tests.fakes.http import client_of
from tests.fakes.signing_in import API, HOOKS, deliveries, hook, sign_in
from tests.fakes.world import ORACLES, PROVIDER, RENTER, World

PAGE = ROOT / "docs" / "how-to" / "webhooks.md"


@pytest.fixture
def endpoint(tmp_path):
    with running_endpoint(tmp_path / "endpoint") as running:
        yield running


@pytest.fixture
def world(tmp_path, endpoint):
    world = World(tmp_path / "world")
    courier = courier_for(endpoint.ca_file)
    hook_up(world, courier)
    yield world
    endpoint.release.set()
    courier.close()


@pytest.fixture
def api(world):
    with client_of(build_app(world.market, with_workers=False)) as client:
        yield client


@pytest.fixture
def session(api, world):
    return sign_in(api, world)


def waiting(api, headers, made) -> list[dict]:
    return deliveries(api, headers, made, state="waiting")


def attempts_of(api, headers, made) -> int:
    """Of its newest delivery; 0 where there is none."""
    return next((one["attempts"] for one in deliveries(api, headers, made)), 0)


def settled(world) -> str:
    lease = world.open_lease()
    world.attest(lease)
    world.judge(lease)
    world.sign_batches()
    world.drain()
    return lease


def test_a_renter_is_told_of_its_job_from_the_book_to_the_payment_each_call_signed(api, world, endpoint, session):
    made = hook(api, session, endpoint.url(), scope="renter")
    lease = settled(world)
    deliver_until(world, lambda: len(endpoint.at("/hook")) >= 8 and not waiting(api, session, made))
    requests = endpoint.at("/hook")
    bodies = [json.loads(one.body) for one in requests]
    kinds = {one["type"] for one in bodies}
    assert {"job.queued", "job.matched", "job.running", "job.attested", "job.paid"} <= kinds
    assert {"lease.opened", "lease.settled", "payment.credited"} <= kinds
    assert {one["data"]["leaseId"] for one in bodies if "leaseId" in one["data"]} == {lease}
    assert {one["data"]["renter"] for one in bodies} == {RENTER.address}
    for one in requests:
        at = int(one.headers["webhook-timestamp"])
        signed = one.headers["webhook-id"], at, one.body, one.headers["webhook-signature"], at
        require_webhook(parse_secret(made["secret"]), *signed)
    assert len({one.headers["webhook-id"] for one in requests}) == len(requests), "each once"
    assert {one["state"] for one in deliveries(api, session, made)} == {"delivered"}
    assert world.market.instruments.meter.value(WEBHOOKS, result="delivered") == len(requests)


def test_a_provider_is_told_of_its_leases_and_of_what_it_is_paid_and_a_stranger_of_nothing(api, world, endpoint):
    provider, stranger = sign_in(api, world, PROVIDER), sign_in(api, world, ORACLES[0])
    hook(api, provider, endpoint.url("/provider"))
    other = hook(api, stranger, endpoint.url("/stranger"))
    lease = settled(world)
    deliver_until(world, lambda: len(endpoint.at("/provider")) == 3)
    told = {body["type"]: body["data"] for body in (json.loads(one.body) for one in endpoint.at("/provider"))}
    assert set(told) == {"lease.opened", "lease.settled", "payment.credited"}
    with world.market.store.read() as tx:
        closing = tx.leases.get(lease).closing
    assert told["payment.credited"]["amount"] == str(closing.paid) == told["lease.settled"]["detail"]["paid"]
    assert deliveries(api, stranger, other) == [] == endpoint.at("/stranger")


def test_only_the_events_that_were_asked_for_come_and_none_from_before(api, world, endpoint, session):
    before = world.submit(world.bid(max_price=1))
    some = hook(api, session, endpoint.url("/some"), "job.paid", "lease.*")
    settled(world)
    deliver_until(world, lambda: len(endpoint.at("/some")) == 3)
    bodies = [json.loads(one.body) for one in endpoint.at("/some")]
    assert {one["type"] for one in bodies} == {"job.paid", "lease.opened", "lease.settled"}
    assert before not in {one["data"]["jobId"] for one in bodies}
    assert len(deliveries(api, session, some)) == 3


def test_a_lease_that_nobody_settles_is_told_as_refunded_and_pays_nobody(api, world, endpoint, session):
    hook(api, session, endpoint.url(), "lease.refunded", "lease.settled", "payment.credited")
    world.open_lease()
    world.chain.mine(seconds=4000)
    job = api.get(f"{API}/jobs", params={"renter": RENTER.address}).json()["jobs"][0]["jobId"]
    api.post(f"{API}/jobs/{job}/refund")
    world.drain()
    deliver_until(world, lambda: len(endpoint.at("/hook")) >= 1)
    assert [json.loads(one.body)["type"] for one in endpoint.at("/hook")] == ["lease.refunded"]


def test_an_endpoint_that_fails_is_tried_again_later_and_later_until_the_letter_is_dead(api, world, endpoint, session):
    made = hook(api, session, endpoint.url("/broken"), "job.queued")
    world.submit()
    pauses, last = [], world.chain.time
    for attempt in range(1, MOST_ATTEMPTS + 1):
        deliver_until(world, lambda count=attempt: attempts_of(api, session, made) == count)
        (one,) = deliveries(api, session, made)
        assert (one["status"], one["state"]) == (500, "waiting" if attempt < MOST_ATTEMPTS else "dead")
        pauses.append(one["dueAt"] - world.chain.time)
        world.chain.mine(seconds=max(1, pauses[-1]))
    assert len(endpoint.at("/broken")) == MOST_ATTEMPTS and last < world.chain.time
    assert pauses[0] in range(2, 6) and pauses[4] > 10 * pauses[0] and max(pauses) <= 8 * 3600
    assert len({one.headers["webhook-id"] for one in endpoint.at("/broken")}) == 1, "the same each time"
    (dead,) = deliveries(api, session, made, state="dead")
    again = f"{HOOKS}/{made['id']}/deliveries/{dead['id']}/redelivery"
    assert api.post(again, headers=session).json()["state"] == "waiting"
    deliver_until(world, lambda: len(endpoint.at("/broken")) > MOST_ATTEMPTS)
    assert endpoint.at("/broken")[-1].body == endpoint.at("/broken")[0].body == dead["body"].encode()


def test_a_slow_endpoint_holds_up_nobody_else(api, world, endpoint, session):
    slow = hook(api, session, endpoint.url("/slow"), "job.queued")
    other = hook(api, sign_in(api, world, PROVIDER), endpoint.url(), "lease.opened")
    for _ in range(8):
        world.submit(world.bid(max_price=1))
    deliver_until(world, lambda: len(endpoint.at("/slow")) >= 4)
    started = time.monotonic()
    world.open_lease()
    deliver_until(world, lambda: endpoint.at("/hook"))
    assert time.monotonic() - started < 10 and len(endpoint.at("/slow")) == 4, "no more at once of one webhook"
    assert other["id"] != slow["id"] and not endpoint.release.is_set()


def test_a_killed_process_sends_again_under_the_same_id_and_loses_nothing(api, world, endpoint, session):
    made = hook(api, session, endpoint.url("/slow"), "job.queued")
    world.submit()
    command = [sys.executable, "-m", "tests.fakes.hooked", str(world.folder), str(endpoint.ca_file)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            (first,) = endpoint.wait(1, "/slow")
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(20)
    assert deliveries(api, session, made)[0]["attempts"] == 0
    endpoint.release.set()
    deliver_until(world, lambda: deliveries(api, session, made, state="delivered"))
    second = endpoint.at("/slow")[-1]
    assert second is not first and second.body == first.body
    assert second.headers["webhook-id"] == first.headers["webhook-id"]


def test_the_worker_delivers_by_itself_as_long_as_it_has_the_role(api, world, endpoint, session):
    hook(api, session, endpoint.url(), "job.queued")
    workers = Workers(world.market, ["webhooks"])
    workers.start()
    try:
        world.submit()
        assert json.loads(endpoint.wait(1)[0].body)["type"] == "job.queued"
        assert workers.troubles() == []
    finally:
        workers.stop()


def test_a_new_secret_signs_from_then_on_also_what_waits(api, world, endpoint, session):
    made = hook(api, session, endpoint.url(), "job.queued")
    world.submit()
    rotated = api.post(f"{HOOKS}/{made['id']}/secret", headers=session).json()
    assert rotated["secret"] != made["secret"]
    deliver_until(world, lambda: endpoint.at("/hook"))
    (one,) = endpoint.at("/hook")
    at = int(one.headers["webhook-timestamp"])
    signed = one.headers["webhook-id"], at, one.body, one.headers["webhook-signature"], at
    require_webhook(parse_secret(rotated["secret"]), *signed)
    with pytest.raises(Exception, match="not signed"):
        require_webhook(parse_secret(made["secret"]), *signed)


def test_what_a_rebuild_reads_anew_is_told_to_nobody_again(api, world, endpoint, session):
    made = hook(api, session, endpoint.url())
    settled(world)
    rebuild_alone(world.market)
    told = deliveries(api, session, made, limit=200)
    assert {"job.paid", "lease.settled"} <= {one["type"] for one in told}
    deliver_until(world, lambda: not waiting(api, session, made))
    assert len(deliveries(api, session, made, limit=200)) == len(told)


def test_the_piece_of_python_in_the_documentation_verifies_what_comes(api, world, endpoint, session):
    (piece,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict = {}
    exec(compile(piece, str(PAGE), "exec"), names)
    made = hook(api, session, endpoint.url(), "job.queued")
    world.submit()
    deliver_until(world, lambda: endpoint.at("/hook"))
    (one,) = endpoint.at("/hook")
    now = int(one.headers["webhook-timestamp"])
    assert names["verify"](made["secret"], one.headers, one.body, now)["type"] == "job.queued"
    for headers, body, at in (
        (one.headers, one.body + b" ", now),
        (one.headers | {"webhook-id": "msg_other"}, one.body, now),
        (one.headers, one.body, now + 600),
    ):
        with pytest.raises(ValueError, match="webhook"):
            names["verify"](made["secret"], headers, body, at)
