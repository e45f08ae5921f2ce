"""Every bad order gets one clear problem document, and nothing of it stays behind."""

from dataclasses import replace

import pytest

from marketplace.api.app import MAX_JSON_BYTES, build_app
from marketplace.domain.rules import Rules
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.messages import Cancel
from tests.fakes.http import client_of
from tests.fakes.world import DOMAIN, OPERATOR, PROVIDER, RENTER, USDC, World, key

STRANGER = key(77)


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


@pytest.fixture
def api(world):
    with client_of(build_app(world.market, with_workers=False)) as client:
        yield client


def submit(api, world, bid, signer=RENTER, signature=None, spec=None):
    body = {
        "bid": bid.to_json(),
        "signature": signature or bid.sign(DOMAIN, signer.key),
        "jobSpec": (spec or world.job_spec()).to_json(),
    }
    return api.post("/api/v1/jobs/submit", json=body)


def offer(api, world, ask, signer=PROVIDER, profile=None):
    body = {
        "ask": ask.to_json(),
        "signature": ask.sign(DOMAIN, signer.key),
        "profile": (profile or world.profile()).to_json(),
    }
    return api.post("/api/v1/asks", json=body)


def assert_problem(response, status: int, code: str) -> dict:
    document = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, document["code"]) == (status, code), document
    assert document["type"] == f"urn:computehive:error:{code}"
    assert document["status"] == status and document["detail"]
    return document


def assert_nothing_stays(api) -> None:
    assert api.get("/api/v1/jobs").json()["jobs"] == []


def test_a_good_bid_is_accepted_and_the_same_again_changes_nothing(api, world):
    bid = world.bid()
    first, second = submit(api, world, bid), submit(api, world, bid)
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json() == second.json()
    assert len(api.get("/api/v1/jobs").json()["jobs"]) == 1


def test_a_forged_signature_is_refused(api, world):
    problem = assert_problem(submit(api, world, world.bid(), signer=STRANGER), 422, "invalid_signature")
    assert problem["values"]["recovered"] == STRANGER.address
    assert_nothing_stays(api)


def test_a_field_changed_after_signing_is_refused(api, world):
    bid = world.bid()
    signature = bid.sign(DOMAIN, RENTER.key)
    dearer = bid.model_copy(update={"max_price": 2 * USDC})
    assert_problem(submit(api, world, dearer, signature=signature), 422, "invalid_signature")


@pytest.mark.parametrize("signature", ["0x", "0x1234", "0x" + "00" * 65, "0x" + "ff" * 65])
def test_a_signature_that_is_none_is_refused(api, world, signature):
    assert_problem(submit(api, world, world.bid(), signature=signature), 422, "invalid_signature")


def test_a_replay_from_another_chain_is_refused(api, world):
    bid = world.bid()
    signature = bid.sign(replace(DOMAIN, chain_id=1), RENTER.key)
    assert_problem(submit(api, world, bid, signature=signature), 422, "invalid_signature")


def test_an_erc1271_renter_signs_by_its_owner(api, world):
    wallet = key(55).address
    world.chain.state.smart_accounts[wallet] = RENTER.address
    world.chain.state.free[wallet] = 10 * USDC
    assert submit(api, world, world.bid(renter=wallet)).status_code == 202
    assert_problem(submit(api, world, world.bid(renter=wallet), signer=STRANGER), 422, "invalid_signature")


def test_an_order_for_another_market_is_refused(api, world):
    problem = assert_problem(submit(api, world, world.bid(market=STRANGER.address)), 422, "wrong_market")
    assert problem["values"]["market"] == OPERATOR.address


def test_an_expired_order_is_refused(api, world):
    assert_problem(submit(api, world, world.bid(valid_until=world.chain.time - 1)), 422, "expired_order")
    assert_problem(submit(api, world, world.bid(deadline=world.chain.time + 10)), 422, "expired_order")
    assert_problem(offer(api, world, world.ask(valid_until=world.chain.time - 1)), 422, "expired_order")


def test_an_order_whose_salt_was_cancelled_is_refused(api, world):
    bid = world.bid()
    cancel = Cancel(signer=RENTER.address, kind=CancelKind.BIDS_BEFORE, salt=bid.salt + 1)
    body = {"cancel": cancel.to_json(), "signature": cancel.sign(DOMAIN, RENTER.key)}
    assert api.post("/api/v1/cancellations", json=body).status_code == 202
    assert_problem(submit(api, world, bid), 422, "cancelled_order")


