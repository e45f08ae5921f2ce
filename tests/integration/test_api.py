"""The HTTP interface: shapes, pages, problem documents for everything, and the documentation's table of calls."""

import re
import tracemalloc
from pathlib import Path

import pytest

from marketplace.api.app import build_app
from marketplace.api.peers import certificate_routes
from marketplace.client import MarketClient
from marketplace.domain.rules import Rules
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.manifest import Manifest, ManifestEntry
from marketplace.protocol.messages import Heartbeat
from marketplace.services.clear_round import run_round
from tests.fakes.http import AppTransport, client_of
from tests.fakes.world import AGENT, DOMAIN, OPERATOR, ORACLES, PROVIDER, RENTER, USDC, World, key

STRANGER = key(77)


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


@pytest.fixture
def api(world):
    with client_of(build_app(world.market, with_workers=False)) as client:
        yield client


def assert_problem(response, status: int, code: str) -> dict:
    document = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, document["code"]) == (status, code), document
    return document


def test_every_call_of_the_protocol_page_exists(api, world):
    page = Path(__file__).parents[2].joinpath("docs/protocol.md").read_text()
    table = page[page.index("## The HTTP interface") : page.index("## What each party does")]
    named = {path for path in re.findall(r"(?:`|GET |PUT |POST )(/[^`\s?]+)", table)}
    assert len(named) > 25
    routes = {_shape(path) for path in build_app(world.market, with_workers=False).openapi()["paths"]}
    routes |= {_shape(route.path) for route in certificate_routes(world.market).routes}
    routes |= {"/docs", "/openapi.json", "/api/v1/nodes/register", "/api/v1/jobs/{}"}
    assert not [path for path in named if not any(route.endswith(_shape(path)) for route in routes)]


