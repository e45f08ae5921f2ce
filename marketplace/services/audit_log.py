"""The audit log, shown and proven: signed heads, entries, that an entry is in it, that it only went on."""

from typing import Any

from marketplace.errors import MalformedMessage, NotFound, ServiceUnavailable
from marketplace.protocol.audit_log import LogKind, SignedHead, TreeHead
from marketplace.protocol.merkle_log import Frontier, consistency_path, hash_path, inclusion_path, nodes_between
from marketplace.services.market import Market
from marketplace.services.storage import Transaction

MOST_OF_SUBJECT = 100


def show_head(market: Market) -> dict[str, Any]:
    """What the operator signs of the log as it is now. Raises ServiceUnavailable."""
    with market.store.read() as tx:
        frontier = tx.log.frontier()
    return _sign(market, frontier).to_json()


def list_entries(market: Market, first: int, limit: int) -> dict[str, Any]:
    """Entries from `first` on; `next` where there may be more."""
    with market.store.look() as tx:
        entries, size = tx.log.page(first, limit), tx.log.frontier().size
    following = first + len(entries)
    return {"entries": [one.to_json() for one in entries], "next": following if following < size else None}


def find_entries(market: Market, subject: str) -> dict[str, Any]:
    """The first entries about an order, a round, a transaction or a lease, by its hash."""
    with market.store.look() as tx:
        entries = tx.log.of_subject(subject, MOST_OF_SUBJECT)
    return {"entries": [one.to_json() for one in entries]}


def prove_entry(market: Market, index: int) -> dict[str, Any]:
    """A receipt: the entry, a signed head of now, and the proof that the one is under the other.

    Raises NotFound, ServiceUnavailable.
    """
    with market.store.read() as tx:
        frontier = tx.log.frontier()
        if index >= frontier.size:
            raise NotFound("entry of the audit log", str(index))
        (entry,) = tx.log.page(index, 1)
        path = _hash(tx, inclusion_path(index, frontier.size))
    return {"entry": entry.to_json(), "path": path, **_sign(market, frontier).to_json()}


def prove_growth(market: Market, first: int, second: int | None) -> dict[str, Any]:
    """The proof that the log of `first` entries is the beginning of that of `second`, else of now.

    Raises NotFound for a log longer than it is, MalformedMessage for one that shrinks.
    """
    with market.store.look() as tx:
        size = tx.log.frontier().size
        second = size if second is None else second
        if second > size:
            raise NotFound("audit log with so many entries", str(second))
        if first > second:
            raise MalformedMessage("first", f"{first} is more than {second}: a log only grows")
        path = _hash(tx, consistency_path(first, second))
    return {"first": first, "second": second, "path": path}


def enter_act(market: Market, kind: LogKind, **detail: Any) -> None:
    """Enter what the operator did to the service itself."""
    with market.store.write() as tx:
        tx.log.add(kind, market.clock.now(), detail=detail)


def _hash(tx: Transaction, path: list[tuple[int, int]]) -> list[str]:
    found = tx.log.nodes({node for begin, end in path for node in nodes_between(begin, end)})
    return ["0x" + one.hex() for one in hash_path(path, found.__getitem__)]


def _sign(market: Market, frontier: Frontier) -> SignedHead:
    if market.signer is None:
        raise ServiceUnavailable("This process has no key to sign the audit log with.", hint="Ask another one.")
    root = "0x" + frontier.root().hex()
    head = TreeHead(size=frontier.size, root=root, signed_at=market.clock.now())
    return SignedHead(head, market.signer.sign(head))