@pytest.mark.parametrize(("salt", "status"), [(1, 409), (2, 202), (102, 202), (103, 422)])
def test_salts_count_up_and_a_refusal_names_the_next(api, world, salt, status):
    assert submit(api, world, world.bid(salt=1)).status_code == 202
    response = submit(api, world, world.bid(salt=salt, vcpus=2))
    assert response.status_code == status
    if status != 202:
        code = {409: "duplicate_order", 422: "order_rejected"}[status]
        assert assert_problem(response, status, code)["values"]["nextSalt"] == 2


def test_a_cancel_signed_by_somebody_else_is_refused(api, world):
    cancel = Cancel(signer=RENTER.address, kind=CancelKind.BID, salt=5)
    body = {"cancel": cancel.to_json(), "signature": cancel.sign(DOMAIN, STRANGER.key)}
    assert_problem(api.post("/api/v1/cancellations", json=body), 422, "invalid_signature")


def test_a_bid_that_the_escrow_does_not_cover_is_refused_with_both_amounts(api, world):
    problem = assert_problem(submit(api, world, world.bid(max_price=101 * USDC)), 402, "insufficient_funds")
    assert (problem["values"]["needed"], problem["values"]["free"]) == (str(101 * USDC), str(100 * USDC))


def test_live_bids_reserve_what_they_may_lock(api, world):
    assert submit(api, world, world.bid(max_price=60 * USDC)).status_code == 202
    assert_problem(submit(api, world, world.bid(max_price=60 * USDC)), 402, "insufficient_funds")
    assert_problem(submit(api, world, world.bid(max_price=30 * USDC, replicas=2)), 402, "insufficient_funds")


def test_an_extreme_price_is_refused_for_want_of_funds_not_by_a_crash(api, world):
    assert_problem(submit(api, world, world.bid(max_price=2**64 - 1)), 402, "insufficient_funds")


@pytest.mark.parametrize(("field", "value"), [("maxPrice", 0), ("settlement", 1)])
def test_a_bid_that_offers_nothing_or_what_is_not_taken_is_refused(api, world, field, value):
    bid = world.bid(**{"max_price" if field == "maxPrice" else field: value})
    assert assert_problem(submit(api, world, bid), 422, "malformed_message")["values"]["field"] == f"Bid.{field}"
    assert_nothing_stays(api)


def test_one_account_has_no_more_live_orders_than_the_market_allows(tmp_path):
    world = World(tmp_path, rules=Rules(max_blob_bytes=10_000, max_live_orders=2))
    with client_of(build_app(world.market, with_workers=False)) as api:
        for number in range(2):
            assert submit(api, world, world.bid()).status_code == 202
            assert offer(api, world, world.ask(agent=key(40 + number).address)).status_code == 201
        problem = assert_problem(submit(api, world, world.bid()), 422, "order_rejected")
        assert (problem["values"]["live"], problem["values"]["limit"]) == (2, 2)
        assert_problem(offer(api, world, world.ask(agent=key(50).address)), 422, "order_rejected")
        renewed = offer(api, world, world.ask(agent=key(40).address))
        assert renewed.status_code == 201, "one that takes the place of an older one is not one more"


def test_a_job_specification_above_the_limit_is_too_large(api, world):
    spec = world.job_spec().model_copy(update={"env": {f"V{number}": "x" * 4000 for number in range(600)}})
    assert_problem(submit(api, world, world.bid(job_digest=spec.digest()), spec=spec), 413, "too_large")


def test_a_node_profile_above_the_limit_is_too_large(api, world):
    profile = world.profile().model_copy(update={"runtimes": {f"r{n}": "0x" + "00" * 32 for n in range(30_000)}})
    response = offer(api, world, world.ask(profile_digest=profile.digest()), profile=profile)
    assert_problem(response, 413, "too_large")


def test_a_provider_without_stake_is_refused(api, world):
    ask = world.ask(provider=STRANGER.address)
    assert_problem(offer(api, world, ask, signer=STRANGER), 402, "insufficient_stake")


def test_a_profile_that_is_not_the_signed_one_is_refused(api, world):
    other = world.profile().model_copy(update={"region": "us"})
    assert_problem(offer(api, world, world.ask(), profile=other), 422, "malformed_message")


def test_a_newer_ask_of_a_node_takes_the_place_of_its_older_one(api, world):
    old, new = offer(api, world, world.ask()).json(), offer(api, world, world.ask()).json()
    live = [one["askHash"] for one in api.get("/api/v1/asks").json()["asks"]]
    assert live == [new["askHash"]] and old["askHash"] not in live


