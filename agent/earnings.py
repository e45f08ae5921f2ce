"""What a lease is worth to its provider, and what it came to."""

import structlog

from agent.follow import Ended
from marketplace.client.terms import LeaseTerms
from marketplace.errors import MalformedMessage
from marketplace.protocol.messages import Attestation
from marketplace.protocol.metering import compute_pay
from marketplace.protocol.units import format_usdc

log = structlog.get_logger("provider")


def compute_worth(terms: LeaseTerms, attestation: Attestation) -> int:
    """Gross pay for what was attested, micro-USDC; the whole price where nothing can be metered."""
    bid, ask = terms.bid, terms.ask
    try:
        used = attestation.usage_of(bid.resources)
    except MalformedMessage:
        return terms.price
    return compute_pay(ask.rates, bid.resources, used, terms.price)


def tell_closed(ended: Ended) -> None:
    """Log what a lease came to."""
    log.info(
        "lease settled", lease=ended.lease_id, outcome=ended.outcome.name.lower(), by=ended.reason.name.lower(),
        earned=f"{format_usdc(ended.paid)} USDC",
    )  # fmt: skip
