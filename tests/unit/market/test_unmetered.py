"""Bids for sandboxes that count no fuel, and for replicas that vote: what the market takes."""

import pytest

from marketplace.errors import InvalidJobSpec, MalformedMessage
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import Verification
from marketplace.protocol.jobspec import JobSpec
from marketplace.services.place_order import place_bid
from tests.fakes.world import DOMAIN, RENTER

IMAGE = b"an image"


def container(**changes) -> JobSpec:
    program = {"kind": "container", "digest": sha256_digest(IMAGE), "size": len(IMAGE)}
    return JobSpec.parse({"sandbox": "docker", "program": program} | changes)


def place(world, spec: JobSpec, **changes) -> str:
    world.market.blobs.put(sha256_digest(IMAGE), IMAGE)
    bid = world.bid(job_digest=spec.digest(), **changes)
    return place_bid(world.market, bid, bid.sign(DOMAIN, RENTER.key), spec).order_hash


@pytest.mark.parametrize("verification", [Verification.ACCEPT, Verification.REPLICATE])
def test_container_without_fuel_is_taken_where_its_result_can_be_judged(world, verification):
    assert place(world, container(), fuel=0, verification=int(verification), replicas=2)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"fuel": 1, "verification": int(Verification.ACCEPT)}, "Bid.fuel"),
        ({"fuel": 0, "verification": int(Verification.REEXECUTE)}, "Bid.verification"),
        ({"fuel": 0, "verification": int(Verification.REPLICATE), "replicas": 1}, "Bid.replicas"),
    ],
)
def test_what_nobody_could_meter_or_judge_is_refused_by_field(world, changes, field):
    with pytest.raises(MalformedMessage, match=field):
        place(world, container(), **changes)


def test_wasm_without_fuel_is_refused(world):
    with pytest.raises(MalformedMessage, match=r"Bid\.fuel"):
        world.submit(world.bid(fuel=0))


def test_one_replica_cannot_vote_in_wasm_either(world):
    with pytest.raises(MalformedMessage, match="replicate needs at least 2"):
        world.submit(world.bid(verification=int(Verification.REPLICATE), replicas=1))


@pytest.mark.parametrize("changes", [{"sandbox": "wasm"}, {"sandbox": "Docker"}, {"sandbox": ""}])
def test_a_program_that_its_sandbox_does_not_run_is_refused(changes):
    with pytest.raises(InvalidJobSpec):
        container(**changes)


def test_image_of_another_size_than_said_is_refused(world):
    program = {"kind": "container", "digest": sha256_digest(IMAGE), "size": 9}
    with pytest.raises(InvalidJobSpec, match="9 bytes"):
        place(world, container(program=program), fuel=0, verification=int(Verification.ACCEPT))


def tool() -> JobSpec:
    program = {"kind": "tool", "module": "chain://words@1.0.0", "digest": sha256_digest(IMAGE), "tool": "count"}
    return JobSpec.parse({"sandbox": "mcp", "program": program})


@pytest.mark.parametrize("verification", [Verification.ACCEPT, Verification.REPLICATE])
def test_tool_is_taken_like_a_container_and_without_its_servers_bytes(world, verification):
    bid = world.bid(job_digest=tool().digest(), fuel=0, verification=int(verification), replicas=2)
    assert place_bid(world.market, bid, bid.sign(DOMAIN, RENTER.key), tool()).order_hash
    assert not world.market.blobs.has(sha256_digest(IMAGE))


def test_tool_that_shall_be_run_again_is_refused(world):
    with pytest.raises(MalformedMessage, match="'mcp' is not deterministic"):
        place(world, tool(), fuel=0, verification=int(Verification.REEXECUTE))


def test_image_of_a_registry_is_taken_without_its_bytes(world):
    program = {"kind": "image", "registry": "r.example", "repository": "tool", "digest": sha256_digest(IMAGE)}
    spec = container(program=program)
    bid = world.bid(job_digest=spec.digest(), fuel=0, verification=int(Verification.ACCEPT))
    assert place_bid(world.market, bid, bid.sign(DOMAIN, RENTER.key), spec).order_hash
    assert not world.market.blobs.has(sha256_digest(IMAGE))
