"""Every operation of the interface, used by people in worlds of their own: the examples of the OpenAPI document."""

from pathlib import Path
from typing import Any

from marketplace.protocol.audits import Audit, AuditSeal, AuditShare, Draw, compute_commitment
from marketplace.protocol.canaries import CanaryOpening, canary_seed
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.checkpoint import Checkpoint
from marketplace.protocol.eip712 import TypedMessage
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.jobspec import Checkpointing, Determinism
from marketplace.protocol.livelog import STDOUT, LogChunk
from marketplace.protocol.manifest import Manifest, ManifestEntry
from marketplace.protocol.messages import Cancel, Heartbeat, Receipt
from marketplace.protocol.privacy import KeyGrant, KeyOffer, Privacy
from marketplace.protocol.profile import Gpu
from marketplace.services.clear_round import run_round
from marketplace.services.seal_verdicts import advance_judgements
from marketplace.services.settle_batch import batches_of, propose_batches
from tests.fakes.world import AGENT, DOMAIN, OPERATOR, ORACLES, OTHER_RULES, PROVIDER, RENTER, SCRIPT, World
from tests.integration.openapi_access import use_access
from tests.integration.openapi_recorder import Recorder
from tests.integration.openapi_workflow import carry_out

API = "/api/v1"
RESOURCES = {"vcpus": 1, "memoryMb": 512, "durationSeconds": 60, "fuel": "10000000000", "egressMb": 1}
SALT, SANDBOX, RECIPIENT = "0x" + "5a" * 32, "0x" + "5b" * 32, "age1" + "q" * 58


def play(folder: Path) -> Recorder:
    """All of it. The same each time: keys, salts and the chain's clock are fixed."""
    recorder = Recorder()
    for number, tell in enumerate(
        (look_around, settle, audit, open_canary, share_keys, accept, refund, withdraw, carry_out, be_told)
    ):
        (folder / str(number)).mkdir()
        tell(recorder, folder / str(number))
    return recorder


def world_in(folder: Path, recorder: Recorder, **changes: Any) -> World:
    """A world whose jobs have these parts of a specification."""
    world = World(folder, OTHER_RULES)
    plain = world.job_spec()
    world.job_spec = lambda: plain.model_copy(update=changes)
    recorder.enter(world)
    return world


def signed(name: str, message: TypedMessage, signer, **more: Any) -> dict[str, Any]:
    return {name: message.to_json(), "signature": message.sign(DOMAIN, signer.key)} | more


def look_around(recorder: Recorder, folder: Path) -> None:
    world = world_in(folder, recorder)
    plain = world.profile()
    world.profile = lambda: plain.model_copy(update={"gpus": (Gpu(model="NVIDIA L4", memory_mb=23_034),)})
    for path in (
        "/health",
        f"{API}/health/live",
        f"{API}/config",
        f"{API}/cluster/status",
        f"{API}/cluster/nodes",
        f"{API}/rounds",
    ):
        recorder.get(path)
    recorder.get(f"{API}/status")  # of a market that has followed nothing yet
    recorder.post(f"{API}/quotes", {"resources": RESOURCES})
    offer(recorder, world)
    for path in ("cluster/nodes", "asks"):
        recorder.get(f"{API}/{path}")
    body = {"resources": RESOURCES, "jobSpec": world.job_spec().to_json(), "replicas": 1, "maxPrice": "1000000"}
    for path in (f"{API}/quotes", f"{API}/quotes/advice"):
        recorder.post(path, body | {"maxPrice": "1"})
        recorder.post(path, body | {"resources": RESOURCES | {"vcpus": 64}})
        recorder.post(path, body)
    recorder.post(f"{API}/accounts", {"address": PROVIDER.address})
    recorder.get(f"{API}/accounts/{RENTER.address}")
    digest = sha256_digest(SCRIPT)
    recorder.raw("HEAD", f"{API}/blobs/{digest}")
    for content in (b"new bytes", b"new bytes"):
        recorder.raw("PUT", f"{API}/blobs/{sha256_digest(content)}", content)
    recorder.raw("GET", f"{API}/blobs/{digest}")
    world.drain()
    recorder.get("/health")
    recorder.get(f"{API}/status")
    world.chain.away = True
    recorder.get("/health")


