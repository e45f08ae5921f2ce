"""A lease's bill, recomputed from what was signed: nobody's arithmetic needs to be believed.

Formula 4.1 line by line over the metered usage: C_comp (machine time, memory, fuel), C_data (egress), what the minimum
charge adds, and the scarcity rent that the auction's price put on top; then how the locked money ended.
"""

from dataclasses import dataclass
from typing import Any

from marketplace.client.terms import LeaseTerms
from marketplace.errors import ClearingError
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import ExitKind, Outcome
from marketplace.protocol.messages import Ask, Attestation, Bid, require_signed_by
from marketplace.protocol.metering import (
    Quote,
    Resources,
    compute_pay,
    compute_quote,
    compute_split,
)
from marketplace.protocol.usage import SignedUsage, UsageReport

NOTHING = Quote(gpu=0, vcpu=0, memory=0, fuel=0, egress=0, minimum=0)


@dataclass(frozen=True, slots=True)
class Bill:
    """What one lease cost; amounts in micro-USDC. `paid + fee + refund == locked`."""

    lease_id: str
    provider: str
    outcome: Outcome
    locked: int
    lines: Quote
    """The ask's own rates over the metered usage; all zero where nothing was paid."""
    used: Resources | None
    rent: int
    """Pay above the ask's own quote: scarcity rent, pro rata to use."""
    agreed: int
    """What a receipt or an undisputed claim pays above that; negative where it is less."""
    paid: int
    """What the provider receives."""
    fee: int
    refund: int
    max_price: int
    usage: UsageReport | None = None
    """What the run took of its machine, where its agent says so. Nobody is paid by it."""

    @property
    def pay(self) -> int:
        """What the renter pays."""
        return self.paid + self.fee

    def to_json(self) -> dict[str, Any]:
        """Amounts as decimal strings."""
        return {
            "leaseId": self.lease_id,
            "provider": self.provider,
            "outcome": self.outcome.name.lower(),
            "unit": "micro-USDC",
            "maxPrice": str(self.max_price),
            "locked": str(self.locked),
            "compute": str(self.lines.compute),
            "computeParts": {
                "gpu": str(self.lines.gpu),
                "vcpu": str(self.lines.vcpu),
                "memory": str(self.lines.memory),
                "fuel": str(self.lines.fuel),
            },
            "data": str(self.lines.data),
            "minimumTopup": str(self.lines.minimum_topup),
            "scarcityRent": str(self.rent),
            "agreed": str(self.agreed),
            "fuelUsed": str(self.used.fuel) if self.used else None,
            "secondsCharged": self.used.seconds if self.used else None,
            "egressMb": self.used.egress_mb if self.used else None,
            "pay": str(self.pay),
            "paid": str(self.paid),
            "fee": str(self.fee),
            "refund": str(self.refund),
            "usage": self.usage.figures_json() if self.usage else None,
        }


def compute_bill(
    lease_id: str,
    bid: Bid,
    ask: Ask,
    price: int,
    outcome: Outcome,
    fee_bps: int,
    attestation: Attestation | None,
    agreed_pay: int | None = None,
) -> Bill:
    """The bill of a closed lease. Only outcome PAID, and only of a program that ran to its end, costs anything.

    `agreed_pay` is the gross pay of a renter's receipt or an undisputed claim, which goes before the metered one.
    """
    used = _usage(bid, attestation) if attestation is not None else None
    if outcome is not Outcome.PAID or (used is None and agreed_pay is None):
        return Bill(lease_id, ask.provider, outcome, price, NOTHING, used, 0, 0, 0, 0, price, bid.max_price)
    lines = compute_quote(ask.rates, used) if used is not None else NOTHING
    metered = compute_pay(ask.rates, bid.resources, used, price) if used is not None else 0
    pay = metered if agreed_pay is None else agreed_pay
    split = compute_split(price, pay, fee_bps)
    return Bill(
        lease_id=lease_id,
        provider=ask.provider,
        outcome=outcome,
        locked=price,
        lines=lines,
        used=used,
        rent=metered - lines.total,
        agreed=pay - metered,
        paid=split.paid,
        fee=split.fee,
        refund=split.refund,
        max_price=bid.max_price,
    )


def require_same(bill: Bill, *, paid: int, fee: int, refund: int) -> None:
    """Raises ClearingError where a lease ended with other amounts than its signed terms and usage give."""
    if (bill.paid, bill.fee, bill.refund) != (paid, fee, refund):
        raise ClearingError(
            f"Lease {bill.lease_id}: recomputed paid {bill.paid}, fee {bill.fee}, refund {bill.refund} micro-USDC, "
            f"but it ended with {paid}, {fee}, {refund}.",
            hint="Keep the transcript: this is evidence against whoever signed it.",
            lease=bill.lease_id,
        )


def checked_usage(document: dict[str, Any], attestation: Attestation, terms: LeaseTerms, domain: Domain) -> UsageReport:
    """The agent's usage report out of the evidence. Raises MalformedMessage, InvalidSignature."""
    usage = SignedUsage.parse(document)
    require_signed_by(usage.report, terms.ask.agent, domain, usage.signature)
    usage.report.require_possible(attestation, terms.bid, terms.job_spec)
    return usage.report


def _usage(bid: Bid, attestation: Attestation) -> Resources | None:
    if attestation.exit_kind != ExitKind.EXITED:
        return None
    return attestation.usage_of(bid.resources)
