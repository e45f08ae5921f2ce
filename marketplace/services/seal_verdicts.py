"""Oracles bind themselves to verdicts before anybody sees one: seals first, then what opens them.

The market has no verdict that it could show while seals come in. It opens a lease's seals once all of the committee is
there, or enough of it and the time is over; what oracles reveal then is checked against what they sealed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from marketplace.domain.chain import CloseReason, Committee
from marketplace.domain.evidence import VerdictRecord
from marketplace.domain.leases import LeaseRecord
from marketplace.domain.seals import Fault, FaultKind, Judgement, SealRecord, find_faults, is_opening_due, seal_evidence
from marketplace.errors import ConflictError, MalformedMessage, MarketError
from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import Verdict, VerdictReveal, VerdictSeal, require_signed_by
from marketplace.services.attempt import attempt, require_done
from marketplace.services.market import Market
from marketplace.services.record_evidence import (
    require_lease,
    require_open,
    require_oracle,
    require_same_lease,
    same_or_conflict,
)
from marketplace.services.storage import Transaction
from marketplace.services.tell_verdicts import is_decided, tell_verdicts
from marketplace.services.timeline import refresh_leases_and_jobs
from marketplace.telemetry.market_metrics import VERDICTS

_log = structlog.get_logger("computehive.oracles")


@dataclass(frozen=True, slots=True)
class SignedSeal:
    """A seal as it comes in."""

    seal: VerdictSeal
    signature: str


@dataclass(frozen=True, slots=True)
class SignedReveal:
    """What opens one, as it comes in."""

    reveal: VerdictReveal
    signature: str


def record_seal(market: Market, lease_id: str, seal: VerdictSeal, oracle: str, signature: str) -> bool:
    """Take an oracle's seal; True if it was new, False for the very same again.

    Raises NotFound, WrongSigner (not of the committee), InvalidSignature, MalformedMessage, ConflictError (the oracle
    has sealed something else, the lease is closed or has no evidence to judge), ChainUnavailable.
    """
    with market.store.read() as tx:
        require_lease(tx, lease_id)
    require_same_lease("VerdictSeal", seal.lease_id, lease_id)
    (outcome,) = record_seals(market, oracle, [SignedSeal(seal, signature)])
    return require_done(outcome)


def record_seals(market: Market, oracle: str, given: Sequence[SignedSeal]) -> list[bool | MarketError]:
    """What `record_seal` returns or raises for each, in order: one that is refused keeps no other out.

    The database writes once. Raises WrongSigner, ChainUnavailable.
    """
    committee, domain = require_oracle(market, oracle), market.chain.domain
    signed = [attempt(require_signed_by, one.seal, oracle, domain, one.signature) for one in given]
    now, lease_ids = market.clock.now(), [one.seal.lease_id for one in given]
    with market.store.write() as tx:
        tx.leases.load(lease_ids)
        tx.seals.load(lease_ids)
        outcomes = [
            refused or attempt(_take_seal, market, tx, one, oracle, committee, now)
            for one, refused in zip(given, signed, strict=True)
        ]
        refresh_leases_and_jobs(tx, _taken(lease_ids, outcomes), now)
    return outcomes


def record_reveal(market: Market, lease_id: str, reveal: VerdictReveal, oracle: str, signature: str) -> bool:
    """Take what opens an oracle's seal; True if it was new, False for the very same again.

    One that does not open it is kept as evidence against the oracle. Raises NotFound, WrongSigner (not of the
    committee), InvalidSignature, MalformedMessage, ConflictError (nothing was sealed, the seals are not open yet, this
    does not open the seal, the lease is over), ChainUnavailable.
    """
    with market.store.read() as tx:
        require_lease(tx, lease_id)
    require_same_lease("VerdictReveal", reveal.lease_id, lease_id)
    (outcome,) = record_reveals(market, oracle, [SignedReveal(reveal, signature)])
    return require_done(outcome)


def record_reveals(market: Market, oracle: str, given: Sequence[SignedReveal]) -> list[bool | MarketError]:
    """What `record_reveal` returns or raises for each, in order: one that is refused keeps no other out.

    The database writes once. Raises WrongSigner, ChainUnavailable.
    """
    require_oracle(market, oracle)
    signed = [attempt(require_signed_by, one.reveal, oracle, market.chain.domain, one.signature) for one in given]
    now, lease_ids = market.clock.now(), [one.reveal.lease_id for one in given]
    with market.store.write() as tx:
        for about in (tx.leases, tx.seals, tx.evidence, tx.batches):
            about.load(lease_ids)
        outcomes = [
            refused or attempt(_take_reveal, tx, one, oracle, now) for one, refused in zip(given, signed, strict=True)
        ]
        changed = [require_lease(tx, one) for one in _taken(lease_ids, outcomes)]
        tell_verdicts(tx, [lease for lease in changed if is_decided(tx, lease)], now)
    for one, outcome in zip(given, outcomes, strict=True):
        if outcome is True:
            market.instruments.meter.count(VERDICTS, outcome=Outcome(one.reveal.verdict.outcome).name.lower())
    return outcomes


def _taken(lease_ids: Sequence[str], outcomes: Sequence[bool | MarketError]) -> list[str]:
    """The leases about which something is new, each once."""
    new = (lease_id for lease_id, outcome in zip(lease_ids, outcomes, strict=True) if outcome is True)
    return list(dict.fromkeys(new))


def _take_seal(
    market: Market, tx: Transaction, signed: SignedSeal, oracle: str, committee: Committee, now: int
) -> bool:
    seal, lease_id = signed.seal, signed.seal.lease_id
    lease, known = require_lease(tx, lease_id), tx.seals.of_oracle(lease_id, oracle)
    if known is not None:
        return same_or_conflict(known.seal.struct_hash(), seal.struct_hash(), "seal", lease_id)
    require_open(lease)
    judgement = tx.seals.judgement(lease_id)
    if judgement is None:
        raise ConflictError(f"Lease {lease_id} has no attestation that oracles judge.", lease=lease_id)
    tx.seals.add(SealRecord(seal, oracle, signed.signature, now, is_late=judgement.opened_at is not None))
    tx.timeline.add(lease.bid_hash, now, "sealed", {"oracle": oracle}, lease_id)
    if _is_opening_due(market, tx, judgement, committee, now):
        tx.seals.open(lease_id, now, committee.members)
    return True


def _take_reveal(tx: Transaction, signed: SignedReveal, oracle: str, now: int) -> bool | MarketError:
    """What was signed and opens nothing is refused, and kept: it is returned, for then something is written."""
    reveal, lease_id = signed.reveal, signed.reveal.lease_id
    lease = require_lease(tx, lease_id)
    _validate_verdict(reveal.verdict, lease)
    seal = _require_unsealed(tx, lease_id, oracle)
    if reveal.commitment(oracle) != seal.seal.commitment:
        evidence = seal_evidence(seal) | {"reveal": reveal.to_json(), "revealSignature": signed.signature}
        _note(tx, Fault(lease_id, oracle, FaultKind.MISMATCHED, now, evidence))
        return ConflictError(
            f"What {oracle} reveals does not open what it sealed for lease {lease_id}.",
            hint="Reveal the verdict and the secret of the seal.",
            lease=lease_id,
            commitment=seal.seal.commitment,
        )
    if tx.evidence.verdict_of(lease_id, oracle) is not None:
        return False  # only one thing opens a seal
    if tx.seals.judgement(lease_id).concluded_at is not None:
        require_open(lease)
    tx.evidence.add_verdict(VerdictRecord(reveal, oracle, signed.signature, now, seal.is_late))
    return True


def reveals_of(market: Market, oracle: str) -> list[tuple[Judgement, list[SealRecord]]]:
    """What `oracle` has sealed and is asked to reveal, with all seals of each lease. Raises WrongSigner."""
    require_oracle(market, oracle)
    with market.store.read() as tx:
        asked = tx.seals.to_reveal(oracle)
        tx.seals.load([one.lease_id for one in asked])
        return [(one, tx.seals.of_lease(one.lease_id)) for one in asked]


def advance_judgements(market: Market) -> int:
    """Open seals whose time has come, and put down who failed where all is over; how many. Raises ChainUnavailable."""
    now = market.clock.now()
    with market.store.read() as tx:
        found = tx.seals.due(now - market.rules.reveal_seconds)
    if not found:
        return 0
    committee = market.chain.committee()
    with market.store.read() as tx:
        for about in (tx.leases, tx.seals):
            about.load(found)
        due = [one for one in found if _is_due(market, tx, tx.seals.judgement(one), committee, now)]
    if not due:
        return 0
    with market.store.write() as tx:
        for about in (tx.leases, tx.seals, tx.evidence):
            about.load(due)
        return sum(_advance(market, tx, lease_id, committee, now) for lease_id in due)


def _is_revealing(market: Market, judgement: Judgement, now: int) -> bool:
    return judgement.opened_at is not None and judgement.opened_at + market.rules.reveal_seconds > now


def _is_due(market: Market, tx: Transaction, judgement: Judgement | None, committee: Committee, now: int) -> bool:
    lease = tx.leases.get(judgement.lease_id) if judgement is not None else None
    if lease is None or judgement.concluded_at is not None:  # reorganised away, and perhaps back again
        return False
    if judgement.opened_at is not None:
        return not _is_revealing(market, judgement, now)
    return lease.closing is not None or _is_opening_due(market, tx, judgement, committee, now)


def _advance(market: Market, tx: Transaction, lease_id: str, committee: Committee, now: int) -> bool:
    judgement, lease = tx.seals.judgement(lease_id), tx.leases.get(lease_id)
    if judgement is None or lease is None or not _is_due(market, tx, judgement, committee, now):
        return False
    if judgement.opened_at is not None:
        _conclude(tx, judgement, judgement.members, now)
    elif lease.closing is not None:
        # A renter that accepts at once needs nobody's verdict.
        expected = () if lease.closing.reason is CloseReason.RECEIPT else committee.members
        _conclude(tx, judgement, expected, now)
    else:
        tx.seals.open(lease_id, now, committee.members)
    return True


def _conclude(tx: Transaction, judgement: Judgement, members: tuple[str, ...], now: int) -> None:
    seals = tx.seals.of_lease(judgement.lease_id)
    revealed = {one.oracle for one in tx.evidence.verdicts(judgement.lease_id)}
    for fault in find_faults(judgement, members, seals, revealed, now):
        _note(tx, fault)
    tx.seals.conclude(judgement.lease_id, now)


def _is_opening_due(market: Market, tx: Transaction, judgement: Judgement, committee: Committee, now: int) -> bool:
    seals = tx.seals.of_lease(judgement.lease_id)
    limits = {"threshold": committee.threshold, "now": now, "seal_seconds": market.rules.seal_seconds}
    return judgement.opened_at is None and is_opening_due(seals, committee.members, **limits)


def _note(tx: Transaction, fault: Fault) -> None:
    if tx.seals.add_fault(fault):
        _log.warning("oracle failed", how=fault.kind.value, oracle=fault.oracle, lease=fault.lease_id)


def _require_unsealed(tx: Transaction, lease_id: str, oracle: str) -> SealRecord:
    seal, judgement = tx.seals.of_oracle(lease_id, oracle), tx.seals.judgement(lease_id)
    if seal is None or judgement is None:
        raise ConflictError(f"{oracle} has sealed no verdict on lease {lease_id}.", lease=lease_id, oracle=oracle)
    if judgement.opened_at is None:
        raise ConflictError(
            f"The seals of lease {lease_id} are not open yet.",
            hint="Keep the verdict to yourself until GET /api/v1/oracle/reveals asks for it.",
            lease=lease_id,
        )
    return seal


def _validate_verdict(verdict: Verdict, lease: LeaseRecord) -> None:
    if verdict.outcome not in (Outcome.PAID, Outcome.FAILED, Outcome.FRAUD):
        raise MalformedMessage("VerdictReveal.outcome", f"{verdict.outcome} is not an outcome")
    if verdict.outcome != Outcome.PAID and verdict.pay != 0:
        raise MalformedMessage("VerdictReveal.pay", "only the outcome paid has a pay")
    if verdict.pay > lease.price:
        raise MalformedMessage("VerdictReveal.pay", f"{verdict.pay} is more than the {lease.price} locked")