def settle(recorder: Recorder, folder: Path) -> None:
    world = world_in(folder, recorder, checkpoint=Checkpointing(directory="state"))
    lease, job = open_lease(recorder, world)
    recorder.get(f"{API}/leases/{lease}/terms")
    chunk = LogChunk(
        lease_id=lease, started_at=world.chain.time, stream=STDOUT, offset=0, data_digest=sha256_digest(b"hello\n")
    )
    recorder.post(f"{API}/leases/{lease}/log", signed("chunk", chunk, AGENT, data="aGVsbG8K"))
    save(recorder, world, lease)
    attest(recorder, world, lease)
    recorder.get(f"{API}/oracle/claims", oracle=ORACLES[0].address)
    look_at(recorder, lease, job)
    verdict = world.verdict(lease)
    first, second = ORACLES[:2]
    seals = [world.sealed(oracle, verdict).seal(oracle.address) for oracle in (first, second)]
    recorder.post(f"{API}/leases/{lease}/seal", signed("seal", seals[0], first, oracle=first.address))
    entries = [signed("seal", seals[1], second), signed("seal", seals[0], second)]
    recorder.post(f"{API}/oracle/seals", {"oracle": second.address, "seals": entries})
    world.chain.mine(seconds=10)
    advance_judgements(world.market)
    for oracle in (first, second):
        recorder.get(f"{API}/oracle/reveals", oracle=oracle.address)
    reveals = [world.sealed(oracle, verdict) for oracle in (first, second)]
    recorder.post(f"{API}/leases/{lease}/verdict", signed("reveal", reveals[0], first, oracle=first.address))
    entries = [signed("reveal", reveals[1], second)]
    recorder.post(f"{API}/oracle/verdicts", {"oracle": second.address, "reveals": entries})
    propose_batches(world.market)
    sign_batches(recorder, world)
    world.drain()
    look_at(recorder, lease, job)


def sign_batches(recorder: Recorder, world: World) -> None:
    for oracle in ORACLES[:2]:
        recorder.get(f"{API}/oracle/batches", oracle=oracle.address)
        for batch in batches_of(world.market, oracle.address):
            body = {"oracle": oracle.address, "signature": batch.message.sign(DOMAIN, oracle.key)}
            recorder.post(f"{API}/oracle/batches/{batch.digest}/signature", body)


def audit(recorder: Recorder, folder: Path) -> None:
    world = world_in(folder, recorder, audit=Audit(rate_ppm=500_000))
    lease, job = open_lease(recorder, world)
    attest(recorder, world, lease)
    recorder.get(f"{API}/leases", agent=AGENT.address, limit="5")  # nothing is drawn yet
    look_at(recorder, lease, job)
    shown = recorder.get(f"{API}/leases/{lease}/audit")
    draw = Draw(DOMAIN, tuple(shown["members"]), lease, shown["attestation"])
    for oracle in ORACLES:
        commitment = compute_commitment(oracle.address, lease, draw.attestation, share_of(oracle))
        seal = AuditSeal(lease_id=lease, attestation=draw.attestation, commitment=commitment)
        recorder.post(f"{API}/leases/{lease}/audit/seal", signed("seal", seal, oracle, oracle=oracle.address))
    seals = draw.seals_digest(draw.read_seals(recorder.get(f"{API}/leases/{lease}/audit")["seals"]))
    for oracle in ORACLES:
        share = AuditShare(lease_id=lease, attestation=draw.attestation, seals=seals, share=share_of(oracle))
        recorder.post(f"{API}/leases/{lease}/audit/share", signed("share", share, oracle, oracle=oracle.address))
    recorder.get(f"{API}/leases/{lease}/audit")
    look_at(recorder, lease, job)


