"""What a renter signs to go on with a job is that job, whatever the market relays."""

import pytest
from eth_account import Account

from marketplace.client.resuming import resume_job
from marketplace.client.terms import LeaseTerms
from marketplace.errors import InvalidManifest, InvalidSignature, MalformedMessage, NotFound
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.checkpoint import Checkpoint
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.manifest import Manifest, ManifestEntry
from tests.unit.clearing.market import ask, bid

DOMAIN, AGENT, OTHER = Domain(1, "0x" + "ee" * 20), Account.from_key(b"\1" * 32), Account.from_key(b"\2" * 32)
LEASES = ["0x" + digit * 64 for digit in "12"]
SPEC = JobSpec.parse(
    {
        "program": {"kind": "module", "digest": "0x" + "22" * 32, "size": 8},
        "inputs": [{"path": "data", "digest": "0x" + "33" * 32, "size": 3}],
        "checkpoint": {"directory": "state"},
    }
)


class Market:
    """Relays terms and checkpoints, as a test wants them."""

    def __init__(self):
        placed = bid(job_spec=SPEC)
        offer = ask(1).ask.model_copy(update={"agent": AGENT.address})
        self.terms = LeaseTerms(placed.bid, "0x", offer, "0x", 1, SPEC)
        self.saved = {}

    @property
    def job(self):
        return {"jobId": self.terms.bid.struct_hash(), "leases": [{"leaseId": one} for one in LEASES]}

    def save(self, lease, data, at, *, key=AGENT.key, **changes):
        manifest = Manifest.build([ManifestEntry.of("out/state/n", data)])
        fields = {"lease_id": lease, "job_digest": SPEC.digest(), "root": manifest.root(), "taken_at": at} | changes
        checkpoint = Checkpoint(**fields)
        signature = checkpoint.sign(DOMAIN, key)
        self.saved[lease] = {
            "checkpoint": checkpoint.to_json(), "signature": signature, "manifest": manifest.to_json(),
        }  # fmt: skip

    def checkpoint(self, lease_id):
        if lease_id not in self.saved:
            raise NotFound("checkpoint of lease", lease_id)
        return self.saved[lease_id]

    def lease_terms(self, lease_id):
        return self.terms


@pytest.fixture
def market():
    return Market()


def test_the_newest_state_of_all_its_leases_is_gone_on_from(market):
    market.save(LEASES[0], b"late", 20)
    market.save(LEASES[1], b"early", 10)
    rest = resume_job(market, market.job, DOMAIN)
    assert {entry.path: entry.digest for entry in rest.spec.inputs} == {
        "data": "0x" + "33" * 32,
        "state/n": sha256_digest(b"late"),
    }
    assert rest.blobs == {}


def test_job_that_has_saved_nothing_says_so(market):
    with pytest.raises(NotFound):
        resume_job(market, market.job, DOMAIN)


def test_another_job_in_its_place_is_refused(market):
    market.save(LEASES[0], b"1", 1)
    job = market.job
    market.terms = LeaseTerms(bid(2, job_spec=SPEC).bid, "0x", market.terms.ask, "0x", 1, SPEC)
    with pytest.raises(MalformedMessage, match="not those of job"):
        resume_job(market, job, DOMAIN)


def test_another_specification_under_the_same_bid_is_refused(market):
    market.save(LEASES[0], b"1", 1)
    other = SPEC.model_copy(update={"args": ("--steal",)})
    market.terms = LeaseTerms(market.terms.bid, "0x", market.terms.ask, "0x", 1, other)
    with pytest.raises(MalformedMessage):
        resume_job(market, market.job, DOMAIN)


def test_state_that_its_agent_did_not_sign_is_refused(market):
    market.save(LEASES[0], b"1", 1, key=OTHER.key)
    with pytest.raises(InvalidSignature):
        resume_job(market, market.job, DOMAIN)


@pytest.mark.parametrize("wrong", ["lease_id", "job_digest", "root"])
def test_state_of_something_else_is_refused(market, wrong):
    market.save(LEASES[0], b"1", 1, **{wrong: "0x" + "99" * 32})
    with pytest.raises(InvalidManifest):
        resume_job(market, market.job, DOMAIN)
