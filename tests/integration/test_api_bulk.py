"""Many bids in one request: each by itself, refused in its place, and cheaper than one by one."""

import json

import pytest

from marketplace.api.app import build_app
from marketplace.api.bulk import MOST_BIDS
from marketplace.domain.rules import Rules
from marketplace.errors import ChainUnavailable
from tests.fakes.http import client_of
from tests.fakes.world import DOMAIN, RENTER, USDC, World, key

BULK = "/api/v1/bids/bulk"


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


@pytest.fixture
def api(world):
    with client_of(build_app(world.market, with_workers=False)) as client:
        yield client


def order(world, signer=RENTER, **changes):
    bid = world.bid(**changes)
    spec = world.job_spec().to_json()
    return {"bid": bid.to_json(), "signature": bid.sign(DOMAIN, signer.key), "jobSpec": spec}


def jobs(api) -> list[str]:
    return [job["jobId"] for job in api.get("/api/v1/jobs").json()["jobs"]]


def test_each_bid_is_taken_or_refused_by_itself_in_its_place(api, world):
    orders = [order(world), order(world, signer=key(77)), order(world, max_price=0), order(world), {"bid": 7}]
    results = api.post(BULK, json=orders).json()["results"]
    assert [one["status"] for one in results] == [202, 422, 422, 202, 422]
    assert [one["problem"]["code"] for one in results if "problem" in one] == [
        "invalid_signature",
        "malformed_message",
        "malformed_message",
    ]
    assert sorted(jobs(api)) == sorted(one["jobId"] for one in results if one["status"] == 202)
    assert api.get(results[0]["location"]).json()["jobId"] == results[0]["jobId"]


def test_lines_of_json_are_as_good_and_one_that_is_none_is_refused_alone(api, world):
    lines = [json.dumps(order(world)), "{", '{"bid": NaN}', "", json.dumps(order(world))]
    answer = api.post(BULK, content="\n".join(lines), headers={"Content-Type": "application/x-ndjson; charset=utf-8"})
    assert [one["status"] for one in answer.json()["results"]] == [202, 422, 422, 202]


def test_the_same_bids_again_change_nothing_and_are_200_each(api, world):
    orders = [order(world), order(world)]
    orders.append(orders[0])
    assert [one["status"] for one in api.post(BULK, json=orders).json()["results"]] == [202, 202, 200]
    assert [one["status"] for one in api.post(BULK, json=orders).json()["results"]] == [200, 200, 200]
    assert len(jobs(api)) == 2


def test_bids_of_one_request_reserve_money_and_salts_before_each_other(api, world):
    salt = world.next_salt(RENTER.address)
    orders = [order(world, max_price=60 * USDC, salt=salt), order(world, max_price=60 * USDC, salt=salt + 1)]
    orders.append(order(world, salt=salt, vcpus=2))
    found = api.post(BULK, json=orders).json()["results"]
    assert [one["status"] for one in found] == [202, 402, 409]


def test_no_bid_of_a_bulk_is_filled_at_once(api, world):
    (found,) = api.post(BULK, json=[order(world) | {"now": True}]).json()["results"]
    assert found["problem"]["values"]["field"] == "now"


@pytest.mark.parametrize("count", [0, MOST_BIDS + 1])
def test_too_many_bids_or_none_are_refused_together(api, count):
    answer = api.post(BULK, json=[{}] * count)
    assert answer.status_code == 422 and f"1 to {MOST_BIDS}" in answer.json()["detail"]


@pytest.mark.parametrize("body", ["{}", "7", "", "[NaN]", "[" * 500])
def test_a_body_that_is_no_array_is_refused_together(api, body):
    answer = api.post(BULK, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed_message")


def test_a_bulk_asks_the_chain_once_about_each_renter_and_writes_once(world, api, monkeypatch):
    asked, written = [], []
    chain, store = type(world.chain), type(world.market.store)
    real, write = chain.renter_account, store.write
    monkeypatch.setattr(chain, "renter_account", lambda self, renter: asked.append(renter) or real(self, renter))
    monkeypatch.setattr(store, "write", lambda self: written.append(1) or write(self))
    orders = [order(world) for _ in range(5)]
    assert [one["status"] for one in api.post(BULK, json=orders).json()["results"]] == [202] * 5
    assert (asked, len(written)) == ([RENTER.address], 1)


def test_orders_of_a_bulk_count_for_their_signer_one_by_one(tmp_path):
    world = World(tmp_path, rules=Rules(max_blob_bytes=10_000, orders_per_minute=2))
    with client_of(build_app(world.market, with_workers=False)) as api:
        assert api.post(BULK, json=[order(world), order(world)]).json()["results"][1]["status"] == 202
        (found,) = api.post(BULK, json=[order(world)]).json()["results"]
        assert (found["status"], found["problem"]["code"]) == (429, "too_many_requests")


def test_a_bulk_takes_no_more_new_orders_of_a_signer_than_are_left_of_its_share(tmp_path):
    world = World(tmp_path, rules=Rules(max_blob_bytes=10_000, orders_per_minute=2))
    with client_of(build_app(world.market, with_workers=False)) as api:
        orders = [order(world), order(world, max_price=0), order(world), order(world), order(world)]
        orders.insert(3, orders[0])
        results = api.post(BULK, json=orders).json()["results"]
        assert [one["status"] for one in results] == [202, 422, 202, 200, 429, 429]
        assert results[4]["problem"]["values"]["party"] == RENTER.address and len(jobs(api)) == 2


def test_copies_in_a_bulk_are_answered_as_ever_when_the_share_is_spent(tmp_path):
    world = World(tmp_path, rules=Rules(max_blob_bytes=10_000, orders_per_minute=1))
    with client_of(build_app(world.market, with_workers=False)) as api:
        orders = [order(world), order(world)]
        assert [one["status"] for one in api.post(BULK, json=orders).json()["results"]] == [202, 429]
        assert [one["status"] for one in api.post(BULK, json=orders).json()["results"]] == [200, 429]


@pytest.mark.parametrize("away", ["head", "renter_account", "is_valid_contract_signature"])
def test_a_chain_that_does_not_answer_is_asked_by_one_bid_of_a_bulk(world, api, monkeypatch, away):
    """A node that hangs costs its timeout once, not once a bid."""
    asked = []

    def hang(self, *args):
        asked.append(args)
        raise ChainUnavailable("The chain did not answer.")

    monkeypatch.setattr(type(world.chain), away, hang)
    monkeypatch.setattr(type(world.chain), "has_code", lambda self, account: away.startswith("is_valid"))
    orders = [order(world, signer=key(77)) if away.startswith("is_valid") else order(world) for _ in range(4)]
    results = api.post(BULK, json=orders).json()["results"]
    assert [(one["status"], one["problem"]["code"]) for one in results] == [(503, "chain_unavailable")] * 4
    assert len(asked) == 1
