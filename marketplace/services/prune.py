"""Forgetting what nothing needs any more: rows in small transactions, and blobs that no kept row names.

A blob goes in three steps, so that no order or evidence is ever taken whose bytes are about to go: it is written down
as doomed, in a transaction that looks once more at what came meanwhile; deleted; written down as gone, for an hour.
Whoever takes in an order or evidence asks, in the transaction that does so, whether it names such a blob.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import structlog

from marketplace.domain.blobs import StoredBlob
from marketplace.domain.retention import BlobUse, Kept
from marketplace.errors import InputError, ServiceUnavailable
from marketplace.services.market import Market
from marketplace.services.storage import Transaction
from marketplace.telemetry.market_metrics import FORGOTTEN, FORGOTTEN_BYTES

ROWS, BLOBS = 500, 100
"""How much is forgotten in one transaction: some tens of milliseconds, in which no other writer gets in."""
SWEEP_SECONDS = 3_600
"""How often all blobs are looked through: a listing of the store, and of all that names one."""
REMEMBERED_SECONDS = 3_600
"""How long a blob is known as gone: longer than any request takes that has seen it before."""
SLACK_SECONDS = 3_600
"""How far the clocks of this market's processes may differ."""
SWEEP = "blob sweep"
_log = structlog.get_logger("computehive.retention")


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was forgotten, or would be."""

    rows: dict[str, int] = field(default_factory=dict)
    """By kind."""
    blobs: int = 0
    blob_bytes: int = 0


def plan_prune(market: Market) -> Pruned:
    """What `prune_all` would forget now. Changes nothing. Raises ServiceUnavailable."""
    now = market.clock.now()
    with market.store.read() as tx:
        found = {
            kind.value: tx.forgetting.count(kind, before, _unplaceable(market, now))
            for kind in Kept
            if (before := market.rules.retention.before(kind, now)) is not None
        }
    blobs = _unneeded(market, now)
    return Pruned(found, len(blobs), sum(one.size for one in blobs))


def prune_all(market: Market) -> Pruned:
    """Forget all that may be forgotten now. Raises ServiceUnavailable; what was forgotten before that stays so."""
    now, rows = market.clock.now(), {}
    for kind in Kept:
        while count := _forget_rows(market, kind, now):
            rows[kind.value] = rows.get(kind.value, 0) + count
    deleted = _sweep(market, now)
    return Pruned(rows, len(deleted), sum(one.size for one in deleted))


def prune(market: Market) -> bool:
    """A step of the worker: some rows of one kind, else the blobs once in an hour; whether there may be more."""
    now = market.clock.now()
    if any(_forget_rows(market, kind, now) for kind in Kept):
        return True
    with market.store.read() as tx:
        is_due = tx.forgetting.position(SWEEP) + SWEEP_SECONDS <= now
    if is_due and market.rules.retention.logs_before(now) is not None:
        _sweep(market, now)
        with market.store.write() as tx:
            tx.forgetting.move(SWEEP, now)
    return False


def require_kept(tx: Transaction, digests: Collection[str]) -> None:
    """Raises InputError where one of these blobs is being deleted, or was while the request was under way."""
    require_none_forgotten(tx.forgetting.find(digests) if digests else (), digests)


def require_none_forgotten(forgotten: Collection[str], digests: Collection[str]) -> None:
    """Raises InputError where one of these blobs is among those that were found to be going or gone."""
    missing = sorted(set(digests).intersection(forgotten))
    if missing:
        raise InputError(
            f"The market has just deleted {len(missing)} of the blobs, which nothing needed, the first being"
            f" {missing[0]}.",
            hint="Upload them again: PUT /api/v1/blobs/{digest}.",
            missing=missing,
        )


def welcome_back(market: Market, digest: str) -> None:
    """A blob was uploaded: it counts again, if it had been forgotten. Raises ServiceUnavailable where it goes now."""
    with market.store.read() as tx:
        found = tx.forgetting.find([digest])
    if not found:
        return
    if found[digest] is not None and market.blobs.has(digest):
        with market.store.write() as tx:
            tx.forgetting.came_back(digest)
    if found[digest] is None or not market.blobs.has(digest):
        raise ServiceUnavailable("An older copy of the blob is being deleted now.", hint="Upload it again in a moment.")


def _forget_rows(market: Market, kind: Kept, now: int) -> int:
    before = market.rules.retention.before(kind, now)
    if before is None:
        return 0
    with market.store.write() as tx:
        count = tx.forgetting.forget(kind, before, _unplaceable(market, now), ROWS)
    if count:
        market.instruments.meter.count(FORGOTTEN, count, kind=kind.value)
        _log.info("forgotten", kind=kind.value, rows=count)
    return count


def _unplaceable(market: Market, now: int) -> int:
    return now - market.rules.max_order_seconds


def _sweep(market: Market, now: int) -> list[StoredBlob]:
    """Delete blobs that nothing needs; those that were deleted."""
    with market.store.read() as tx:
        begun, last_bid = tx.forgetting.doomed(), tx.forgetting.last_bid()
    _delete(market, begun, now)  # of a sweep that did not come to its end
    found, deleted = _unneeded(market, now), []
    for start in range(0, len(found), BLOBS):
        part = {one.digest: one for one in found[start : start + BLOBS]}
        with market.store.write() as tx:
            came = _needed(market, tx.forgetting.uses(last_bid, now - SLACK_SECONDS), now)
            doomed = [digest for digest in part if digest not in came]
            known = tx.forgetting.find(doomed)
            tx.forgetting.doom([digest for digest in doomed if digest not in known])
            tx.forgetting.clear(now - REMEMBERED_SECONDS)
        deleted += [part[digest] for digest in _delete(market, doomed, now)]
    if deleted:
        size = sum(one.size for one in deleted)
        market.instruments.meter.count(FORGOTTEN, len(deleted), kind="blobs")
        market.instruments.meter.count(FORGOTTEN_BYTES, size)
        _log.info("forgotten", kind="blobs", blobs=len(deleted), bytes=size)
    return deleted


def _delete(market: Market, digests: Iterable[str], now: int) -> list[str]:
    deleted = [digest for digest in digests if market.blobs.delete(digest) or not market.blobs.has(digest)]
    if deleted:
        with market.store.write() as tx:
            tx.forgetting.gone(deleted, now)
    return deleted


def _unneeded(market: Market, now: int) -> list[StoredBlob]:
    """Blobs that are old enough, and that nothing names which is kept."""
    blobs_before, logs_before = market.rules.retention.blobs_before(now), market.rules.retention.logs_before(now)
    if logs_before is None:
        return []
    stored = list(market.blobs.all())
    with market.store.read() as tx:
        uses = list(tx.forgetting.uses())
    needed = _needed(market, uses, now)
    logs = {digest for use in uses for digest in use.logs}
    return [
        one
        for one in stored
        if one.digest not in needed
        and (before := logs_before if one.digest in logs else blobs_before) is not None
        and one.stored_at < before
    ]


def _needed(market: Market, uses: Iterable[BlobUse], now: int) -> set[str]:
    blobs_before, logs_before = market.rules.retention.blobs_before(now), market.rules.retention.logs_before(now)
    needed: set[str] = set()
    for use in uses:
        if _is_kept(use, blobs_before):
            needed.update(use.digests)
        if _is_kept(use, logs_before):
            needed.update(use.logs)
    return needed


def _is_kept(use: BlobUse, before: int | None) -> bool:
    return before is None or use.ended_at is None or use.ended_at >= before
