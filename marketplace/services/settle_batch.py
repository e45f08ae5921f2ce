"""From equal verdicts to a settlement: propose batches, gather the committee's signatures, hand them to the outbox."""

from collections.abc import Mapping

from marketplace.domain.chain import Committee
from marketplace.domain.evidence import (
    AgreedVerdict,
    Agreement,
    BatchRecord,
    BatchState,
    VerdictRecord,
    agreed_verdict,
    due_batches,
)
from marketplace.domain.leases import LeaseRecord
from marketplace.domain.outbox import OutboxKind
from marketplace.errors import ConflictError, NotFound, WrongSigner
from marketplace.protocol.messages import Verdict, VerdictBatch, require_signed_by
from marketplace.services.market import Market
from marketplace.services.record_evidence import require_oracle
from marketplace.services.storage import Transaction
from marketplace.services.tell_verdicts import tell_verdicts
from marketplace.services.timeline import has_full_receipt, refresh_leases_and_jobs

MAX_PROPOSALS = 4
"""Refused settlements after which a lease is left to the deadline's refund."""
RETRY_SECONDS = 5
"""Pause after the first refusal; as much longer after each further one."""
SIGN_SECONDS = 60
"""How long a batch of several leases waits for its signatures before each goes its own way."""
LATE_SIGN_SECONDS = 10
"""How long those who sealed their verdict in time have a batch, and its fee, to themselves."""


def propose_batches(market: Market) -> int:
    """Propose batches of leases on which enough oracles agree, as they are full or due; how many.

    One that is not full waits `rules.batch_seconds` from the first of its verdicts on. Raises ChainUnavailable.
    """
    now = market.clock.now()
    with market.store.read() as tx:
        is_stuck, undecided = bool(_unsigned(tx, now) or _left_open(tx)), tx.evidence.undecided()
    if not is_stuck and not undecided:
        return 0
    committee = market.chain.committee()
    if not is_stuck and not _is_any_due(market, _agreed_on(undecided, committee), now):
        return 0
    with market.store.write() as tx:
        _split_unsigned(tx, now)
        _free_left_open(tx, now)
        batches = _due(market, tx, committee, now)
        for verdicts in batches:
            _propose(market, tx, verdicts, now)
    return len(batches)


def claims_of(market: Market, oracle: str) -> list[LeaseRecord]:
    """Open leases with evidence, for oracles to judge, of which `oracle` has sealed no verdict. Raises WrongSigner."""
    require_oracle(market, oracle)
    with market.store.read() as tx:
        return list(tx.leases.load(tx.seals.to_judge(oracle)).values())


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


def _due(market: Market, tx: Transaction, committee: Committee, now: int) -> list[tuple[Verdict, ...]]:
    """Batches whose time has come, of leases about which nothing is under way."""
    agreed = _agreed_on(tx.evidence.undecided(), committee)
    leases = tx.leases.load(agreed)
    tx.evidence.load(agreed)
    tx.batches.load(agreed)
    ready: list[AgreedVerdict] = []
    alone: set[str] = set()
    for lease_id, one in agreed.items():
        lease = leases[lease_id]
        if _may_propose(tx, lease, alone, now):
            place = (lease.group, lease.place)
            ready.append(AgreedVerdict(one.verdict, one.oracles, lease.claim is not None, place, one.since))
    waited, limit = now - market.rules.batch_seconds, market.rules.max_batch
    return due_batches(ready, alone=frozenset(alone), limit=limit, agreed_until=waited)


def _agreed_on(undecided: Mapping[str, list[VerdictRecord]], committee: Committee) -> dict[str, Agreement]:
    """By lease, where enough members agree."""
    found = {
        lease_id: _agreed([one for one in verdicts if one.oracle in committee.members], committee.threshold)
        for lease_id, verdicts in undecided.items()
    }
    return {lease_id: one for lease_id, one in found.items() if one is not None}


def _is_any_due(market: Market, agreed: Mapping[str, Agreement], now: int) -> bool:
    """Whether a closer look, which writes, may find a batch: one of these has waited, or they are many."""
    waited = now - market.rules.batch_seconds
    return len(agreed) >= market.rules.max_batch or any(one.since <= waited for one in agreed.values())


