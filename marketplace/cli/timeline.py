"""What happened to a job, in a person's words: each thing once."""

from typing import Any

from rich.markup import escape

from marketplace.cli.output import clock_time, gfuel, short, usdc

SENTENCES = {
    "queued": "in the order book",
    "reserved": "a unit is reserved by the auction",
    "matched": "matched by the auction",
    "not_matched": "not matched",
    "match_dropped": "the match was dropped",
    "opening": "on its way to the chain",
    "lease_opened": "lease open, the price is locked",
    "eviction_notice": "a better bid wants its unit: notice to make way",
    "eviction_withdrawn": "the notice is withdrawn, it goes on",
    "grant": "the job's key is granted",
    "attestation": "the provider delivered and attested",
    "receipt": "you accepted the result",
    "audit_drawn": "drawn for audit: oracles run it again",
    "audit_not_drawn": "not drawn for audit: nobody needs to run it again",
    "sealed": "an oracle ran it again and sealed its verdict",
    "verdict": "a sealed verdict is opened",
    "batch_proposed": "oracles sign the verdict together",
    "lease_claimed": "the provider claims its pay on chain",
    "lease_disputed": "you dispute the claim",
    "bond_returned": "the dispute is over, its bond goes to who was right",
    "lease_closed": "settled on chain",
    "paid": "paid",
    "failed": "failed",
    "fraud": "fraud: the result was forged",
    "refunded": "refunded",
    "cancelled": "cancelled",
    "expired": "expired",
}
SILENT = frozenset({"running", "attested", "verifying", "settling"})
"""States that follow from the event told just before."""
WAITING_FOR = {
    "queued": "in the order book, waiting for the next round of the auction",
    "reserved": "reserved; the lease opens at its start",
    "matched": "matched; the lease is on its way to the chain",
    "opening": "the lease is being opened on chain",
    "running": "the provider runs it",
    "attested": "the provider has delivered; oracles take the claim",
    "verifying": "oracles run it again and compare",
    "settling": "the verdict is on its way to the chain",
}
CLOSED_BY = {
    "verdict": "by the oracles' verdict",
    "receipt": "by the renter's receipt",
    "deadline": "past its deadline",
    "claim_released": "by a claim that nobody disputed",
    "dispute_expired": "by a dispute that nobody decided",
}


class Story:
    """A job's timeline as it grows. A verdict that says what another says is no news: oracles sign it together."""

    def __init__(self) -> None:
        self._told = 0
        self._events: set[tuple[Any, ...]] = set()
        self._verdicts: set[tuple[Any, ...]] = set()
        self._said: set[tuple[str, Any]] = set()
        self._unrun: set[Any] = set()
        """Leases that were not drawn: who seals a verdict on one has, or has not, run it again."""

    def news(self, timeline: list[dict[str, Any]]) -> list[tuple[dict[str, Any], str]]:
        """What is new since the last call: each event with its line of Rich markup."""
        fresh, self._told = timeline[self._told :], len(timeline)
        return [(event, line) for event in fresh if (line := self._line(event)) is not None]

    def _line(self, event: dict[str, Any]) -> str | None:
        kind, lease, data = event["event"], event.get("leaseId"), event.get("data") or {}
        once = (kind, lease, event.get("at"), str(data))
        if kind in SILENT or once in self._events:  # after a look back at the chain, what stands is written down again
            return None
        self._events.add(once)
        if data.get("reorganised"):
            return "the market read the chain anew"
        if kind == "verdict":
            verdict = (lease, data.get("outcome"), data.get("pay"))
            if verdict in self._verdicts:
                return None
            self._verdicts.add(verdict)
        if kind == "lease_opened":
            data = {name: value for name, value in data.items() if (name, value) not in self._said}
        if kind in ("reserved", "matched", "opening"):
            self._said |= set(data.items())
        if kind == "audit_not_drawn":
            self._unrun.add(lease)
        sentence = SENTENCES.get(kind, kind.replace("_", " "))
        if kind == "sealed" and lease in self._unrun:
            sentence = "an oracle sealed its verdict"
        detail = event_detail(kind, data) if event.get("data") else event.get("detail")
        return escape(sentence) + (f"  [dim]{escape(detail)}[/dim]" if detail else "")


def event_detail(kind: str, data: dict[str, Any]) -> str:
    """The particulars of an event."""
    if kind == "attestation":
        end = "" if data["exit"] == "exited" else f"{data['exit'].replace('_', ' ')}, "
        return f"{end}{gfuel(data['fuel'])}"
    if kind == "verdict":
        found = f"pay {usdc(data['pay'])}" if data["outcome"] == "paid" else data["outcome"]
        return f"oracle {short(data['oracle'])}…: {found}"
    if kind == "lease_closed":
        return _closed(data)
    return ", ".join(_fact(name, value) for name, value in data.items())


def _closed(data: dict[str, Any]) -> str:
    parts = [f"{usdc(data['paid'])} to the provider, {usdc(data['fee'])} fee"] if data["outcome"] == "paid" else []
    parts += [f"{usdc(data['refund'])} back", f"transaction {short(data['transaction'])}…"]
    return f"{CLOSED_BY.get(data['reason'], data['reason'])}: {', '.join(parts)}"


def _fact(name: str, value: Any) -> str:
    if name in ("price", "pay", "bond"):
        return f"{name} {usdc(value)}"
    if name in ("until", "start"):
        return f"{name} {clock_time(int(value))}"
    if isinstance(value, str) and value.startswith("0x") and len(value) > 20:
        return f"{name} {short(value)}…"
    return str(value).removeprefix("Not matched: ") if name == "reason" else f"{name} {value}"
