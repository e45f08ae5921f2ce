"""What the market takes as a running job's state, and what it tells of it."""

import pytest

from marketplace.errors import (
    ConflictError,
    InputError,
    InvalidManifest,
    InvalidSignature,
    MalformedMessage,
    NotFound,
    TooLarge,
)
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.checkpoint import Checkpoint
from marketplace.protocol.jobspec import Checkpointing
from marketplace.protocol.manifest import Manifest, ManifestEntry
from marketplace.services.clear_round import run_round
from marketplace.services.place_order import place_bid
from marketplace.services.record_checkpoint import record_checkpoint, show_checkpoint
from marketplace.services.show_job import show_job
from tests.fakes.world import AGENT, DOMAIN, PROVIDER, RENTER


@pytest.fixture
def lease(world) -> str:
    """An open lease of a job that saves its state in `state`."""
    world.offer()
    spec = world.job_spec().model_copy(update={"checkpoint": Checkpointing(directory="state")})
    bid = world.bid(job_digest=spec.digest())
    job = place_bid(world.market, bid, bid.sign(DOMAIN, RENTER.key), spec).order_hash
    assert run_round(world.market) is not None
    world.drain()
    return world.lease_of(job)


def state_of(world, files: dict[str, bytes], *, held: bool = True) -> Manifest:
    for data in files.values() if held else ():
        world.market.blobs.put(sha256_digest(data), data)
    return Manifest.build(ManifestEntry.of(path, data) for path, data in files.items())


def save(world, lease: str, files=None, *, at: int = 10, key=AGENT.key, held: bool = True, **changes) -> bool:
    manifest = state_of(world, {"out/state/n": b"7"} if files is None else files, held=held)
    with world.market.store.read() as tx:
        digest = tx.leases.get(lease).job_digest
    fields = {"lease_id": lease, "job_digest": digest, "root": manifest.root(), "taken_at": at} | changes
    checkpoint = Checkpoint(**fields)
    return record_checkpoint(world.market, lease, checkpoint, checkpoint.sign(DOMAIN, key), manifest)


def test_the_newest_state_is_kept_and_an_older_one_changes_nothing(world, lease):
    assert save(world, lease, {"out/state/n": b"1"}, at=10)
    assert save(world, lease, {"out/state/n": b"2"}, at=11)
    assert not save(world, lease, {"out/state/n": b"1"}, at=10)
    assert not save(world, lease, {"out/state/n": b"3"}, at=11)
    shown = show_checkpoint(world.market, lease)
    assert Manifest.parse(shown["manifest"]).entries[0].digest == sha256_digest(b"2")
    assert shown["checkpoint"]["takenAt"] == "11"
    with world.market.store.read() as tx:
        job = tx.leases.get(lease).bid_hash
    assert [one["event"] for one in show_job(world.market, job)["timeline"]].count("checkpoint") == 2


def test_state_survives_a_restart_of_the_market(world, lease):
    save(world, lease)
    assert show_checkpoint(world.restarted(), lease) == show_checkpoint(world.market, lease)


def test_before_there_is_one_there_is_none(world, lease):
    with pytest.raises(NotFound):
        show_checkpoint(world.market, lease)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"key": PROVIDER.key}, InvalidSignature),
        ({"lease_id": "0x" + "77" * 32}, MalformedMessage),
        ({"job_digest": "0x" + "77" * 32}, MalformedMessage),
        ({"root": "0x" + "77" * 32}, InvalidManifest),
        ({"files": {"out/other": b"1"}}, InvalidManifest),
        ({"files": {}}, InvalidManifest),
        ({"held": False}, InputError),
    ],
)
def test_what_is_not_the_agents_state_of_this_job_is_refused(world, lease, wrong, error):
    with pytest.raises(error):
        save(world, lease, **wrong)
    with pytest.raises(NotFound):
        show_checkpoint(world.market, lease)


def test_state_larger_than_the_job_may_send_out_is_refused(world, lease):
    files = {f"out/state/{n}": bytes([n]) * 9_000 for n in range(112)}
    with pytest.raises(TooLarge, match="checkpoint"):
        save(world, lease, files)


def test_job_that_asks_for_no_checkpoints_gets_none(world):
    with pytest.raises(MalformedMessage, match="no checkpoints"):
        save(world, world.open_lease())


def test_closed_lease_takes_no_state(world, lease):
    world.attest(lease)
    world.judge(lease)
    world.sign_batches()
    world.drain()
    with pytest.raises(ConflictError):
        save(world, lease)