def share_of(oracle) -> str:
    return f"0x{int(oracle.address, 16):064x}"


def open_canary(recorder: Recorder, folder: Path) -> None:
    seed = canary_seed(AGENT.address, RENTER.address, SALT)
    world = world_in(folder, recorder, determinism=Determinism(seed=seed))
    lease, job = open_lease(recorder, world)
    world.attest(lease, b"hellp\n")
    truth = world.manifest(b"hello\n").root()
    paid = world.verdict(lease)
    world.seal(ORACLES[0], paid)
    for oracle in ORACLES[1:]:
        world.seal(oracle, paid.model_copy(update={"outcome": 3, "pay": 0, "result_digest": truth}))
    world.chain.mine(seconds=3)
    advance_judgements(world.market)
    world.reveal_all()
    world.sign_batches(ORACLES)
    world.drain()
    opening = CanaryOpening(lease_id=lease, salt=SALT, result_digest=truth)
    recorder.post(f"{API}/oracle/canaries", signed("opening", opening, OPERATOR))
    look_at(recorder, lease, job)


def share_keys(recorder: Recorder, folder: Path) -> None:
    world = world_in(folder, recorder, privacy=Privacy(recipient=RECIPIENT, commitment="0x" + "11" * 32))
    plain = world.profile()
    world.profile = lambda: plain.model_copy(update={"recipient": RECIPIENT})
    _, job = open_lease(recorder, world)
    ciphertext = b"not read by the market"
    grant = KeyGrant(
        job_id=job, holder=AGENT.address, ciphertext=sha256_digest(ciphertext), granted_at=world.chain.time
    )
    recorder.post(f"{API}/jobs/{job}/grants", signed("grant", grant, RENTER, ciphertext="0x" + ciphertext.hex()))
    recorder.get(f"{API}/jobs/{job}/grants", holder=AGENT.address)
    offered = KeyOffer(
        oracle=ORACLES[0].address, recipient=RECIPIENT, sandbox_digest=SANDBOX, offered_at=world.chain.time
    )
    recorder.post(f"{API}/oracle/keys", signed("offer", offered, ORACLES[0]))
    recorder.get(f"{API}/oracle/keys")
    recorder.get(f"{API}/cluster/nodes")


def accept(recorder: Recorder, folder: Path) -> None:
    world = world_in(folder, recorder)
    lease, job = open_lease(recorder, world)
    attestation = attest(recorder, world, lease)
    receipt = Receipt(lease_id=lease, pay=world.pay(lease), result_digest=attestation.result_digest)
    recorder.post(f"{API}/leases/{lease}/receipt", signed("receipt", receipt, RENTER))
    world.drain()
    look_at(recorder, lease, job)


def refund(recorder: Recorder, folder: Path) -> None:
    world = world_in(folder, recorder)
    lease, job = open_lease(recorder, world)
    world.chain.mine(seconds=4000)
    recorder.post(f"{API}/jobs/{job}/refund", None)
    world.drain()
    look_at(recorder, lease, job)


def withdraw(recorder: Recorder, folder: Path) -> None:
    world = world_in(folder, recorder)
    bid, job = place(recorder, world)
    for page in ("explain", "cost", "status"):
        recorder.get(f"{API}/jobs/{job}/{page}")
    spec = world.job_spec().to_json()
    good, bad = (signed("bid", world.bid(**more), RENTER, jobSpec=spec) for more in ({}, {"max_price": 0}))
    recorder.post(f"{API}/bids/bulk", [good, bad])
    cancel = Cancel(signer=RENTER.address, kind=CancelKind.BID, salt=bid.salt)
    recorder.post(f"{API}/cancellations", signed("cancel", cancel, RENTER))
    for page in ("explain", "cost", "status"):
        recorder.get(f"{API}/jobs/{job}/{page}")


