"""Oracles bind themselves to verdicts before anybody sees one: seals first, then what opens them.

The market has no verdict that it could show while seals come in. It opens a lease's seals once all of the committee is
there, or enough of it and the time is over; what oracles reveal then is checked against what they sealed.
"""

import structlog

from marketplace.domain.chain import CloseReason, Committee
from marketplace.domain.evidence import VerdictRecord
from marketplace.domain.leases import LeaseRecord
from marketplace.domain.seals import Fault, FaultKind, Judgement, SealRecord, find_faults, is_opening_due, seal_evidence
from marketplace.errors import ConflictError, MalformedMessage
from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import Verdict, VerdictReveal, VerdictSeal, require_signed_by
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
from marketplace.services.timeline import refresh_lease_and_job
from marketplace.telemetry.market_metrics import VERDICTS

_log = structlog.get_logger("computehive.oracles")


def record_seal(market: Market, lease_id: str, seal: VerdictSeal, oracle: str, signature: str) -> bool:
    """Take an oracle's seal; True if it was new, False for the very same again.

    Raises NotFound, WrongSigner (not of the committee), InvalidSignature, MalformedMessage, ConflictError (the oracle
    has sealed something else, the lease is closed or has no evidence to judge), ChainUnavailable.
    """
    with market.store.read() as tx:
        require_lease(tx, lease_id)
    require_same_lease("VerdictSeal", seal.lease_id, lease_id)
    committee = require_oracle(market, oracle)
    require_signed_by(seal, oracle, market.chain.domain, signature)
    now = market.clock.now()
    with market.store.write() as tx:
        known = _seal_of(tx, lease_id, oracle)
        if known is not None:
            return same_or_conflict(known.seal.struct_hash(), seal.struct_hash(), "seal", lease_id)
        lease = require_lease(tx, lease_id)
        require_open(lease)
        judgement = tx.seals.judgement(lease_id)
        if judgement is None:
            raise ConflictError(f"Lease {lease_id} has no attestation that oracles judge.", lease=lease_id)
        tx.seals.add(SealRecord(seal, oracle, signature, now, is_late=judgement.opened_at is not None))
        tx.timeline.add(lease.bid_hash, now, "sealed", {"oracle": oracle}, lease_id)
        if _is_opening_due(market, tx, judgement, committee, now):
            tx.seals.open(lease_id, now, committee.members)
        refresh_lease_and_job(tx, lease, now)
    return True


def record_reveal(market: Market, lease_id: str, reveal: VerdictReveal, oracle: str, signature: str) -> bool:
    """Take what opens an oracle's seal; True if it was new, False for the very same again.

    One that does not open it is kept as evidence against the oracle. Raises NotFound, WrongSigner (not of the
    committee), InvalidSignature, MalformedMessage, ConflictError (nothing was sealed, the seals are not open yet, this
    does not open the seal, the lease is over), ChainUnavailable.
    """
    with market.store.read() as tx:
        lease = require_lease(tx, lease_id)
    require_same_lease("VerdictReveal", reveal.lease_id, lease_id)
    require_oracle(market, oracle)
    require_signed_by(reveal, oracle, market.chain.domain, signature)
    _validate_verdict(reveal.verdict, lease)
    now = market.clock.now()
    with market.store.write() as tx:
        seal = _require_unsealed(tx, lease_id, oracle)
        opens = reveal.commitment(oracle) == seal.seal.commitment
        if not opens:
            evidence = seal_evidence(seal) | {"reveal": reveal.to_json(), "revealSignature": signature}
            _note(tx, Fault(lease_id, oracle, FaultKind.MISMATCHED, now, evidence))
        else:
            known = [one for one in tx.evidence.verdicts(lease_id) if one.oracle == oracle]
            if known:
                return False  # only one thing opens a seal
            lease = require_lease(tx, lease_id)
            if tx.seals.judgement(lease_id).concluded_at is not None:
                require_open(lease)
            tx.evidence.add_verdict(VerdictRecord(reveal, oracle, signature, now, seal.is_late))
            if is_decided(tx, lease):
                tell_verdicts(tx, lease, now)
            refresh_lease_and_job(tx, lease, now)
    if not opens:
        raise ConflictError(
            f"What {oracle} reveals does not open what it sealed for lease {lease_id}.",
            hint="Reveal the verdict and the secret of the seal.",
            lease=lease_id,
            commitment=seal.seal.commitment,
        )
    market.instruments.meter.count(VERDICTS, outcome=Outcome(reveal.verdict.outcome).name.lower())
    return True


def reveals_of(market: Market, oracle: str) -> list[tuple[Judgement, list[SealRecord]]]:
    """What `oracle` has sealed and is asked to reveal, with all seals of each lease. Raises WrongSigner."""
    require_oracle(market, oracle)
    with market.store.read() as tx:
        return [(one, tx.seals.of_lease(one.lease_id)) for one in tx.seals.to_reveal(oracle)]


def advance_judgements(market: Market) -> int:
    """Open seals whose time has come, and put down who failed where all is over; how many. Raises ChainUnavailable."""
    now = market.clock.now()
    with market.store.read() as tx:
        waiting = [one for one in tx.seals.unconcluded() if not _is_revealing(market, one, now)]
    if not waiting:
        return 0
    committee = market.chain.committee()
    with market.store.read() as tx:
        due = [one.lease_id for one in waiting if _is_due(market, tx, one, committee, now)]
    if not due:
        return 0
    with market.store.write() as tx:
        return sum(_advance(market, tx, lease_id, committee, now) for lease_id in due)


def _is_revealing(market: Market, judgement: Judgement, now: int) -> bool:
    return judgement.opened_at is not None and judgement.opened_at + market.rules.reveal_seconds > now


def _is_due(market: Market, tx: Transaction, judgement: Judgement, committee: Committee, now: int) -> bool:
    lease = tx.leases.get(judgement.lease_id)
    if judgement.concluded_at is not None or lease is None:  # reorganised away, and perhaps back again
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


def _seal_of(tx: Transaction, lease_id: str, oracle: str) -> SealRecord | None:
    return next((one for one in tx.seals.of_lease(lease_id) if one.oracle == oracle), None)


def _require_unsealed(tx: Transaction, lease_id: str, oracle: str) -> SealRecord:
    seal, judgement = _seal_of(tx, lease_id, oracle), tx.seals.judgement(lease_id)
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
