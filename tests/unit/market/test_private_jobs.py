"""What the market takes and tells of private jobs, and that nothing of them lies there in the clear."""

import pytest

from marketplace.api.app import build_app
from marketplace.client import MarketClient
from marketplace.client.age import new_identity, recipient_of, seal
from marketplace.client.jobs import PreparedJob
from marketplace.client.private import JobKey, make_grant, open_grant, seal_job
from marketplace.errors import (
    ConflictError,
    InputError,
    InvalidManifest,
    MalformedMessage,
)
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import ExitKind, Verification
from marketplace.protocol.jobspec import InputFile, JobSpec, RuntimeProgram
from marketplace.protocol.livelog import STDOUT, LogChunk
from marketplace.protocol.manifest import Manifest, ManifestEntry
from marketplace.protocol.privacy import KeyGrant, KeyOffer, read_granted
from marketplace.services.clear_round import run_round
from marketplace.services.follow_job import log_news
from marketplace.services.record_evidence import record_attestation
from marketplace.services.record_grant import list_grants, record_grant
from marketplace.services.record_log import record_log
from marketplace.services.show_job import show_logs
from marketplace.services.show_lease import show_attestation
from tests.fakes.databases import only_sqlite
from tests.fakes.http import AppTransport
from tests.fakes.world import AGENT, DOMAIN, ORACLES, RENTER, RUNTIME, World, key

NODE, STRANGER = new_identity(), key(77)
SANDBOX = "0x" + "5b" * 32
SCRIPT, OUTPUT, SECRET = b"the script in the clear", b"the output in the clear", b"the secret in the clear"


class PrivateWorld(World):
    """Its jobs are private, and its node has a key for them."""

    job: PreparedJob
    job_key: JobKey

    def make(self, **secrets: bytes) -> None:
        self.job_key = JobKey.new(secrets)
        program = RuntimeProgram(name="python", digest=RUNTIME, script="main.py")
        inputs = (InputFile(path="main.py", digest=sha256_digest(SCRIPT), size=len(SCRIPT)),)
        plain = PreparedJob(JobSpec(program=program, inputs=inputs), {sha256_digest(SCRIPT): SCRIPT})
        self.job = seal_job(plain, self.job_key)
        for digest, data in self.job.blobs.items():
            self.market.blobs.put(digest, data)

    def job_spec(self):
        return self.job.spec

    def profile(self):
        return super().profile().model_copy(update={"recipient": recipient_of(NODE)})

    def give(self, job_id, *, signer=RENTER, holder=AGENT.address, to=NODE, ago=0):
        at = self.market.clock.now() - ago
        grant, ciphertext = make_grant(self.job_key, job_id, holder, recipient_of(to), at)
        signed = (grant, grant.sign(DOMAIN, signer.key), ciphertext)
        record_grant(self.market, job_id, *signed)
        return signed

    def job_of(self, lease_id: str) -> str:
        with self.market.store.read() as tx:
            return tx.leases.get(lease_id).bid_hash

    def attest_private(self, lease_id, *, upload=True, **changes):
        files = {"out/r": OUTPUT, "log/stdout": b""}
        ciphertexts = {path: seal(data, self.job_key.recipient) for path, data in files.items()}
        for data in ciphertexts.values() if upload else ():
            self.market.blobs.put(sha256_digest(data), data)
        manifest = Manifest.build(self.job_key.entry(path, data) for path, data in files.items())
        sealed = Manifest.build(ManifestEntry.of(path, data) for path, data in ciphertexts.items())
        fields = {"manifest": manifest, "sealed": sealed} | changes
        attestation = self.attestation(lease_id, fields["manifest"])
        signature = attestation.sign(DOMAIN, AGENT.key)
        record_attestation(self.market, lease_id, attestation, signature, fields["manifest"], None, fields["sealed"])
        return sealed


@pytest.fixture
def world(tmp_path) -> PrivateWorld:
    made = PrivateWorld(tmp_path)
    made.make()
    return made


# --- nothing in the clear ---------------------------------------------------------------------------------------------


@only_sqlite
def test_neither_database_nor_blobs_hold_anything_of_a_private_job_in_the_clear(tmp_path):
    world = PrivateWorld(tmp_path)
    world.make(TOKEN=SECRET)
    world.offer()
    job_id = world.submit(world.bid(verification=int(Verification.ACCEPT)))
    assert run_round(world.market) is not None
    world.drain()
    lease_id = world.lease_of(job_id)
    world.give(job_id)
    sealed = world.attest_private(lease_id)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert "market.db" in {path.name for path in files}
    assert sum("blobs" in path.parts for path in files) == len(world.job.blobs) + len(sealed.entries)
    for word in (SCRIPT, OUTPUT, SECRET, SECRET.hex().encode(), world.job_key.identity.encode()):
        assert [path.name for path in files if word in path.read_bytes()] == []
    (held,) = list_grants(world.market, job_id, AGENT.address)["grants"]
    opened = open_grant(KeyGrant.parse(held["grant"]), read_granted(held), NODE, world.job.spec.privacy)
    assert opened.secrets == {"TOKEN": SECRET}


