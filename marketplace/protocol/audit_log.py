"""A market's audit log as everybody sees it: entries, what is signed about them, and how each claim is checked.

An entry's leaf is the canonical JSON (RFC 8785) of all of it; the tree is that of RFC 9162 (`merkle_log.py`). Whoever
keeps one signed head can be shown that a later log only went on: an entry that was altered, taken out or put in before
that head gives another root.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from marketplace.errors import LogMismatch, MalformedMessage
from marketplace.protocol.canonical import canonical_json
from marketplace.protocol.eip712 import Bytes32, Domain, TypedMessage, Uint64
from marketplace.protocol.merkle_log import Frontier, compute_root, hash_leaf, is_consistent

MOST_ENTRIES = 2**53


class LogKind(StrEnum):
    """What is entered."""

    BID_ACCEPTED = "bid_accepted"
    ASK_ACCEPTED = "ask_accepted"
    ORDER_CANCELLED = "order_cancelled"
    ORDER_REFUSED = "order_refused"
    ROUND_RECORDED = "round_recorded"
    TRANSACTION_SIGNED = "transaction_signed"
    CANARY_OPENED = "canary_opened"
    STARTED = "started"
    REBUILT = "rebuilt"
    RESTORED = "restored"


class LogEntry(BaseModel):
    """One act of the market."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: int = Field(ge=0, lt=MOST_ENTRIES)
    """Its place in the log, from 0."""
    at: int = Field(ge=0, lt=MOST_ENTRIES)
    """Unix seconds, by the clock that the act goes by: the chain's for orders and rounds, the market's otherwise."""
    kind: str = Field(min_length=1, max_length=64)
    """A `LogKind`; a later version may know more."""
    subject: str = Field(max_length=66)
    """What it is about: an order's hash, a round's digest, a transaction's, a lease's id; empty for the service."""
    detail: dict[str, Any]

    @classmethod
    def parse(cls, document: Any) -> "LogEntry":
        """The entry in a JSON document. Raises MalformedMessage naming the first offending field."""
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise MalformedMessage(f"LogEntry.{'.'.join(map(str, first['loc']))}", first["msg"]) from error

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        return self.model_dump(mode="json")

    def leaf_hash(self) -> bytes:
        """Its leaf in the tree."""
        return hash_leaf(canonical_json(self.to_json()))


class TreeHead(TypedMessage):
    """The operator's word that its log had these entries, and no others, at a time."""

    size: Uint64
    root: Bytes32
    signed_at: Uint64
    """Unix seconds."""

    @property
    def root_bytes(self) -> bytes:
        """The 32 bytes of the root."""
        return bytes.fromhex(self.root[2:])


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A tree head with the operator's signature."""

    head: TreeHead
    signature: str

    @classmethod
    def parse(cls, document: Any) -> "SignedHead":
        """From `{head, signature}`. Raises MalformedMessage."""
        if not isinstance(document, dict) or not isinstance(document.get("signature"), str):
            raise MalformedMessage("head", "expected an object with `head` and `signature`")
        return cls(TreeHead.parse(document.get("head")), document["signature"])

    def to_json(self) -> dict[str, Any]:
        """As the market shows it."""
        return {"head": self.head.to_json(), "signature": self.signature}

    def require_signed(self, market: str, domain: Domain) -> TreeHead:
        """The head. Raises InvalidSignature, or LogMismatch where another than the market's operator signed it."""
        signer = self.head.recover(domain, self.signature)
        if signer != market:
            raise LogMismatch(
                f"The head of {self.head.size} entries was signed by {signer}, the market's operator is {market}.",
                hint="It is another market's, or of another chain.",
            )
        return self.head


def parse_hashes(documents: Any, field: str) -> list[bytes]:
    """A proof as JSON has it, 0x-hex. Raises MalformedMessage."""
    if not isinstance(documents, list):
        raise MalformedMessage(field, "expected a list of 32-byte hashes")
    found = []
    for one in documents:
        if not isinstance(one, str) or len(one) != 66 or not one.startswith("0x"):
            raise MalformedMessage(field, "expected 32 bytes: 0x and 64 hex digits")
        try:
            found.append(bytes.fromhex(one[2:]))
        except ValueError as error:
            raise MalformedMessage(field, "expected 32 bytes: 0x and 64 hex digits") from error
    return found


def require_entry(entry: LogEntry, path: Sequence[bytes], head: TreeHead) -> None:
    """Raises LogMismatch unless `path` proves that the entry is in the log that the head is of."""
    if compute_root(entry.index, head.size, entry.leaf_hash(), path) != head.root_bytes:
        raise LogMismatch(
            f"Entry {entry.index} is not in the log of {head.size} entries that the operator signed.",
            hint="Keep the signed head and what you were shown: together they are evidence.",
            index=entry.index,
        )


def require_growth(first: TreeHead, second: TreeHead, path: Sequence[bytes]) -> None:
    """Raises LogMismatch unless `path` proves that the log of the first head is the beginning of the second's."""
    if first.size > second.size:
        raise LogMismatch(
            f"The log had {first.size} entries once and has {second.size} now: it was cut.",
            hint="Keep both signed heads: together they are evidence, unless the market told of a restored backup.",
        )
    if not is_consistent(first.size, second.size, first.root_bytes, second.root_bytes, path):
        raise LogMismatch(
            f"The log of {first.size} entries is not the beginning of the one of {second.size}: it was rewritten.",
            hint="Keep both signed heads: together they are evidence, unless the market told of a restored backup.",
        )


def require_log(entries: Iterable[LogEntry], head: TreeHead, *earlier: TreeHead) -> Frontier:
    """Raises LogMismatch unless these are all entries of the log of `head`, and earlier heads are of its beginnings."""
    wanted: dict[int, list[TreeHead]] = {}
    for one in (head, *earlier):
        wanted.setdefault(one.size, []).append(one)
    frontier = Frontier()
    _require_roots(frontier, wanted)
    for entry in entries:
        if entry.index != frontier.size:
            raise LogMismatch(f"Entry {frontier.size} is missing: {entry.index} stands in its place.")
        frontier, _ = frontier.append(entry.leaf_hash())
        _require_roots(frontier, wanted)
    beyond = max(wanted)
    if frontier.size != head.size or beyond > frontier.size:
        raise LogMismatch(f"There are {frontier.size} entries; the heads are of up to {beyond}.")
    return frontier


def _require_roots(frontier: Frontier, wanted: dict[int, list[TreeHead]]) -> None:
    for head in wanted.get(frontier.size, ()):
        if head.root_bytes != frontier.root():
            raise LogMismatch(
                f"The first {head.size} entries are not those that the operator signed for: one of them was altered.",
                hint="Keep the signed head and these entries: together they are evidence.",
                size=head.size,
            )
