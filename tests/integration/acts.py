"""The acts of each party at the API, made by whoever is to try them: for the table of who may do what."""

from dataclasses import dataclass

from marketplace.api.app import build_app
from marketplace.protocol.audits import Audit, AuditSeal, AuditShare, Draw, compute_commitment
from marketplace.protocol.canaries import CanaryOpening, canary_seed
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.checkpoint import Checkpoint
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.jobspec import Checkpointing, Determinism
from marketplace.protocol.livelog import STDOUT, LogChunk
from marketplace.protocol.manifest import Manifest, ManifestEntry
from marketplace.protocol.messages import Cancel, Heartbeat, Receipt
from marketplace.protocol.privacy import KeyGrant, KeyOffer, Privacy
from marketplace.services.seal_verdicts import advance_judgements
from marketplace.services.settle_batch import batches_of, propose_batches
from tests.fakes.http import client_of
from tests.fakes.world import AGENT, DOMAIN, OPERATOR, ORACLES, OTHER_RULES, PROVIDER, RENTER, USDC, World, key
from tests.integration.openapi_story import RECIPIENT, SALT, SANDBOX, share_of

API = "/api/v1"
IDENTITIES = {
    "nobody": None,
    "renter": RENTER,
    "another renter": key(21),
    "provider": PROVIDER,
    "agent": AGENT,
    "another agent": key(22),
    "oracle": ORACLES[0],
    "operator": OPERATOR,
}


@dataclass(frozen=True)
class Act:
    """A request that one identity sends: where to, what, and whether in the rightful party's name or its own."""

    path: str
    body: object


def signed(name, message, signer, **more) -> dict:
    """A body whose signature is `signer`'s, or nobody's at all."""
    signature = message.sign(DOMAIN, signer.key) if signer else "0x" + "11" * 64 + "1b"
    return {name: message.to_json(), "signature": signature} | more


def world_of(folder, **changes) -> World:
    world = World(folder, OTHER_RULES)
    plain = world.job_spec()
    world.job_spec = lambda: plain.model_copy(update=changes)
    world.chain.state.free[IDENTITIES["another renter"].address] = 100 * USDC
    return world


def bid_of(folder, *, is_bulk=False):
    world = world_of(folder)
    bid, spec = world.bid(), world.job_spec().to_json()

    def act(signer):
        body = signed("bid", bid, signer, jobSpec=spec)
        return [Act(f"{API}/bids/bulk", [body]) if is_bulk else Act(f"{API}/jobs/submit", body)]

    return world, act


def bids_of(folder):
    return bid_of(folder, is_bulk=True)


def ask_of(folder):
    world = world_of(folder)
    ask, profile = world.ask(), world.profile().to_json()
    return world, lambda signer: [Act(f"{API}/asks", signed("ask", ask, signer, profile=profile))]


def cancel_of(folder):
    world = world_of(folder)
    world.submit()
    cancel = Cancel(signer=RENTER.address, kind=CancelKind.BID, salt=1)
    return world, lambda signer: [Act(f"{API}/cancellations", signed("cancel", cancel, signer))]


def heartbeat_of(folder):
    world = world_of(folder)
    world.offer()
    beat = Heartbeat(
        agent=AGENT.address, profile_digest=world.profile().digest(), sent_at=world.chain.time, drains_by=0
    )
    return world, lambda signer: [Act(f"{API}/nodes/{AGENT.address}/heartbeat", signed("heartbeat", beat, signer))]


def attestation_of(folder):
    world = world_of(folder)
    lease, manifest = world.open_lease(), world.manifest()
    attestation = world.attestation(lease, manifest)

    def act(signer):
        body = signed("attestation", attestation, signer, manifest=manifest.to_json())
        return [Act(f"{API}/leases/{lease}/attestation", body)]

    return world, act


def checkpoint_of(folder):
    world = world_of(folder, checkpoint=Checkpointing(directory="state"))
    lease, manifest = world.open_lease(), Manifest.build([ManifestEntry.of("out/state/n", b"7")])
    world.market.blobs.put(sha256_digest(b"7"), b"7")
    taken = Checkpoint(
        lease_id=lease, job_digest=world.job_spec().digest(), root=manifest.root(), taken_at=world.chain.time
    )

    def act(signer):
        body = signed("checkpoint", taken, signer, manifest=manifest.to_json())
        return [Act(f"{API}/leases/{lease}/checkpoint", body)]

    return world, act


def log_of(folder):
    world = world_of(folder)
    lease, digest = world.open_lease(), sha256_digest(b"hello\n")
    chunk = LogChunk(lease_id=lease, started_at=world.chain.time, stream=STDOUT, offset=0, data_digest=digest)
    return world, lambda signer: [Act(f"{API}/leases/{lease}/log", signed("chunk", chunk, signer, data="aGVsbG8K"))]


def receipt_of(folder):
    world = world_of(folder)
    lease = world.open_lease()
    result = world.attest(lease).result_digest
    receipt = Receipt(lease_id=lease, pay=world.pay(lease), result_digest=result)
    return world, lambda signer: [Act(f"{API}/leases/{lease}/receipt", signed("receipt", receipt, signer))]


def in_both_names(signer) -> list:
    """The oracle's, and the signer's own."""
    return [ORACLES[0], signer] if signer and signer is not ORACLES[0] else [ORACLES[0]]


def seal_of(folder):
    world = world_of(folder)
    lease = world.open_lease()
    world.attest(lease)
    verdict = world.verdict(lease)

    def act(signer):
        bodies = [
            signed("seal", world.sealed(one, verdict).seal(one.address), signer, oracle=one.address)
            for one in in_both_names(signer)
        ]
        return [Act(f"{API}/leases/{lease}/seal", body) for body in bodies]

    return world, act