def _shape(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def test_the_openapi_document_describes_signed_messages(api):
    document = api.get("/openapi.json").json()
    assert "maxPrice" in document["components"]["schemas"]["Bid"]["properties"]
    assert "/api/v1/jobs/{job_id}/explain" in document["paths"]


def test_an_unknown_address_is_a_problem_document(api):
    assert_problem(api.get("/nothing"), 404, "not_found")
    assert_problem(api.delete("/health"), 405, "method_not_allowed")
    assert_problem(api.get("/api/v1/jobs/0x" + "00" * 32), 404, "not_found")
    assert_problem(api.get("/api/v1/jobs/nonsense"), 422, "malformed_message")
    assert_problem(api.get("/api/v1/rounds/99"), 404, "not_found")
    assert_problem(api.get("/api/v1/rounds/99999999999999999999"), 422, "malformed_message")
    assert_problem(api.get("/api/v1/leases/0x" + "00" * 32 + "/terms"), 404, "not_found")
    assert_problem(api.get("/api/v1/accounts/0x12"), 422, "malformed_message")


def test_a_bug_is_a_problem_document_without_its_trace(api, world, monkeypatch):
    monkeypatch.setattr(type(world.chain), "balance", lambda *_: 1 / 0)
    document = assert_problem(api.get(f"/api/v1/accounts/{RENTER.address}"), 500, "market_error")
    assert "division" not in str(document)


def test_the_configuration_is_what_a_client_signs_with(api, world):
    world.offer()
    config = api.get("/api/v1/config").json()
    assert config["market"] == OPERATOR.address
    assert config["domain"] == DOMAIN.as_json()
    assert config["contracts"]["Escrow"] == DOMAIN.escrow
    assert config["runtimes"] == world.profile().runtimes


def test_pages_go_through_every_job_once_newest_first(api, world):
    placed = [world.submit() for _ in range(5)]
    seen, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = api.get("/api/v1/jobs", params=params).json()
        seen += [job["jobId"] for job in page["jobs"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert seen == placed[::-1]


def test_lists_are_filtered_and_bad_filters_named(api, world):
    world.submit()
    assert api.get("/api/v1/jobs", params={"renter": RENTER.address, "state": "queued"}).json()["jobs"]
    assert not api.get("/api/v1/jobs", params={"renter": STRANGER.address}).json()["jobs"]
    assert not api.get("/api/v1/jobs", params={"state": "paid,failed"}).json()["jobs"]
    assert_problem(api.get("/api/v1/jobs", params={"state": "happy"}), 422, "malformed_message")
    assert_problem(api.get("/api/v1/jobs", params={"cursor": "x"}), 422, "malformed_message")
    assert_problem(api.get("/api/v1/jobs", params={"limit": 0}), 422, "malformed_message")


def test_blobs_come_back_as_they_were(api):
    data = b"some bytes"
    digest = sha256_digest(data)
    assert api.put(f"/api/v1/blobs/{digest}", content=data).status_code == 201
    assert api.put(f"/api/v1/blobs/{digest}", content=data).status_code == 200
    assert api.get(f"/api/v1/blobs/{digest}").content == data
    assert api.head(f"/api/v1/blobs/{digest}").headers["content-length"] == str(len(data))
    assert api.head("/api/v1/blobs/0x" + "00" * 32).status_code == 404


def test_an_upload_is_never_in_memory_as_a_whole(tmp_path):
    world = World(tmp_path, rules=Rules(max_blob_bytes=64_000_000))
    chunk, count = b"x" * 64_000, 600
    digest = sha256_digest(chunk * count)
    with client_of(build_app(world.market, with_workers=False)) as api:
        tracemalloc.start()
        try:
            assert api.put(f"/api/v1/blobs/{digest}", content=iter([chunk] * count)).status_code == 201
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 8_000_000
    assert world.market.blobs.size(digest) == len(chunk) * count


def test_a_quote_prices_every_node_and_says_what_stands_in_the_way(api, world):
    world.offer()
    resources = {"vcpus": 1, "memoryMb": 512, "durationSeconds": 60, "fuel": str(10**10), "egressMb": 1}
    quote = api.post("/api/v1/quotes", json={"resources": resources}).json()
    (offer,) = quote["offers"]
    assert offer["feasible"] and int(quote["price"]) >= int(offer["quote"]["total"])
    assert api.get("/api/v1/jobs").json()["jobs"] == [], "nothing was placed"
    big = api.post("/api/v1/quotes", json={"resources": resources | {"vcpus": 64}}).json()
    assert big["price"] is None and "vcpus" in big["offers"][0]["reasons"][0]
    cheap = api.post("/api/v1/quotes", json={"resources": resources, "maxPrice": "1"}).json()
    assert cheap["price"] is None and "price" in cheap["offers"][0]["reasons"][-1]


def test_a_quote_has_every_line_of_formula_4_1_and_what_steers_apart_from_what_is_charged(api, world):
    world.offer()
    resources = {"vcpus": 1, "memoryMb": 512, "durationSeconds": 60, "fuel": str(10**10), "egressMb": 1}
    wishes = {"locality": [{"zone": "a", "worth": 7_000}], "latency": [{"fromRegion": "eu-west", "pricePerMs": 0}]}
    body = {"resources": resources, "jobSpec": world.job_spec().to_json() | {"preferences": wishes}}
    offer = api.post("/api/v1/quotes", json=body).json()["offers"][0]
    lines = offer["quote"]
    assert int(lines["cComp"]) + int(lines["cData"]) + int(lines["minimumTopup"]) == int(lines["total"])
    assert (lines["steering"]["locality"], lines["steering"]["total"]) == ("7000", "7000")
    assert int(lines["carbonMg"]) > 0 and set(lines["latencyMs"]) == {"eu-west"}
    tight = api.post("/api/v1/quotes", json=body | {"maxPrice": lines["total"]}).json()
    assert tight["price"] is None and tight["offers"][0]["reasons"][0].startswith("worth: ")
    negative = {"locality": [{"zone": "a", "worth": -1}]}
    refused = api.post("/api/v1/quotes", json=body | {"jobSpec": body["jobSpec"] | {"preferences": negative}})
    assert refused.status_code == 422 and "worth" in refused.text


def test_advice_takes_the_body_of_a_quote_and_says_what_to_change(api, world):
    world.offer()
    body = {"resources": {"vcpus": 64, "memoryMb": 512, "durationSeconds": 60, "fuel": str(10**10), "egressMb": 1}}
    advice = api.post("/api/v1/quotes/advice", json=body).json()
    assert (advice["price"], advice["chance"], advice["history"]["rounds"]) == (None, None, 0)
    (found,) = advice["relaxations"]
    body["resources"] |= found["changes"]
    assert api.post("/api/v1/quotes/advice", json=body).json()["price"] == found["price"]
    assert api.get("/api/v1/jobs").json()["jobs"] == [], "nothing was placed"


def test_a_heartbeat_needs_the_agents_signature_and_a_known_node(api, world):
    world.offer()
    path = f"/api/v1/nodes/{AGENT.address}/heartbeat"
    beat = Heartbeat(
        agent=AGENT.address, profile_digest=world.profile().digest(), sent_at=world.chain.time, drains_by=0
    )
    good = {"heartbeat": beat.to_json(), "signature": beat.sign(DOMAIN, AGENT.key)}
    assert api.post(path, json=good).status_code == 200
    forged = {"heartbeat": beat.to_json(), "signature": beat.sign(DOMAIN, STRANGER.key)}
    assert_problem(api.post(path, json=forged), 422, "invalid_signature")
    old = beat.model_copy(update={"sent_at": world.chain.time - 9999})
    replay = {"heartbeat": old.to_json(), "signature": old.sign(DOMAIN, AGENT.key)}
    assert_problem(api.post(path, json=replay), 422, "expired_order")


def test_a_silent_node_gets_no_work_until_it_speaks_again(api, world):
    world.offer()
    job_id = world.submit(world.bid(valid_until=world.chain.time + 5000, deadline=world.chain.time + 9000))
    world.chain.mine(seconds=1000)
    run_round(world.market)
    assert api.get(f"/api/v1/jobs/{job_id}").json()["state"] == "queued"
    assert api.get("/api/v1/cluster/nodes").json()["nodes"][0]["status"] == "silent"
    with world.market.store.write() as tx:
        tx.asks.seen(AGENT.address, world.chain.time)
    run_round(world.market)
    assert api.get(f"/api/v1/jobs/{job_id}").json()["state"] == "matched"


def test_a_bid_is_filled_at_once_only_when_it_is_first_placed(api, world):
    """A signed bid is public: sent again by anybody, it says nothing about what its renter wants."""
    bid, job_spec = world.bid(), world.job_spec()
    body = {"bid": bid.to_json(), "signature": bid.sign(DOMAIN, RENTER.key), "jobSpec": job_spec.to_json()}
    placed = api.post("/api/v1/jobs/submit", json=body)
    assert (placed.status_code, placed.json()["filledInRound"]) == (202, None)
    world.offer()
    again = api.post("/api/v1/jobs/submit", json=body | {"now": True})
    assert (again.status_code, again.json()["filledInRound"]) == (200, None)
    assert api.get(placed.json()["status"]).json()["state"] == "queued"
    other = world.bid()
    hurried = body | {"bid": other.to_json(), "signature": other.sign(DOMAIN, RENTER.key), "now": True}
    number = api.post("/api/v1/jobs/submit", json=hurried).json()["filledInRound"]
    assert number == api.post("/api/v1/jobs/submit", json=hurried).json()["filledInRound"] == 1


def attest(api, world, lease_id, manifest, signer=AGENT, **changes):
    attestation = world.attestation(lease_id, manifest, **changes)
    body = {
        "attestation": attestation.to_json(),
        "signature": attestation.sign(DOMAIN, signer.key),
        "manifest": manifest.to_json(),
    }
    return api.post(f"/api/v1/leases/{lease_id}/attestation", json=body)


def test_evidence_is_checked_before_it_is_taken(api, world):
    lease_id = world.open_lease()
    manifest = world.manifest()
    assert_problem(attest(api, world, lease_id, manifest, signer=STRANGER), 422, "invalid_signature")
    assert_problem(attest(api, world, lease_id, manifest, fuel=10**11), 422, "malformed_message")
    assert_problem(attest(api, world, lease_id, manifest, result_digest="0x" + "00" * 32), 422, "invalid_manifest")
    assert_problem(attest(api, world, lease_id, manifest, egress_bytes=1), 422, "invalid_manifest")
    assert_problem(attest(api, world, lease_id, manifest, exit_kind=99), 422, "malformed_message")
    unsent = Manifest.build([ManifestEntry.of("log/stdout", b"never uploaded")])
    assert_problem(attest(api, world, lease_id, unsent), 422, "invalid_input")
    assert attest(api, world, lease_id, manifest).status_code == 201
    assert attest(api, world, lease_id, manifest).status_code == 200, "the very same again"
    assert_problem(attest(api, world, lease_id, manifest, fuel=1), 409, "conflict")


def test_only_members_of_the_committee_judge(api, world):
    lease_id = world.open_lease()
    world.attest(lease_id)
    reveal = world.sealed(STRANGER, world.verdict(lease_id))
    for call, name, message in (("seal", "seal", reveal.seal(STRANGER.address)), ("verdict", "reveal", reveal)):
        body = {name: message.to_json(), "oracle": STRANGER.address, "signature": message.sign(DOMAIN, STRANGER.key)}
        assert_problem(api.post(f"/api/v1/leases/{lease_id}/{call}", json=body), 422, "wrong_signer")
    assert_problem(api.get("/api/v1/oracle/claims", params={"oracle": STRANGER.address}), 422, "wrong_signer")
    claims = api.get("/api/v1/oracle/claims", params={"oracle": ORACLES[0].address}).json()["claims"]
    assert [claim["leaseId"] for claim in claims] == [lease_id]
    assert claims[0]["manifest"]["entries"]


def test_an_agent_finds_its_leases_and_their_terms(api, world):
    lease_id = world.open_lease()
    params = {"agent": AGENT.address, "state": "open"}
    assert [one["leaseId"] for one in api.get("/api/v1/leases", params=params).json()["leases"]] == [lease_id]
    terms = api.get(f"/api/v1/leases/{lease_id}/terms").json()
    assert set(terms) == {"bid", "bidSignature", "ask", "askSignature", "profile", "price", "jobSpec", "round"}


def test_an_account_is_what_the_contracts_say(api, world):
    world.open_lease()
    account = api.get(f"/api/v1/accounts/{RENTER.address.lower()}").json()
    assert account["address"] == RENTER.address
    assert int(account["free"]) + int(account["locked"]) == 100 * USDC
    provider = api.post("/api/v1/accounts", json={"address": PROVIDER.address}).json()
    assert provider["stake"]["locked"] == account["locked"]


def test_the_client_speaks_the_same_language(world):
    """The SDK's own methods against the application, without a socket."""
    app = build_app(world.market, with_workers=False)
    with MarketClient("http://market.test", transport=AppTransport(app)) as client:
        assert client.health()["status"] == "ok"
        assert client.domain() == DOMAIN
        lease_id = world.open_lease()
        assert client.lease_terms(lease_id).bid.renter == RENTER.address
        (job,) = client.jobs()["jobs"]
        assert client.job(job["jobId"])["leases"][0]["leaseId"] == lease_id
        assert client.job_explain(job["jobId"])["matched"]
        assert client.job_events(job["jobId"])[0]["event"] == "queued"
        assert client.rounds()[0]["digest"] == client.round(1)["digest"]
        assert client.transcript(1)["round"] == 1
        assert client.asks() and client.nodes() and client.cluster_status()["nodes"]["alive"] == 1
