"""Blobs that were uploaded and that nothing names yet: how many of them one address may leave in an hour.

Anybody may upload, and signs nothing: only the order, the evidence or the checkpoint that names a blob says whose it
is. So what counts is what is not named, for an hour from its upload; what is named counts for nobody any more. A share
for each account beside it would be no limit, as accounts cost nothing. In this process's memory, as other limits are.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Lock

from marketplace.domain.rules import Rules
from marketplace.errors import TooManyRequests

UNUSED_SECONDS = 3_600
"""For how long an upload counts that nothing names."""
MOST_PARTIES = 10_000
"""That are remembered at once; who has uploaded nothing for longest is forgotten first."""


@dataclass(slots=True)
class _Share:
    """What one party has uploaded that still counts."""

    kept: OrderedDict[str, tuple[float, int]] = field(default_factory=OrderedDict)
    """When it came, and its bytes, by digest; oldest first."""
    held: int = 0
    """Bytes together."""

    def drop(self, digest: str) -> None:
        self.held -= self.kept.pop(digest, (0.0, 0))[1]

    def freed_at(self, size: int, rules: Rules) -> float | None:
        """When enough of it is forgotten for one more blob; None where there is room now."""
        count, held, freed_at = len(self.kept) + 1, self.held + size, None
        for came, known in self.kept.values():
            if not _is_too_much(count, held, rules):
                break
            count, held, freed_at = count - 1, held - known, came + UNUSED_SECONDS
        return freed_at


class Uploads:
    """Who has uploaded what of late. Safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._shares: OrderedDict[str, _Share] = OrderedDict()
        self._parties: dict[str, set[str]] = {}
        """Who has uploaded a digest."""

    def require(self, rules: Rules, party: str, digest: str, size: int) -> None:
        """Raises TooManyRequests where there is no room for `size` bytes; it says when there is."""
        with self._lock:
            self._require(rules, party, digest, size)

    def take(self, rules: Rules, party: str, digest: str, size: int) -> None:
        """Count a blob that is about to be stored. Raises TooManyRequests, and counts nothing then."""
        with self._lock:
            self._require(rules, party, digest, size)
            share = self._shares.setdefault(party, _Share())
            if digest not in share.kept:
                share.kept[digest] = (self._clock(), size)
                share.held += size
                self._parties.setdefault(digest, set()).add(party)
            self._shares.move_to_end(party)
            if len(self._shares) > MOST_PARTIES:
                oldest, forgotten = self._shares.popitem(last=False)
                for each in forgotten.kept:
                    self._leave(each, oldest)

    def give_back(self, party: str, digest: str) -> None:
        """It was not stored after all."""
        with self._lock:
            self._drop(party, digest)

    def release(self, digests: Iterable[str]) -> None:
        """Something names these blobs: they count for nobody any more."""
        with self._lock:
            for digest in digests:
                for party in tuple(self._parties.get(digest, ())):
                    self._drop(party, digest)

    def _require(self, rules: Rules, party: str, digest: str, size: int) -> None:
        now, share = self._clock(), self._shares.get(party, _Share())
        while share.kept and next(iter(share.kept.values()))[0] <= now - UNUSED_SECONDS:
            self._drop(party, next(iter(share.kept)))
        freed_at = None if digest in share.kept else share.freed_at(size, rules)
        if freed_at is not None:
            raise _refusal(rules, party, share, size, max(1, math.ceil(freed_at - now)))

    def _drop(self, party: str, digest: str) -> None:
        if party in self._shares:
            self._shares[party].drop(digest)
        self._leave(digest, party)

    def _leave(self, digest: str, party: str) -> None:
        parties = self._parties.get(digest, set())
        parties.discard(party)
        if not parties:
            self._parties.pop(digest, None)


def _is_too_much(count: int, held: int, rules: Rules) -> bool:
    most = max(rules.unused_upload_bytes, rules.max_blob_bytes)
    too_many = bool(rules.unused_uploads) and count > rules.unused_uploads
    return too_many or (bool(rules.unused_upload_bytes) and held > most)


def _refusal(rules: Rules, party: str, share: _Share, size: int, retry_after: int) -> TooManyRequests:
    limits = [f"{rules.unused_uploads} blobs"] if rules.unused_uploads else []
    limits += [f"{rules.unused_upload_bytes} bytes"] if rules.unused_upload_bytes else []
    return TooManyRequests(
        party,
        "uploads that no order or evidence names",
        rules.unused_uploads,
        retry_after,
        allowed=f"{' and '.join(limits)} an hour; it has {len(share.kept)} of {share.held} bytes, this one has {size}",
        advice=f"Place the order that names them, or try again in {retry_after} s.",
        unused=len(share.kept),
        unusedBytes=share.held,
        size=size,
    )