def be_told(recorder: Recorder, folder: Path) -> None:
    use_access(recorder, world_in(folder, recorder), place)


# --- what several of them do ---


def offer(recorder: Recorder, world: World) -> None:
    ask = world.ask()
    recorder.post(f"{API}/asks", signed("ask", ask, PROVIDER, profile=world.profile().to_json()))
    beat = Heartbeat(
        agent=AGENT.address, profile_digest=world.profile().digest(), sent_at=world.chain.time, drains_by=0
    )
    recorder.post(f"{API}/nodes/{AGENT.address}/heartbeat", signed("heartbeat", beat, AGENT))


def place(recorder: Recorder, world: World):
    bid = world.bid()
    body = signed("bid", bid, RENTER, jobSpec=world.job_spec().to_json(), now=False)
    return bid, recorder.post(f"{API}/jobs/submit", body)["jobId"]


def open_lease(recorder: Recorder, world: World) -> tuple[str, str]:
    """A lease and its job, by way of an ask, a bid and a round."""
    offer(recorder, world)
    _, job = place(recorder, world)
    recorder.get(f"{API}/jobs/{job}/explain")
    assert run_round(world.market) is not None
    world.drain()
    return world.lease_of(job), job


def save(recorder: Recorder, world: World, lease: str) -> None:
    world.market.blobs.put(sha256_digest(b"7"), b"7")
    manifest = Manifest.build([ManifestEntry.of("out/state/n", b"7")])
    checkpoint = Checkpoint(
        lease_id=lease, job_digest=world.job_spec().digest(), root=manifest.root(), taken_at=world.chain.time
    )
    body = signed("checkpoint", checkpoint, AGENT, manifest=manifest.to_json())
    recorder.post(f"{API}/leases/{lease}/checkpoint", body)
    recorder.get(f"{API}/leases/{lease}/checkpoint")


def attest(recorder: Recorder, world: World, lease: str):
    manifest = world.manifest()
    attestation = world.attestation(lease, manifest)
    body = signed("attestation", attestation, AGENT, manifest=manifest.to_json())
    recorder.post(f"{API}/leases/{lease}/attestation", body)
    return attestation


def look_at(recorder: Recorder, lease: str, job: str) -> None:
    """Everything there is to see of a job, and of the market around it."""
    for page in ("status", "events", "cost", "logs", "result", "explain"):
        recorder.get(f"{API}/jobs/{job}/{page}")
    recorder.get(f"{API}/leases/{lease}")
    for page in ("attestation", "seals") if recorder.get(f"{API}/leases/{lease}")["resultDigest"] else ("seals",):
        recorder.get(f"{API}/leases/{lease}/{page}")
    recorder.get(f"{API}/jobs", renter=RENTER.address, state="open,paid,failed,fraud,refunded", limit="5")
    recorder.get(f"{API}/leases", agent=AGENT.address, limit="5")
    recorder.get(f"{API}/asks", provider=PROVIDER.address, live="true")
    recorder.get(f"{API}/rounds", limit="5")
    recorder.get(f"{API}/rounds/1")
    recorder.get(f"{API}/rounds/1/transcript")
    recorder.get(f"{API}/rounds/1/asks/{recorder.get(f'{API}/leases/{lease}')['askHash']}/explain")
    for page in ("cluster/status", "cluster/nodes", "oracle/members"):
        recorder.get(f"{API}/{page}")
    recorder.get(f"{API}/log/head")
    recorder.get(f"{API}/log/entries", first="0", limit="5")
    recorder.get(f"{API}/log/subjects/{job}")
    recorder.get(f"{API}/log/entries/1/proof")
    recorder.get(f"{API}/log/consistency", first="1", second="3")
    recorder.get(f"{API}/oracle/faults", limit="5")
