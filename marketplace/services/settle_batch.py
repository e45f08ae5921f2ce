"""From equal verdicts to a settlement: propose batches, gather the committee's signatures, hand them to the outbox."""

from marketplace.domain.evidence import (
    AgreedVerdict,
    BatchRecord,
    BatchState,
    VerdictRecord,
    agreed_verdict,
    group_batches,
)
from marketplace.domain.leases import LeaseRecord
from marketplace.domain.outbox import OutboxKind
from marketplace.domain.seals import JUDGED
from marketplace.errors import ConflictError, NotFound, WrongSigner
from marketplace.protocol.messages import Verdict, VerdictBatch, require_signed_by
from marketplace.services.market import Market
from marketplace.services.record_evidence import require_oracle
from marketplace.services.storage import Transaction
from marketplace.services.tell_verdicts import tell_verdicts
from marketplace.services.timeline import has_full_receipt, refresh_lease_and_job

MAX_PROPOSALS = 4
"""Refused settlements after which a lease is left to the deadline's refund."""
RETRY_SECONDS = 5
"""Pause after the first refusal; as much longer after each further one."""
SIGN_SECONDS = 60
"""How long a batch of several leases waits for its signatures before each goes its own way."""
LATE_SIGN_SECONDS = 10
"""How long those who sealed their verdict in time have a batch, and its fee, to themselves."""


def propose_batches(market: Market) -> int:
    """Propose a batch for every lease on which enough oracles agree; how many. Raises ChainUnavailable."""
    with market.store.read() as tx:
        candidates = [(lease, tx.evidence.verdicts(lease.lease_id)) for lease in tx.leases.open()]
    if not any(verdicts for _, verdicts in candidates):
        return 0
    committee = market.chain.committee()
    now = market.clock.now()
    with market.store.write() as tx:
        _split_unsigned(tx, now)
        _free_left_open(tx, now)
        ready: list[AgreedVerdict] = []
        alone: set[str] = set()
        for lease, verdicts in candidates:
            found = _agreed([one for one in verdicts if one.oracle in committee.members], committee.threshold)
            current = tx.leases.get(lease.lease_id)
            if found is None or current is None or not _may_propose(tx, current, alone, now):
                continue
            ready.append(AgreedVerdict(*found, current.claim is not None, (current.group, current.place)))
        batches = group_batches(ready, alone=frozenset(alone), limit=market.rules.max_batch)
        for verdicts in batches:
            _propose(market, tx, verdicts, now)
    return len(batches)


def claims_of(market: Market, oracle: str) -> list[LeaseRecord]:
    """Open leases with evidence, for oracles to judge, of which `oracle` has sealed no verdict. Raises WrongSigner."""
    require_oracle(market, oracle)
    with market.store.read() as tx:
        return [lease for lease in tx.leases.open() if _is_claim(tx, lease, oracle)]


def batches_of(market: Market, oracle: str) -> list[BatchRecord]:
    """Proposed batches that say what `oracle` said, and that it has not signed. Raises WrongSigner."""
    require_oracle(market, oracle)
    now = market.clock.now()
    with market.store.read() as tx:
        return [
            batch
            for batch in tx.batches.in_state(BatchState.PROPOSED)
            if oracle not in batch.signatures and _agrees(tx, batch, oracle) and not _must_wait(tx, batch, oracle, now)
        ]


def sign_batch(market: Market, digest: str, oracle: str, signature: str) -> BatchRecord:
    """Take an oracle's signature; with enough of them the settlement goes into the outbox.

    One that comes after enough others is not needed, and no error. Raises NotFound, ConflictError (the batch failed, or
    others go first), WrongSigner (not a member, or its own verdicts say otherwise), InvalidSignature, ChainUnavailable.
    """
    threshold = require_oracle(market, oracle).threshold
    with market.store.read() as tx:
        batch = _batch(tx, digest)
    require_signed_by(batch.message, oracle, market.chain.domain, signature)
    now = market.clock.now()
    with market.store.write() as tx:
        batch = _batch(tx, digest)
        if oracle in batch.signatures or batch.state in (BatchState.SETTLING, BatchState.SETTLED):
            return batch  # enough others were faster
        if batch.state is not BatchState.PROPOSED:
            raise ConflictError(
                f"Batch {digest} is {batch.state} already.",
                batch=digest,
                state=str(batch.state),
            )
        if not _agrees(tx, batch, oracle):
            raise WrongSigner(
                f"{oracle} has not given these verdicts itself.",
                oracle=oracle,
                batch=digest,
            )
        if _must_wait(tx, batch, oracle, now):
            raise ConflictError(f"Those who sealed in time sign batch {digest} first.", batch=digest)
        tx.batches.sign(digest, oracle, signature)
        batch = _batch(tx, digest)
        if len(batch.signatures) >= threshold:
            tx.batches.set_state(digest, BatchState.SETTLING)
            tx.outbox.add(OutboxKind.SETTLE, {"batch": digest}, now)
        return _batch(tx, digest)


