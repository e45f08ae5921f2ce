"""What a bid and its job specification must say to be taken at all, whoever signed them and whatever they can pay."""

from typing import Any

from marketplace.domain.attested import validate_attested
from marketplace.domain.audits import validate_audit
from marketplace.errors import InputError, InvalidJobSpec, MalformedMessage, TooLarge
from marketplace.protocol.canonical import canonical_json, sha256_digest
from marketplace.protocol.enums import Settlement, Verification
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.messages import Bid
from marketplace.services.market import Market

OFFERED_VERIFICATIONS = (
    Verification.REEXECUTE,
    Verification.REPLICATE,
    Verification.ACCEPT,
    Verification.ATTESTED,
)


def validate_job(market: Market, bid: Bid, job_spec: JobSpec) -> None:
    """Raises InvalidJobSpec, MalformedMessage, TooLarge for what this market does not take, by field."""
    digest = digest_within(market, "The job specification", job_spec.to_json())
    if digest != bid.job_digest:
        raise InvalidJobSpec(
            f"The job specification hashes to {digest}; the bid names {bid.job_digest}.",
            hint="Hash the specification with all defaults written out (RFC 8785, SHA-256).",
            expected=bid.job_digest,
            actual=digest,
        )
    rules = market.rules
    _at_most("Bid.replicas", bid.replicas, rules.max_replicas, least=1)
    _at_most("Bid.durationSeconds", bid.duration_seconds, rules.max_job_seconds, least=1)
    _at_most("Bid.memoryMb", bid.memory_mb, rules.max_job_memory_mb, least=1)
    _at_most("Bid.maxPrice", bid.max_price, 2**64 - 1, least=1)
    _validate_network(bid, job_spec)
    _validate_metering(bid, job_spec)
    if bid.settlement != Settlement.ESCROWED:
        raise MalformedMessage("Bid.settlement", f"{bid.settlement} is not offered here; offered is 0 (escrowed)")
    if bid.verification not in OFFERED_VERIFICATIONS:
        offered = ", ".join(f"{int(kind)} ({kind.name.lower()})" for kind in OFFERED_VERIFICATIONS)
        raise MalformedMessage(
            "Bid.verification",
            f"{bid.verification} is not offered here; offered are {offered}",
        )
    validate_attested(bid, job_spec)
    _validate_secrets(bid, job_spec)
    validate_audit(bid, job_spec)
    for entry in job_spec.inputs:
        if entry.size > rules.max_blob_bytes:
            raise TooLarge(f"Input {entry.path!r}", entry.size, rules.max_blob_bytes)


def require_blobs(market: Market, job_spec: JobSpec) -> None:
    """Raises InputError for blobs that the market does not hold, InvalidJobSpec for sizes that are not theirs."""
    missing = [digest for digest in job_spec.blob_digests() if not market.blobs.has(digest)]
    if missing:
        raise InputError(
            f"The market does not hold {len(missing)} of the job's blobs, the first being {missing[0]}.",
            hint="Upload them first: PUT /api/v1/blobs/{digest}.",
            missing=missing,
        )
    sizes = [(entry.digest, entry.size, entry.path) for entry in job_spec.inputs]
    if job_spec.uploaded_program:
        sizes.append((job_spec.uploaded_program.digest, job_spec.uploaded_program.size, "program"))
    for digest, size, path in sizes:
        if market.blobs.size(digest) != size:
            raise InvalidJobSpec(
                f"{path!r} is said to have {size} bytes; the blob {digest} has {market.blobs.size(digest)}.",
                path=path,
            )


def _validate_network(bid: Bid, job_spec: JobSpec) -> None:
    """A host need not answer two machines alike, so no second run proves anything, and no vote: a renter's own host
    could have an honest provider outvoted, whose stake would go to that renter. Evidence does not cover what was sent.
    """
    if job_spec.network is None:
        return
    if bid.verification != Verification.ACCEPT:
        raise MalformedMessage(
            "Bid.verification",
            f"{bid.verification} is not for jobs with network, whose hosts need not answer two machines alike;"
            " expected 2 (accept)",
        )
    _at_most("Bid.egressMb", bid.egress_mb, 2**32 - 1, least=1)


def _validate_metering(bid: Bid, job_spec: JobSpec) -> None:
    """What a bid reserves and how it wants to be verified must be possible in the sandbox that it names."""
    replicated = bid.verification == Verification.REPLICATE
    if replicated and bid.replicas < 2:
        raise MalformedMessage("Bid.replicas", f"{bid.replicas} cannot vote; replicate needs at least 2")
    if job_spec.is_metered:
        _at_most("Bid.fuel", bid.fuel, 2**63 - 1, least=1)
        return
    if bid.fuel:
        raise MalformedMessage("Bid.fuel", f"{bid.fuel} is not 0: the sandbox {job_spec.sandbox!r} meters no fuel")
    if bid.verification == Verification.REEXECUTE:
        raise MalformedMessage(
            "Bid.verification",
            f"the sandbox {job_spec.sandbox!r} is not deterministic, so that running the job again proves nothing;"
            " 1 (replicate) or 2 (accept) would",
        )


def _validate_secrets(bid: Bid, job_spec: JobSpec) -> None:
    """Secrets are for who is leased, and oracles would need them to run the job again."""
    if job_spec.privacy is not None and job_spec.privacy.secrets and bid.verification == Verification.REEXECUTE:
        raise MalformedMessage(
            "Bid.verification",
            "0 (reexecute) would give the job's secrets to oracles; 1 (replicate), 2 (accept) or 3 (attested) do not",
        )


def _at_most(field: str, value: int, most: int, *, least: int = 0) -> None:
    if not least <= value <= most:
        raise MalformedMessage(
            field,
            f"{value} is not between {least} and {most}, the limits of this market",
        )


def digest_within(market: Market, what: str, document: dict[str, Any]) -> str:
    """A document's content digest. Raises TooLarge for one of more bytes than this market takes."""
    data = canonical_json(document)
    if len(data) > market.rules.max_document_bytes:
        raise TooLarge(what, len(data), market.rules.max_document_bytes)
    return sha256_digest(data)