@pytest.mark.parametrize(
    "field, value",
    [
        ("replicas", 0),
        ("replicas", 255),
        ("verification", 4),
        ("verification", 9),
        ("durationSeconds", 0),
        ("durationSeconds", 10**6),
        ("memoryMb", 10**6),
        ("fuel", 0),
        ("maxPrice", -1),
        ("maxPrice", 1.5),
        ("maxPrice", "0x10"),
        ("renter", "0x123"),
        ("jobDigest", "nothing"),
    ],
)
def test_a_malformed_field_is_named(api, world, field, value):
    names = {"durationSeconds": "duration_seconds", "memoryMb": "memory_mb"}
    bid = world.bid()
    document = bid.to_json() | {field: value}
    try:
        bid = bid.model_copy(update={names.get(field, field): value})
        signature = bid.sign(DOMAIN, RENTER.key)
    except Exception:
        signature = "0x" + "11" * 65
    body = {"bid": document, "signature": signature, "jobSpec": world.job_spec().to_json()}
    problem = assert_problem(api.post("/api/v1/jobs", json=body), 422, "malformed_message")
    assert field in problem["detail"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'{"bid": {}}', b'{"bid":' * 2000, "ü".encode("latin-1")]
)
def test_a_body_that_is_no_order_is_refused(api, content):
    response = api.post("/api/v1/jobs", content=content, headers={"Content-Type": "application/json"})
    assert_problem(response, 422, response.json()["code"])
    assert response.json()["code"] in ("malformed_message", "invalid_job_spec")


def test_a_body_above_the_limit_is_too_large_however_it_is_announced(api):
    headers = {"Content-Type": "application/json"}
    chunks = [b" " * 1_000_000] * (MAX_JSON_BYTES // 1_000_000 + 1)
    for content in (b"".join(chunks), iter(chunks)):
        assert_problem(api.post("/api/v1/jobs", content=content, headers=headers), 413, "too_large")


def test_a_job_specification_that_the_bid_does_not_name_is_refused(api, world):
    other = world.job_spec().model_copy(update={"name": "another"})
    assert_problem(submit(api, world, world.bid(), spec=other), 422, "invalid_job_spec")


def test_a_job_whose_inputs_are_not_here_is_refused_naming_them(api, world):
    spec = world.job_spec()
    gone = "0x" + "12" * 32
    spec = spec.model_copy(update={"inputs": (spec.inputs[0].model_copy(update={"digest": gone}),)})
    problem = assert_problem(submit(api, world, world.bid(job_digest=spec.digest()), spec=spec), 422, "invalid_input")
    assert problem["values"]["missing"] == [gone]


def test_a_job_with_an_input_above_the_limit_is_too_large(api, world):
    spec = world.job_spec()
    spec = spec.model_copy(update={"inputs": (spec.inputs[0].model_copy(update={"size": 10_001}),)})
    assert_problem(submit(api, world, world.bid(job_digest=spec.digest()), spec=spec), 413, "too_large")


def test_a_path_that_leaves_the_input_folder_is_refused(api, world):
    spec = world.job_spec().to_json()
    spec["inputs"][0]["path"] = "../../etc/passwd"
    bid = world.bid()
    body = {"bid": bid.to_json(), "signature": bid.sign(DOMAIN, RENTER.key), "jobSpec": spec}
    assert_problem(api.post("/api/v1/jobs", json=body), 422, "invalid_job_spec")


def test_an_upload_that_does_not_hash_to_its_name_is_refused(api):
    problem = assert_problem(api.put("/api/v1/blobs/0x" + "00" * 32, content=b"data"), 422, "digest_mismatch")
    assert problem["values"]["actual"] == sha256_digest(b"data")
    assert api.get("/api/v1/blobs/" + sha256_digest(b"data")).status_code == 404


def test_an_upload_above_the_limit_is_too_large_however_it_is_announced(api):
    data = b"x" * 10_001
    assert_problem(api.put("/api/v1/blobs/" + sha256_digest(data), content=data), 413, "too_large")
    chunks = (b"x" * 1000 for _ in range(11))
    assert_problem(api.put("/api/v1/blobs/0x" + "00" * 32, content=chunks), 413, "too_large")


def test_a_name_that_is_no_digest_is_refused(api):
    assert_problem(api.put("/api/v1/blobs/..%2f..%2fetc", content=b""), 404, "not_found")
    assert_problem(api.put("/api/v1/blobs/0xABC", content=b""), 422, "malformed_message")


def test_while_the_chain_is_away_orders_get_503_and_reads_go_on(api, world):
    job = submit(api, world, world.bid()).json()
    world.chain.away = True
    response = submit(api, world, world.bid())
    assert_problem(response, 503, "chain_unavailable")
    assert response.headers["retry-after"]
    assert api.get("/health").json()["status"] == "chain_unavailable"
    assert api.get(f"/api/v1/jobs/{job['jobId']}").json()["state"] == "queued"
    world.chain.away = False
    assert submit(api, world, world.bid()).status_code == 202