def batch_digest(market: Market, verdicts: tuple[Verdict, ...]) -> str:
    """The 32 bytes that oracles sign."""
    return VerdictBatch.of(verdicts).digest(market.chain.domain)


def _agreed(records: list[VerdictRecord], threshold: int) -> tuple[Verdict, frozenset[str]] | None:
    """What was sealed before anything was opened decides, if it can: who came later may have been told."""
    in_time = [one for one in records if not one.is_late]
    return agreed_verdict(in_time, threshold) or agreed_verdict(records, threshold)


def _split_unsigned(tx: Transaction, now: int) -> None:
    """An oracle that has judged all of a batch and does not sign must not hold up what others agree on in part."""
    for batch in tx.batches.in_state(BatchState.PROPOSED):
        if len(batch.verdicts) > 1 and batch.proposed_at + SIGN_SECONDS < now:
            _fail(tx, batch, "too few of those who agreed have signed it in time", now)


def _free_left_open(tx: Transaction, now: int) -> None:
    """Leases that a settlement has passed over, because they were claimed meanwhile, are proposed anew."""
    followed = tx.blocks.last()
    waiting = tx.outbox.unfinished() + tx.outbox.done_after(followed.number if followed is not None else -1)
    under_way = {item.payload["batch"] for item in waiting if item.kind is OutboxKind.SETTLE}
    for batch in tx.batches.in_state(BatchState.SETTLING):
        if batch.digest not in under_way:
            _fail(tx, batch, "its settlement left a lease open", now)


def _fail(tx: Transaction, batch: BatchRecord, reason: str, now: int) -> None:
    tx.batches.set_state(batch.digest, BatchState.FAILED, reason)
    for lease in (tx.leases.get(verdict.lease_id) for verdict in batch.verdicts):
        if lease is not None:
            refresh_lease_and_job(tx, lease, now)


def _may_propose(tx: Transaction, lease: LeaseRecord, alone: set[str], now: int) -> bool:
    """Whether nothing is under way; a lease whose batch failed before is noted in `alone`.

    A receipt for less than the lock holds nothing up: whether it ever counts is the provider's choice.
    """
    if lease.closing is not None or has_full_receipt(tx, lease):
        return False
    batches = tx.batches.of_lease(lease.lease_id)
    if any(batch.state is not BatchState.FAILED for batch in batches):
        return False
    if not batches:
        return True
    alone.add(lease.lease_id)
    proposals = sum(batch.proposals for batch in batches)
    rested = max(batch.proposed_at for batch in batches) + RETRY_SECONDS * proposals
    return proposals < MAX_PROPOSALS and rested <= now


def _propose(market: Market, tx: Transaction, verdicts: tuple[Verdict, ...], now: int) -> None:
    digest = batch_digest(market, verdicts)
    tx.batches.add(BatchRecord(digest, verdicts, BatchState.PROPOSED, now))
    for verdict in verdicts:
        lease = tx.leases.get(verdict.lease_id)
        tell_verdicts(tx, lease, now)
        tx.timeline.add(lease.bid_hash, now, "batch_proposed", {"batch": digest}, verdict.lease_id)
        refresh_lease_and_job(tx, lease, now)


def _is_claim(tx: Transaction, lease: LeaseRecord, oracle: str) -> bool:
    if tx.evidence.attestation(lease.lease_id) is None:
        return False
    record = tx.bids.get(lease.bid_hash)
    if record is None or record.bid.verification not in JUDGED:
        return False
    return all(one.oracle != oracle for one in tx.seals.of_lease(lease.lease_id))


def _agrees(tx: Transaction, batch: BatchRecord, oracle: str) -> bool:
    for verdict in batch.verdicts:
        own = [one.verdict for one in tx.evidence.verdicts(verdict.lease_id) if one.oracle == oracle]
        if own != [verdict]:
            return False
    return True


def _must_wait(tx: Transaction, batch: BatchRecord, oracle: str, now: int) -> bool:
    """Whether the oracle sealed one of these verdicts too late, and those who did in time still have their turn."""
    if batch.proposed_at + LATE_SIGN_SECONDS <= now or batch.proposals > 1:
        return False
    for lease_id in (verdict.lease_id for verdict in batch.verdicts):
        is_late = any(one.is_late for one in tx.evidence.verdicts(lease_id) if one.oracle == oracle)
        if is_late and len(tx.batches.of_lease(lease_id)) == 1:
            return True
    return False


def _batch(tx: Transaction, digest: str) -> BatchRecord:
    batch = tx.batches.get(digest)
    if batch is None:
        raise NotFound("batch", digest)
    return batch
