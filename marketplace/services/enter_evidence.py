"""Checked evidence into the database: that of many leases in one transaction, each taken or refused by itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from marketplace.domain.evidence import AttestationRecord
from marketplace.domain.leases import LeaseRecord
from marketplace.errors import ConflictError, MarketError, ServiceUnavailable
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.manifest import Manifest
from marketplace.protocol.messages import Attestation
from marketplace.protocol.usage import SignedUsage
from marketplace.services.market import Market
from marketplace.services.prune import require_kept
from marketplace.services.storage import Transaction
from marketplace.services.timeline import refresh_leases_and_jobs


@dataclass(frozen=True, slots=True)
class Checked:
    """Evidence that stands by itself, and what the market must hold of its result."""

    lease: LeaseRecord
    record: AttestationRecord
    stored: Manifest
    is_judged: bool
    """Whether oracles run the job again or count votes."""


def enter_evidence(market: Market, checked: Checked) -> bool:
    """Take it in with all that comes at the same time; whether it was new, once it is on the disk.

    Raises ConflictError where other evidence is there, InputError where a blob is being deleted, ServiceUnavailable.
    """
    (outcome,) = market.attesting.submit([checked], lambda all_of_them: write_evidence(market, all_of_them))
    if isinstance(outcome, MarketError):
        raise outcome
    return outcome


def write_evidence(market: Market, checked: Sequence[Checked]) -> list[bool | MarketError]:
    """What became of each. Where one cannot be entered beside the others, each is entered alone.

    Raises ServiceUnavailable; nothing is entered then that was not answered before.
    """
    try:
        with market.store.write() as tx:
            outcomes = [_attempt(tx, one) for one in checked]
            new = [one.lease.lease_id for one, outcome in zip(checked, outcomes, strict=True) if outcome is True]
            refresh_leases_and_jobs(tx, new, checked[0].record.received_at)
        for one, outcome in zip(checked, outcomes, strict=True):
            if not isinstance(outcome, MarketError):  # what was refused names nothing
                market.uploads.release(entry.digest for entry in one.stored.entries)
        return outcomes
    except ServiceUnavailable:
        raise
    except MarketError as error:
        if len(checked) == 1:
            return [error]
    return [outcome for one in checked for outcome in write_evidence(market, [one])]


def _attempt(tx: Transaction, checked: Checked) -> bool | MarketError:
    """Whatever is returned as an error is found before anything is written."""
    lease, record = checked.lease, checked.record
    try:
        known = tx.evidence.attestation(lease.lease_id)
        if known is not None:
            return same_evidence(known, record.attestation, record.usage)
        require_kept(tx, {entry.digest for entry in checked.stored.entries})
    except MarketError as error:
        return error
    tx.evidence.add_attestation(record)
    if checked.is_judged:
        tx.seals.begin(lease.lease_id, record.received_at)
    detail = {"exit": ExitKind(record.attestation.exit_kind).name.lower(), "fuel": str(record.attestation.fuel)}
    tx.timeline.add(lease.bid_hash, record.received_at, "attestation", detail, lease.lease_id)
    return True


def same_or_conflict(known: str, given: str, what: str, lease_id: str) -> bool:
    """False for what is here already, by its struct hash. Raises ConflictError for anything else."""
    if known != given:
        raise ConflictError(f"Another {what} for lease {lease_id} is recorded already.", lease=lease_id)
    return False


def same_evidence(known: AttestationRecord, attestation: Attestation, usage: SignedUsage | None) -> bool:
    """False for evidence that is here already. Raises ConflictError for other evidence."""
    lease_id = attestation.lease_id
    same_or_conflict(known.attestation.struct_hash(), attestation.struct_hash(), "attestation", lease_id)
    if usage is None:
        return False
    if known.usage is None:
        raise ConflictError(f"Lease {lease_id} was attested without a usage report, and takes none afterwards.")
    return same_or_conflict(known.usage.report.struct_hash(), usage.report.struct_hash(), "usage report", lease_id)
