"""Which ask a lease was matched with: the round's transcript says it, and the chain has the transcript's digest.

The ask itself is not on chain. A market that showed the provider one ask and the oracles another of the same provider
would change what a job's use comes to; as it puts the round's digest on chain with the lease, it has chosen before the
job runs.
"""

from collections import OrderedDict
from threading import Lock
from typing import Any, Protocol

from marketplace.client.terms import LeaseTerms
from marketplace.domain.chain import LeaseOpened
from marketplace.errors import MalformedMessage, TranscriptMismatch
from marketplace.protocol.canonical import json_digest

REMEMBERED_ROUNDS = 64
"""Rounds whose matches are kept: a round's leases come together, its transcript has the whole book."""

Matches = dict[tuple[str, str], int]
"""Prices by bid and ask."""


class Transcripts(Protocol):
    """Where transcripts come from. `MarketClient` fulfils it."""

    def transcript(self, number: int) -> dict[str, Any]: ...


class Rounds:
    """The matches of rounds, each checked against its digest on chain. Safe to share between threads."""

    def __init__(self, transcripts: Transcripts) -> None:
        self._transcripts = transcripts
        self._lock = Lock()
        self._matches: OrderedDict[str, Matches] = OrderedDict()

    def check(self, event: LeaseOpened, terms: LeaseTerms) -> None:
        """Raises TranscriptMismatch unless the lease's round matched its bid with this ask at its price.

        Also MalformedMessage where the market names no round or its transcript is none, NotFound, ServiceUnavailable.
        """
        with self._lock:
            matches = self._of_round(event.round_digest, terms.round)
        price = matches.get((event.bid_hash, terms.ask.struct_hash()))
        if price != event.price:
            raise TranscriptMismatch(
                "The lease's round did not match its bid with this ask at its price.", lease=event.lease_id
            )

    def _of_round(self, digest: str, number: int | None) -> Matches:
        if digest not in self._matches:
            if number is None:
                raise MalformedMessage("terms.round", "is missing")
            self._matches[digest] = _read(self._transcripts.transcript(number), digest)
            if len(self._matches) > REMEMBERED_ROUNDS:
                self._matches.popitem(last=False)
        return self._matches[digest]


def _read(document: dict[str, Any], digest: str) -> Matches:
    actual = json_digest(document)
    if actual != digest:
        raise TranscriptMismatch(f"The transcript hashes to {actual}, the chain has {digest}.", actual=actual)
    try:
        return {(one["bidHash"], one["askHash"]): int(one["price"]) for one in document["matches"]}
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedMessage("transcript.matches", f"lacks or garbles {error}") from error
