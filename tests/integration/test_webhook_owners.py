"""Webhooks as their owners have them: whose they are, what is told once, what is refused. Nothing is called here."""

from dataclasses import replace

import pytest

from marketplace.adapters.courier import HttpCourier
from marketplace.api.app import build_app
from marketplace.domain.webhooks import MOST_WAITING, MOST_WEBHOOKS
from marketplace.protocol.webhooks import parse_secret
from marketplace.services.deliver_webhooks import spread_news
from tests.fakes.http import client_of
from tests.fakes.signing_in import HOOKS, bearer, deliveries, hook, make_key, sign_in
from tests.fakes.world import PROVIDER, World

URL = "https://hooks.example"


@pytest.fixture
def world(tmp_path) -> World:
    world = World(tmp_path)
    world.market = replace(world.market, courier=HttpCourier())
    return world


@pytest.fixture
def api(world):
    with client_of(build_app(world.market, with_workers=False)) as client:
        yield client


@pytest.fixture
def session(api, world):
    return sign_in(api, world)


def test_the_secret_is_shown_once_and_is_not_in_the_database(api, world, session):
    made = hook(api, session, URL)
    assert "secret" not in api.get(HOOKS, headers=session).json()["webhooks"][0]
    repeated = api.post(HOOKS, json={"url": URL, "events": ["*"]}, headers=session)
    assert (repeated.status_code, repeated.json()["id"], repeated.json()["secret"]) == (200, made["id"], None)
    stored = b"".join(path.read_bytes() for path in world.folder.rglob("market.db*"))
    assert made["id"].encode() in stored
    assert made["secret"].encode() not in stored and parse_secret(made["secret"]) not in stored


def test_a_webhook_is_nobody_elses_and_goes_with_its_deliveries(api, world, session):
    made = hook(api, session, URL, "job.queued")
    world.submit()
    assert spread_news(world.market) and not spread_news(world.market)
    stranger, path = sign_in(api, world, PROVIDER), f"{HOOKS}/{made['id']}"
    letter = deliveries(api, session, made)[0]["id"]
    other = hook(api, stranger, f"{URL}/other")
    for method, each in (
        ("DELETE", path),
        ("POST", f"{path}/secret"),
        ("GET", f"{path}/deliveries"),
        ("POST", f"{path}/deliveries/{letter}/redelivery"),
        ("POST", f"{HOOKS}/{other['id']}/deliveries/{letter}/redelivery"),
    ):
        assert api.request(method, each, headers=stranger).status_code == 404, each
    assert api.delete(path, headers=session).json() == {"deleted": made["id"]}
    assert api.get(f"{path}/deliveries", headers=session).status_code == 404
    assert api.get(HOOKS, headers=session).json() == {"webhooks": []}


def test_a_key_reads_or_writes_webhooks_as_its_scopes_say(api, world, session):
    made = hook(api, session, URL)
    reads, writes = (bearer(make_key(api, session, f"webhooks:{what}")["key"]) for what in ("read", "write"))
    body = {"url": f"{URL}/more", "events": ["*"]}
    assert (
        api.get(HOOKS, headers=reads).status_code
        == 200
        == api.get(f"{HOOKS}/{made['id']}/deliveries", headers=reads).status_code
    )
    assert api.post(HOOKS, json=body, headers=writes).status_code == 201
    for answer in (
        api.post(HOOKS, json=body, headers=reads),
        api.post(f"{HOOKS}/{made['id']}/secret", headers=reads),
        api.delete(f"{HOOKS}/{made['id']}", headers=reads),
        api.get(HOOKS, headers=writes),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "https://169.254.169.254/", "events": ["*"]}, "url"),
        ({"url": "http://hooks.example/", "events": ["job.unknown"]}, "events"),
        ({"url": "https://hooks.example/", "events": []}, "events"),
        ({"url": "https://hooks.example/", "events": ["job"]}, "events"),
        ({"url": "https://hooks.example/", "events": ["*"], "scope": "everybody"}, "scope"),
    ],
)
def test_a_webhook_that_cannot_be_is_refused_by_its_field(api, session, body, field):
    answer = api.post(HOOKS, json=body, headers=session)
    assert (answer.status_code, answer.json()["values"]["field"]) == (422, field)


def test_one_account_has_so_many_webhooks_and_no_more(api, session):
    for number in range(MOST_WEBHOOKS):
        hook(api, session, f"{URL}/{number}")
    answer = api.post(HOOKS, json={"url": f"{URL}/more", "events": ["*"]}, headers=session)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_a_market_without_a_courier_has_no_webhooks_and_says_so(tmp_path):
    world = World(tmp_path)
    with client_of(build_app(world.market, with_workers=False)) as api:
        body = {"url": "https://hooks.example/", "events": ["*"]}
        answer = api.post(HOOKS, json=body, headers=sign_in(api, world))
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_what_comes_while_too_much_waits_is_a_dead_letter_that_can_be_sent_again(api, world, session, monkeypatch):
    monkeypatch.setattr("marketplace.services.deliver_webhooks.MOST_WAITING", 2)
    made = hook(api, session, URL, "job.queued")
    for _ in range(3):
        world.submit(world.bid(max_price=1))
    while spread_news(world.market):
        pass
    states = [one["state"] for one in deliveries(api, session, made)]
    assert states == ["dead", "waiting", "waiting"] and MOST_WAITING > 2
    (dead,) = deliveries(api, session, made, state="dead")
    assert "were waiting already" in dead["error"]
    again = api.post(f"{HOOKS}/{made['id']}/deliveries/{dead['id']}/redelivery", headers=session)
    assert (again.status_code, again.json()["state"]) == (202, "waiting")
