"""What happened to a job, in a person's words. Stages that an event with more detail has told already are left out."""

from typing import Any

from rich.markup import escape

SENTENCES = {
    "queued": "in the order book",
    "matched": "matched by the auction",
    "opening": "on its way to the chain",
    "lease_opened": "lease open, the price is locked",
    "attestation": "the provider delivered and attested",
    "verdict": "an oracle ran it again",
    "batch_proposed": "oracles sign the verdict together",
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
    "matched": "matched; the lease is on its way to the chain",
    "opening": "the lease is being opened on chain",
    "running": "the provider runs it",
    "attested": "the provider has delivered; oracles take the claim",
    "verifying": "oracles run it again and compare",
    "settling": "the verdict is on its way to the chain",
}


def event_text(event: dict[str, Any]) -> str | None:
    """One line of Rich markup for an event, or None where there is nothing new to say."""
    if event["event"] in SILENT:
        return None
    sentence = SENTENCES.get(event["event"], event["event"].replace("_", " "))
    detail = f"  [dim]{escape(str(event['detail']))}[/dim]" if event.get("detail") else ""
    return f"{escape(sentence)}{detail}"
