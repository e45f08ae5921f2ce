"""The market's audit log as calls, and what a reader keeps of it: documents that prove something by themselves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from marketplace.client.calls import API, Calls, Document, items
from marketplace.errors import LogMismatch, MalformedMessage

if TYPE_CHECKING:
    from marketplace.protocol.audit_log import LogEntry, SignedHead
    from marketplace.protocol.eip712 import Domain

PAGE = 1_000
Growth = Callable[[int, int], Document]


class AuditLogCalls(Calls):
    """A part of `MarketClient`."""

    def log_head(self) -> Document:
        """`{head, signature}` of the log as it is now."""
        return self._get(f"{API}/log/head")

    def log_entries(self, until: int) -> list[Document]:
        """The first `until` entries, in order."""
        found: list[Document] = []
        while len(found) < until:
            limit = min(PAGE, until - len(found))
            page = items(self._get(f"{API}/log/entries", first=len(found), limit=limit), "entries")
            if not page:
                raise LogMismatch(f"The market shows {len(found)} entries and signed for {until}.")
            found += page
        return found[:until]

    def log_entries_about(self, subject: str) -> list[Document]:
        """The first entries about an order, a round, a transaction or a lease."""
        return items(self._get(f"{API}/log/subjects/{subject}"), "entries")

    def log_receipt(self, index: int) -> Document:
        """`{entry, path, head, signature}`."""
        return self._get(f"{API}/log/entries/{index}/proof")

    def log_growth(self, first: int, second: int) -> Document:
        """`{first, second, path}`: that the one log is the beginning of the other."""
        return self._get(f"{API}/log/consistency", first=first, second=second)


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept of a log: a signed head, and with it nothing, one entry with its proof, or all entries."""

    market: str
    domain: "Domain"
    signed: "SignedHead"
    entry: "LogEntry | None" = None
    path: tuple[bytes, ...] = ()
    entries: "tuple[LogEntry, ...] | None" = None

    @classmethod
    def parse(cls, document: Any) -> "Kept":
        """From a file of `hive audit`. Raises MalformedMessage naming what is wrong."""
        from marketplace.protocol.audit_log import LogEntry, SignedHead, parse_hashes
        from marketplace.protocol.eip712 import Domain

        try:
            domain = Domain(int(document["domain"]["chainId"]), str(document["domain"]["verifyingContract"]))
            market = str(document["market"])
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedMessage(
                "file", "expected what `hive audit` has written, with `market` and `domain`"
            ) from error
        signed, entries = SignedHead.parse(document), document.get("entries")
        if entries is not None and not isinstance(entries, list):
            raise MalformedMessage("entries", "expected a list")
        return cls(
            market=market,
            domain=domain,
            signed=signed,
            entry=LogEntry.parse(document["entry"]) if "entry" in document else None,
            path=tuple(parse_hashes(document.get("path", []), "path")),
            entries=tuple(map(LogEntry.parse, entries)) if entries is not None else None,
        )


def keep(config: Document, shown: Document, **more: Any) -> Document:
    """A document to keep: what the market shows, and who is to have signed it."""
    return {"market": config["market"], "domain": config["domain"]} | shown | more


def verify_kept(kept: Sequence[Kept], operator: str | None, ask: Growth) -> list[str]:
    """Check every head, receipt and log, and that all heads are of one log; what was found, a sentence each.

    `ask` is the market's `log_growth`, for heads that no complete log covers. Raises LogMismatch, InvalidSignature.
    """
    from marketplace.protocol.audit_log import require_entry, require_log

    told = []
    _require_same(kept, operator)
    heads = [one.signed.require_signed(one.market, one.domain) for one in kept]
    for one, head in zip(kept, heads, strict=True):
        if one.entry is not None:
            require_entry(one.entry, one.path, head)
            told.append(f"Entry {one.entry.index} ({one.entry.kind}) is in the log of {head.size} entries.")
        if one.entries is not None:
            require_log(one.entries, head, *(other for other in heads if other.size <= head.size))
            told.append(f"All {head.size} entries are those that the operator signed for.")
    covered = max((head.size for one, head in zip(kept, heads, strict=True) if one.entries is not None), default=0)
    return told + _verify_growth(heads, covered, ask)


def _require_same(kept: Sequence[Kept], operator: str | None) -> None:
    markets = {one.market for one in kept} | ({operator} if operator else set())
    if len(markets) > 1 or len({one.domain for one in kept}) > 1:
        raise LogMismatch(
            f"These are of several markets, chains or escrows: {', '.join(sorted(markets))}.",
            hint="Verify what is of one market together.",
        )


def _verify_growth(heads: Sequence[Any], covered: int, ask: Growth) -> list[str]:
    from marketplace.protocol.audit_log import parse_hashes, require_growth

    told = []
    ordered = sorted(heads, key=lambda head: (head.size, head.signed_at))
    for first, second in pairwise(ordered):
        if second.size > covered or first.size == second.size:
            path = ask(first.size, second.size)["path"] if 0 < first.size < second.size else []
            require_growth(first, second, parse_hashes(path, "path"))
        told.append(f"The log of {first.size} entries is the beginning of the one of {second.size}.")
    return told
