"""Who uploads what nothing names is refused in time; an order, evidence or a checkpoint that names it makes room."""

from dataclasses import replace

import pytest

from marketplace.api.app import build_app
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.checkpoint import Checkpoint
from marketplace.protocol.jobspec import Checkpointing
from marketplace.protocol.manifest import Manifest, ManifestEntry
from marketplace.services.clear_round import run_round
from marketplace.services.place_order import place_bid
from marketplace.services.record_checkpoint import record_checkpoint
from marketplace.services.uploads import Uploads
from tests.fakes.http import client_of
from tests.fakes.world import AGENT, DOMAIN, RENTER, SCRIPT, World


@pytest.fixture
def world(tmp_path) -> World:
    made = World(tmp_path)
    rules = replace(made.rules, unused_uploads=2, unused_upload_bytes=50_000)
    made.market = replace(made.market, rules=rules, uploads=Uploads(lambda: 1_000.0))
    return made


@pytest.fixture
def api(world):
    with client_of(build_app(world.market, with_workers=False)) as client:
        yield client


def upload(api, data: bytes):
    return api.put(f"/api/v1/blobs/{sha256_digest(data)}", content=data)


def test_one_too_many_is_429_with_when_there_is_room_and_what_is_there_is_taken_as_ever(api):
    assert [upload(api, data).status_code for data in (b"one", b"two", b"one")] == [201, 201, 200]
    answer = upload(api, b"three")
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
    assert answer.headers["Retry-After"] == "3600"
    assert "2 blobs and 50000 bytes an hour" in answer.json()["detail"]
    assert api.head(f"/api/v1/blobs/{sha256_digest(b'three')}").status_code == 404
    assert upload(api, b"two").status_code == 200


def test_an_upload_whose_digest_is_wrong_counts_for_nothing(api):
    for _ in range(5):
        assert api.put(f"/api/v1/blobs/{sha256_digest(b'one')}", content=b"another").status_code == 422
    assert [upload(api, data).status_code for data in (b"one", b"two")] == [201, 201]


def test_a_bid_that_names_its_inputs_makes_room_for_the_next(api, world):
    """As clients do: the bytes first, then the order."""
    spec = world.job_spec()
    assert world.market.blobs.delete(sha256_digest(SCRIPT))
    assert [upload(api, data).status_code for data in (SCRIPT, b"two", b"three")] == [201, 201, 429]
    bid = world.bid()
    world.market.blobs.delete(sha256_digest(SCRIPT))
    assert upload(api, SCRIPT).status_code == 201
    body = {"bid": bid.to_json(), "signature": bid.sign(DOMAIN, RENTER.key), "jobSpec": spec.to_json()}
    assert api.post("/api/v1/jobs", json=body).status_code == 202
    assert [upload(api, data).status_code for data in (b"three", b"four")] == [201, 429]


def test_evidence_and_checkpoints_that_name_what_an_agent_uploaded_make_room_for_more(api, world):
    world.offer()
    spec = world.job_spec().model_copy(update={"checkpoint": Checkpointing(directory="state")})
    bid = world.bid(job_digest=spec.digest())
    job_id = place_bid(world.market, bid, bid.sign(DOMAIN, RENTER.key), spec).order_hash
    assert run_round(world.market) is not None
    world.drain()
    lease_id = world.lease_of(job_id)
    assert [upload(api, data).status_code for data in (b"state", b"other", b"more")] == [201, 201, 429]
    saved = Manifest.build([ManifestEntry.of("out/state/n", b"state")])
    checkpoint = Checkpoint(lease_id=lease_id, job_digest=bid.job_digest, root=saved.root(), taken_at=10)
    record_checkpoint(world.market, lease_id, checkpoint, checkpoint.sign(DOMAIN, AGENT.key), saved)
    assert [upload(api, data).status_code for data in (b"printed", b"more")] == [201, 429]
    world.attest(lease_id, b"printed")
    assert [upload(api, data).status_code for data in (b"more", b"even more")] == [201, 429]