def reveal_of(folder):
    world, _ = seal_of(folder)
    with world.market.store.read() as tx:
        (lease,) = (one.lease_id for one in tx.leases.open())
    verdict = world.verdict(lease)
    world.seal_as(lease)
    world.chain.mine(seconds=10)
    advance_judgements(world.market)

    def act(signer):
        bodies = [
            signed("reveal", world.sealed(one, verdict), signer, oracle=one.address) for one in in_both_names(signer)
        ]
        return [Act(f"{API}/leases/{lease}/verdict", body) for body in bodies]

    return world, act


def batch_of(folder):
    world, _ = reveal_of(folder)
    world.reveal_all()
    propose_batches(world.market)
    (batch,) = batches_of(world.market, ORACLES[0].address)

    def act(signer):
        signature = signed("batch", batch.message, signer)["signature"]
        bodies = [{"oracle": one.address, "signature": signature} for one in in_both_names(signer)]
        return [Act(f"{API}/oracle/batches/{batch.digest}/signature", body) for body in bodies]

    return world, act


def audited(folder):
    world = world_of(folder, audit=Audit(rate_ppm=500_000))
    lease = world.open_lease()
    attestation = world.attest(lease).digest(DOMAIN)
    return world, lease, Draw(DOMAIN, world.chain.committee().members, lease, attestation)


def audit_seal(draw, one) -> AuditSeal:
    commitment = compute_commitment(one.address, draw.lease_id, draw.attestation, share_of(one))
    return AuditSeal(lease_id=draw.lease_id, attestation=draw.attestation, commitment=commitment)


def audit_seal_of(folder):
    world, lease, draw = audited(folder)

    def act(signer):
        bodies = [signed("seal", audit_seal(draw, one), signer, oracle=one.address) for one in in_both_names(signer)]
        return [Act(f"{API}/leases/{lease}/audit/seal", body) for body in bodies]

    return world, act


def audit_share_of(folder):
    world, lease, draw = audited(folder)
    with client_of(build_app(world.market, with_workers=False)) as api:
        for one in ORACLES:
            body = signed("seal", audit_seal(draw, one), one, oracle=one.address)
            assert api.post(f"{API}/leases/{lease}/audit/seal", json=body).is_success
        seals = draw.seals_digest(draw.read_seals(api.get(f"{API}/leases/{lease}/audit").json()["seals"]))

    def act(signer):
        acts = []
        for one in in_both_names(signer):
            share = AuditShare(lease_id=lease, attestation=draw.attestation, seals=seals, share=share_of(one))
            acts.append(Act(f"{API}/leases/{lease}/audit/share", signed("share", share, signer, oracle=one.address)))
        return acts

    return world, act


def offer_of(folder):
    world = world_of(folder)

    def act(signer):
        offers = [
            KeyOffer(oracle=one.address, recipient=RECIPIENT, sandbox_digest=SANDBOX, offered_at=world.chain.time)
            for one in in_both_names(signer)
        ]
        return [Act(f"{API}/oracle/keys", signed("offer", offer, signer)) for offer in offers]

    return world, act


def grant_of(folder):
    world = world_of(folder, privacy=Privacy(recipient=RECIPIENT, commitment="0x" + "11" * 32))
    plain, ciphertext = world.profile(), b"not read by the market"
    world.profile = lambda: plain.model_copy(update={"recipient": RECIPIENT})
    lease = world.open_lease()
    with world.market.store.read() as tx:
        job = tx.leases.get(lease).bid_hash
    at, digest = world.chain.time, sha256_digest(ciphertext)
    grant = KeyGrant(job_id=job, holder=AGENT.address, ciphertext=digest, granted_at=at)

    def act(signer):
        return [Act(f"{API}/jobs/{job}/grants", signed("grant", grant, signer, ciphertext="0x" + ciphertext.hex()))]

    return world, act


def canary_of(folder):
    world = world_of(folder, determinism=Determinism(seed=canary_seed(AGENT.address, RENTER.address, SALT)))
    lease = world.open_lease()
    world.attest(lease, b"hellp\n")
    truth, paid = world.manifest(b"hello\n").root(), world.verdict(lease)
    world.seal(ORACLES[0], paid)
    for oracle in ORACLES[1:]:
        world.seal(oracle, paid.model_copy(update={"outcome": 3, "pay": 0, "result_digest": truth}))
    world.chain.mine(seconds=3)
    advance_judgements(world.market)
    world.reveal_all()
    world.sign_batches(ORACLES)
    world.drain()
    opening = CanaryOpening(lease_id=lease, salt=SALT, result_digest=truth)
    return world, lambda signer: [Act(f"{API}/oracle/canaries", signed("opening", opening, signer))]


PLAYED = {
    "cancel_orders": cancel_of,
    "offer_key": offer_of,
    "open_canary": canary_of,
    "place_ask": ask_of,
    "place_bid": bid_of,
    "place_bids": bids_of,
    "reveal_verdict": reveal_of,
    "send_attestation": attestation_of,
    "send_audit_seal": audit_seal_of,
    "send_audit_share": audit_share_of,
    "send_checkpoint": checkpoint_of,
    "send_grant": grant_of,
    "send_heartbeat": heartbeat_of,
    "send_log": log_of,
    "send_receipt": receipt_of,
    "send_verdict_seal": seal_of,
    "sign_batch": batch_of,
}
