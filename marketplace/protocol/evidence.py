"""Evidence of a trusted execution environment: where it lies in a result, and what its quote must say of that result.

The quote's 64 bytes of report data are `EvidenceBinding`'s EIP-712 digest, then 32 zero bytes. The digest covers chain
and escrow (the domain), lease, agent, job, the result without its evidence, and all that the pay follows from: so one
quote serves one lease and one result, and who holds the agent's key but not the environment cannot add fuel.
"""

from marketplace.protocol.eip712 import Address, Bytes32, Domain, Int32, TypedMessage, Uint32, Uint64
from marketplace.protocol.enums import Verification
from marketplace.protocol.manifest import Manifest
from marketplace.protocol.messages import Attestation, Bid
from marketplace.protocol.units import BYTES_PER_MB

QUOTE_PATH = "evidence/quote.bin"
COLLATERAL_PATH = "evidence/collateral.json"
"""`evidence/` is reserved: what a program writes lies under `out/`, so no program can put anything here."""
EVIDENCE_PATHS = (QUOTE_PATH, COLLATERAL_PATH)
MAX_EVIDENCE_BYTES = 65_536
"""Of all evidence together. Real quotes have 5,000 bytes, their collateral 14,000 to 19,000."""
REPORT_DATA_BYTES = 64


class EvidenceBinding(TypedMessage):
    """What a quote commits to. No key signs it: the processor signs its digest, as report data."""

    lease_id: Bytes32
    agent: Address
    """The key that signs the attestation."""
    job_digest: Bytes32
    content_root: Bytes32
    """The root of the manifest without EVIDENCE_PATHS: a quote cannot contain itself."""
    fuel: Uint64
    wall_seconds: Uint32
    """Charged where no fuel is."""
    exit_code: Int32
    sandbox_digest: Bytes32

    @classmethod
    def of(cls, attestation: Attestation, agent: str, manifest: Manifest) -> "EvidenceBinding":
        """What evidence for this attestation must say."""
        return cls(
            lease_id=attestation.lease_id,
            agent=agent,
            job_digest=attestation.job_digest,
            content_root=content_of(manifest).root(),
            fuel=attestation.fuel,
            wall_seconds=attestation.wall_seconds,
            exit_code=attestation.exit_code,
            sandbox_digest=attestation.sandbox_digest,
        )

    def report_data(self, domain: Domain) -> bytes:
        """The 64 bytes."""
        return bytes.fromhex(self.digest(domain)[2:]).ljust(REPORT_DATA_BYTES, b"\0")


def content_of(manifest: Manifest) -> Manifest:
    """The manifest without its evidence. Whatever else is called `evidence/…` counts as content."""
    return Manifest(entries=tuple(one for one in manifest.entries if one.path not in EVIDENCE_PATHS))


def compute_output_bytes(bid: Bid) -> int:
    """How much the program may send out: of what an attested bid reserves, the evidence needs its part."""
    reserved = bid.egress_mb * BYTES_PER_MB
    return max(0, reserved - MAX_EVIDENCE_BYTES) if bid.verification == Verification.ATTESTED else reserved


def choose_evidence_time(finished_at: int, opened_at: int, deadline: int) -> int:
    """Unix seconds at which evidence must hold: when the job ended, as far as that can be.

    `finished_at` is the agent's word. It is held between the block that opened the lease and the deadline, so that
    nobody reaches back to a time before a weakness was known. The same for every oracle, whatever its clock.
    """
    return max(opened_at, min(finished_at, deadline))
