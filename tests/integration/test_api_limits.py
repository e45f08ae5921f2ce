"""Shares of the market: tokens that flow back, refusals that say when, and nobody who can use up another's."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from marketplace.api import limits
from marketplace.api.app import build_app
from marketplace.api.limits import Buckets, Limits, Share, party_of
from marketplace.client import MarketClient
from marketplace.domain.rules import Rules
from marketplace.errors import TooManyRequests
from tests.fakes.http import AppTransport, client_of
from tests.fakes.world import DOMAIN, PROVIDER, RENTER, World, key


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def world_with(folder, **rules) -> World:
    return World(folder, rules=Rules(max_blob_bytes=10_000, **rules))


def api_of(world) -> httpx.Client:
    return client_of(build_app(world.market, with_workers=False))


def submit(api, world, bid, signer=RENTER):
    body = {
        "bid": bid.to_json(),
        "signature": bid.sign(DOMAIN, signer.key),
        "jobSpec": world.job_spec().to_json(),
    }
    return api.post("/api/v1/jobs/submit", json=body)


def offer(api, world, ask):
    body = {"ask": ask.to_json(), "signature": ask.sign(DOMAIN, PROVIDER.key), "profile": world.profile().to_json()}
    return api.post("/api/v1/asks", json=body)


def test_a_bucket_is_spent_at_once_and_fills_again_evenly(clock):
    bucket = Buckets(6, clock)
    assert [bucket.take("a").left for _ in range(6)] == [5, 4, 3, 2, 1, 0]
    assert bucket.take("a") is None and bucket.look("a") == Share(0, 60, 10)
    clock.now += 10
    assert bucket.take("a").left == 0 and bucket.take("a") is None
    clock.now += 1000
    assert bucket.look("a").left == 6, "never more than its size"


def test_parties_do_not_share_a_bucket(clock):
    bucket = Buckets(1, clock)
    assert bucket.take("a") and not bucket.take("a") and bucket.take("b")


def test_no_more_parties_are_remembered_than_there_is_room_for(clock, monkeypatch):
    monkeypatch.setattr(limits, "MOST_PARTIES", 3)
    bucket = Buckets(1, clock)
    assert bucket.take("first")
    for number in range(3):
        assert bucket.take(f"other {number}")
    assert len(bucket._seen) == 3 and bucket.take("first"), "who was forgotten has all of its share"


@pytest.mark.parametrize(
    ("address", "party"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_of_ipv6_the_network_counts(address, party):
    assert party_of(address) == party


def test_every_answer_says_what_is_left(tmp_path):
    with api_of(world_with(tmp_path, requests_per_minute=6, orders_per_minute=3)) as api:
        first, second = api.get("/api/v1/jobs"), api.get("/nothing")
        assert first.headers["ratelimit-policy"] == '"address";q=6;w=60, "signer";q=3;w=60'
        assert [one.headers["ratelimit"] for one in (first, second)] == ['"address";r=5;t=10', '"address";r=4;t=20']


def test_an_answer_that_caches_share_says_the_policy_and_nothing_of_one_clients_share(tmp_path):
    with api_of(world_with(tmp_path, requests_per_minute=6)) as api:
        first = api.get("/api/v1/cluster/status")
        again = api.get("/api/v1/cluster/status", headers={"If-None-Match": first.headers["etag"]})
        assert (first.status_code, again.status_code) == (200, 304)
        for answer in (first, again):
            assert answer.headers["cache-control"].startswith("public")
            assert "ratelimit-policy" in answer.headers and "ratelimit" not in answer.headers
        assert api.get("/api/v1/jobs").headers["ratelimit"].startswith('"address";r=3;'), "they count all the same"


def test_one_request_too_many_is_refused_with_when_to_come_back_loopback_or_not(tmp_path):
    with api_of(world_with(tmp_path, requests_per_minute=2)) as api:
        assert [api.get("/api/v1/rounds").status_code for _ in range(2)] == [200, 200]
        refused = api.get("/api/v1/rounds")
        assert refused.status_code == 429 and refused.headers["content-type"] == "application/problem+json"
        assert 1 <= int(refused.headers["retry-after"]) <= 30 and refused.headers["ratelimit"].startswith(
            '"address";r=0'
        )
        assert (refused.json()["code"], refused.json()["values"]["limit"]) == ("too_many_requests", 2)


def test_a_refused_upload_is_not_read(tmp_path):
    with api_of(world_with(tmp_path, requests_per_minute=1)) as api:
        api.get("/api/v1/rounds")
        assert api.put("/api/v1/blobs/0x" + "00" * 32, content=iter([b"x"] * 3)).status_code == 429


def test_a_client_meets_the_error_that_was_meant_after_some_tries(tmp_path):
    app = build_app(world_with(tmp_path, requests_per_minute=1).market, with_workers=False)
    with MarketClient("http://market.test", transport=AppTransport(app)) as client:
        client.rounds()
        with pytest.raises(TooManyRequests) as refused:
            client.submit_job(*_signed(World(tmp_path / "other")))
        assert refused.value.exit_code == 9 and refused.value.values["retryAfter"] > 0


def _signed(world):
    bid = world.bid()
    return bid, bid.sign(DOMAIN, RENTER.key), world.job_spec()


def test_of_orders_that_come_at_once_no_more_are_taken_than_are_left(tmp_path):
    world = world_with(tmp_path, orders_per_minute=1)
    bids = [world.bid() for _ in range(4)]
    with api_of(world) as api, ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(lambda bid: submit(api, world, bid).status_code, bids)) == [202, 429, 429, 429]
    counted = Limits(world.rules)
    for _ in range(2):
        counted.require_order("both look before either is counted")
    counted.count_order("both look before either is counted")
    with pytest.raises(TooManyRequests):
        counted.count_order("both look before either is counted")


def test_zero_is_no_limit(tmp_path):
    with api_of(world_with(tmp_path, requests_per_minute=0, orders_per_minute=0)) as api:
        answer = api.get("/api/v1/rounds")
        assert answer.status_code == 200 and "ratelimit" not in answer.headers


def test_only_new_orders_with_a_good_signature_count_for_their_signer(tmp_path):
    world = world_with(tmp_path, orders_per_minute=2)
    with api_of(world) as api:
        bid = world.bid()
        assert submit(api, world, bid).status_code == 202
        for _ in range(3):
            assert submit(api, world, bid).status_code == 200, "a copy"
            assert submit(api, world, world.bid(salt=9), signer=key(77)).status_code == 422, "in another's name"
        assert submit(api, world, world.bid()).status_code == 202
        refused = submit(api, world, world.bid())
        assert refused.status_code == 429 and refused.json()["values"]["party"] == RENTER.address
        assert offer(api, world, world.ask()).status_code == 201, "another signer"


def test_a_copy_is_answered_as_ever_when_the_share_is_spent(tmp_path):
    world = world_with(tmp_path, orders_per_minute=1)
    with api_of(world) as api:
        bid, ask = world.bid(), world.ask()
        first, offered = submit(api, world, bid), offer(api, world, ask)
        assert (first.status_code, offered.status_code) == (202, 201)
        assert submit(api, world, world.bid()).status_code == offer(api, world, world.ask()).status_code == 429
        again, still_offered = submit(api, world, bid), offer(api, world, ask)
        assert (again.status_code, still_offered.status_code) == (200, 200)
        assert (again.json(), still_offered.json()) == (first.json(), offered.json())