def test_logs_of_a_private_job_are_told_to_be_private_and_are_empty(world):
    lease_id = world.open_lease()
    world.attest_private(lease_id)
    told = show_logs(world.market, world.job_of(lease_id))
    assert told["private"] and told["leases"][0]["stdout"] == ""


def test_output_of_a_private_job_is_no_stream_while_it_runs_nor_afterwards(world):
    lease_id = world.open_lease()
    chunk = LogChunk(lease_id=lease_id, started_at=1, stream=STDOUT, offset=0, data_digest=sha256_digest(OUTPUT))
    with pytest.raises(ConflictError, match="private"):
        record_log(world.market, lease_id, chunk, chunk.sign(DOMAIN, AGENT.key), OUTPUT)
    job_id = world.job_of(lease_id)
    first = log_news(world.market, job_id, "")
    assert [one.kind for one in first.news] == ["withheld"] and "private" in first.news[0].data["reason"]
    world.attest_private(lease_id)
    rest = log_news(world.market, job_id, first.after)
    assert [one.kind for one in rest.news] == ["end"] and rest.is_over
    assert [one.kind for one in log_news(world.market, job_id, "").news] == ["withheld", "end"]


# --- matching ---------------------------------------------------------------------------------------------------------


def test_a_private_job_waits_for_a_node_that_has_a_key(world, monkeypatch):
    monkeypatch.setattr(PrivateWorld, "profile", World.profile)
    world.offer()
    job_id = world.submit()
    run_round(world.market)
    world.drain()
    with world.market.store.read() as tx:
        assert tx.leases.of_bid(job_id) == []
    monkeypatch.undo()
    world.offer()
    run_round(world.market)
    world.drain()
    assert world.lease_of(job_id)


def test_secrets_are_refused_where_oracles_run_the_job_again(tmp_path):
    world = PrivateWorld(tmp_path)
    world.make(TOKEN=SECRET)
    with pytest.raises(MalformedMessage, match=r"Bid\.verification: 0 \(reexecute\) would give the job's secrets"):
        world.submit()


# --- results ----------------------------------------------------------------------------------------------------------


def test_evidence_of_a_private_job_comes_back_with_its_ciphertexts(world):
    lease_id = world.open_lease()
    sealed = world.attest_private(lease_id)
    assert Manifest.parse(show_attestation(world.market, lease_id)["sealed"]) == sealed


def test_evidence_without_its_ciphertexts_is_refused(world):
    lease_id = world.open_lease()
    with pytest.raises(InvalidManifest, match="The job is private"):
        world.attest_private(lease_id, sealed=None)
    with pytest.raises(InputError, match="blobs are not here"):
        world.attest_private(lease_id, upload=False)


def test_an_open_job_has_no_list_of_ciphertexts(tmp_path):
    world = World(tmp_path)
    lease_id, manifest = world.open_lease(), world.manifest()
    attestation = world.attestation(lease_id, manifest)
    signature = attestation.sign(DOMAIN, AGENT.key)
    with pytest.raises(InvalidManifest, match="not private"):
        record_attestation(world.market, lease_id, attestation, signature, manifest, None, manifest)


def test_a_refusal_says_why_in_the_clear_since_there_was_no_key(world):
    lease_id, reason = world.open_lease(), b"No key of this private job."
    world.market.blobs.put(sha256_digest(reason), reason)
    manifest = Manifest.build([ManifestEntry.of("log/stderr", reason)])
    attestation = world.attestation(lease_id, manifest, exit_kind=int(ExitKind.SANDBOX_ERROR))
    record_attestation(world.market, lease_id, attestation, attestation.sign(DOMAIN, AGENT.key), manifest)
    assert show_attestation(world.market, lease_id)["sealed"] is None


# --- the interface ----------------------------------------------------------------------------------------------------


def test_keys_travel_over_http_as_the_client_sends_them(world):
    job_id = world.job_of(world.open_lease())
    grant, ciphertext = make_grant(world.job_key, job_id, AGENT.address, recipient_of(NODE), world.market.clock.now())
    offer = KeyOffer(oracle=ORACLES[0].address, recipient=recipient_of(NODE), sandbox_digest=SANDBOX, offered_at=1)
    app = AppTransport(build_app(world.market, with_workers=False))
    with MarketClient("http://market.test", transport=app) as client:
        client.post_grant(grant, grant.sign(DOMAIN, RENTER.key), ciphertext)
        (held,) = client.grants(job_id, AGENT.address)
        assert read_granted(held) == ciphertext and held["signer"] == RENTER.address
        client.post_oracle_key(offer, offer.sign(DOMAIN, ORACLES[0].key))
        assert KeyOffer.parse(client.oracle_keys()[0]["offer"]) == offer