def _agreed(records: list[VerdictRecord], threshold: int) -> Agreement | None:
    """What was sealed before anything was opened decides, if it can: who came later may have been told."""
    in_time = [one for one in records if not one.is_late]
    return agreed_verdict(in_time, threshold) or agreed_verdict(records, threshold)


def _split_unsigned(tx: Transaction, now: int) -> None:
    """An oracle that has judged all of a batch and does not sign must not hold up what others agree on in part."""
    for batch in _unsigned(tx, now):
        _fail(tx, batch, "too few of those who agreed have signed it in time", now)


def _free_left_open(tx: Transaction, now: int) -> None:
    """Leases that a settlement has passed over, because they were claimed meanwhile, are proposed anew."""
    for batch in _left_open(tx):
        _fail(tx, batch, "its settlement left a lease open", now)


def _unsigned(tx: Transaction, now: int) -> list[BatchRecord]:
    proposed = tx.batches.in_state(BatchState.PROPOSED)
    return [batch for batch in proposed if len(batch.verdicts) > 1 and batch.proposed_at + SIGN_SECONDS < now]


def _left_open(tx: Transaction) -> list[BatchRecord]:
    settling = tx.batches.in_state(BatchState.SETTLING)
    if not settling:
        return []
    followed = tx.blocks.last()
    waiting = tx.outbox.unfinished() + tx.outbox.done_after(followed.number if followed is not None else -1)
    under_way = {item.payload["batch"] for item in waiting if item.kind is OutboxKind.SETTLE}
    return [batch for batch in settling if batch.digest not in under_way]


def _fail(tx: Transaction, batch: BatchRecord, reason: str, now: int) -> None:
    tx.batches.set_state(batch.digest, BatchState.FAILED, reason)
    refresh_leases_and_jobs(tx, [verdict.lease_id for verdict in batch.verdicts], now)


def _may_propose(tx: Transaction, lease: LeaseRecord, alone: set[str], now: int) -> bool:
    """Whether nothing is under way; a lease whose batch failed before is noted in `alone`.

    A receipt for less than the lock holds nothing up: whether it ever counts is the provider's choice.
    """
    if lease.closing is not None or has_full_receipt(tx, lease):
        return False
    batches = tx.batches.of_lease(lease.lease_id) if tx.batches.has(lease.lease_id) else []
    if any(batch.state is not BatchState.FAILED for batch in batches):
        return False
    if not batches:
        return True
    alone.add(lease.lease_id)
    proposals = sum(batch.proposals for batch in batches)
    rested = max(batch.proposed_at for batch in batches) + RETRY_SECONDS * proposals
    return proposals < MAX_PROPOSALS and rested <= now


def _propose(market: Market, tx: Transaction, verdicts: tuple[Verdict, ...], now: int) -> None:
    digest, lease_ids = batch_digest(market, verdicts), [verdict.lease_id for verdict in verdicts]
    tx.batches.add(BatchRecord(digest, verdicts, BatchState.PROPOSED, now))
    leases = tx.leases.load(lease_ids)
    tx.evidence.load(lease_ids)
    tell_verdicts(tx, leases.values(), now)
    for lease_id, lease in leases.items():
        tx.timeline.add(lease.bid_hash, now, "batch_proposed", {"batch": digest}, lease_id)
    refresh_leases_and_jobs(tx, lease_ids, now)


def _agrees(tx: Transaction, batch: BatchRecord, oracle: str) -> bool:
    own = tx.evidence.verdicts_of(oracle, [verdict.lease_id for verdict in batch.verdicts])
    return all(verdict.lease_id in own and own[verdict.lease_id].verdict == verdict for verdict in batch.verdicts)


def _must_wait(tx: Transaction, batch: BatchRecord, oracle: str, now: int) -> bool:
    """Whether the oracle sealed one of these verdicts too late, and those who did in time still have their turn."""
    if batch.proposed_at + LATE_SIGN_SECONDS <= now or batch.proposals > 1:
        return False
    own = tx.evidence.verdicts_of(oracle, [verdict.lease_id for verdict in batch.verdicts])
    return any(one.is_late and len(tx.batches.of_lease(lease_id)) == 1 for lease_id, one in own.items())


def _batch(tx: Transaction, digest: str) -> BatchRecord:
    batch = tx.batches.get(digest)
    if batch is None:
        raise NotFound("batch", digest)
    return batch
