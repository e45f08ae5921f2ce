"""The bill of a lease: what it cost, why, and that every micro-USDC is accounted for (invariants 2 and 7)."""

from dataclasses import asdict, dataclass

from marketplace.domain.leases import LeaseRecord
from marketplace.errors import ConflictError
from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import Ask, Attestation, Bid
from marketplace.protocol.metering import (
    Quote,
    compute_pay,
    compute_quote,
)

_NOTHING = Quote(gpu=0, vcpu=0, memory=0, fuel=0, egress=0, minimum=0)


@dataclass(frozen=True, slots=True)
class Bill:
    """Micro-USDC throughout, except the three amounts used.

    For a paid lease `c_comp + c_data + minimum_topup + scarcity_rent + adjustment == paid + fee`, and for every closed
    lease `paid + fee + refund == locked`; `build_bill` raises otherwise.
    """

    lease_id: str
    provider: str
    closed: bool
    outcome: Outcome
    locked: int
    """The clearing price: what the lease locked."""
    quote_reserved: int
    """What the ask's own rates say for everything reserved; the rest of `locked` is scarcity rent."""
    rent_reserved: int
    gpu: int
    vcpu: int
    memory: int
    fuel: int
    c_comp: int
    """gpu + vcpu + memory + fuel, of the resources used."""
    c_data: int
    minimum_topup: int
    """What the ask's minimum charge adds."""
    scarcity_rent: int
    """The node's rent for the share of the reservation that was used."""
    adjustment: int
    """How a renter's receipt differs from the metered pay; 0 where oracles settled."""
    paid: int
    """Net, to the provider."""
    fee: int
    refund: int
    penalty: int
    """Moved from the provider's stake to the renter, where the outcome is fraud."""
    fuel_used: int
    seconds_used: int
    egress_mb_used: int

    def to_json(self) -> dict[str, object]:
        """The form in which the market serves it: amounts as decimal strings."""
        plain = asdict(self)
        counts = ("seconds_used", "egress_mb_used")
        document: dict[str, object] = {
            _camel(key): (str(value) if isinstance(value, int) and key not in counts else value)
            for key, value in plain.items()
        }
        return document | {
            "closed": self.closed,
            "outcome": self.outcome.name.lower(),
            "pay": str(self.paid + self.fee),
        }


def build_bill(
    bid: Bid,
    ask: Ask,
    lease: LeaseRecord,
    attestation: Attestation | None,
) -> Bill:
    """The bill of `lease`, open or closed. Raises ConflictError where it does not add up.

    What was used is as attested; the market took no attestation that says other bytes than its manifest.
    """
    reserved = compute_quote(ask.rates, bid.resources)
    used = None if attestation is None else attestation.usage_of(bid.resources)
    closing = lease.closing
    gross = closing.paid + closing.fee if closing else 0
    is_paid = closing is not None and closing.outcome is Outcome.PAID and gross > 0
    charged = compute_quote(ask.rates, used) if is_paid and used is not None else _NOTHING
    expected = compute_pay(ask.rates, bid.resources, used, lease.price) if is_paid and used is not None else 0
    bill = Bill(
        lease_id=lease.lease_id,
        provider=lease.provider,
        closed=closing is not None,
        outcome=closing.outcome if closing else Outcome.NONE,
        locked=lease.price,
        quote_reserved=reserved.total,
        rent_reserved=lease.price - reserved.total,
        gpu=charged.gpu,
        vcpu=charged.vcpu,
        memory=charged.memory,
        fuel=charged.fuel,
        c_comp=charged.compute,
        c_data=charged.data,
        minimum_topup=charged.minimum_topup,
        scarcity_rent=max(0, expected - charged.total),
        adjustment=gross - max(expected, charged.total) if is_paid else 0,
        paid=closing.paid if closing else 0,
        fee=closing.fee if closing else 0,
        refund=closing.refund if closing else 0,
        penalty=lease.penalty if closing and closing.outcome is Outcome.FRAUD else 0,
        fuel_used=attestation.fuel if attestation else 0,
        seconds_used=used.seconds if used else 0,
        egress_mb_used=used.egress_mb if used else 0,
    )
    validate_bill(bill)
    return bill


def validate_bill(bill: Bill) -> None:
    """Raises ConflictError naming the sum that does not hold."""
    if bill.closed and bill.paid + bill.fee + bill.refund != bill.locked:
        raise ConflictError(
            f"The bill of lease {bill.lease_id} does not add up: paid {bill.paid} + fee {bill.fee}"
            f" + refund {bill.refund} is not the {bill.locked} locked.",
            lease=bill.lease_id,
        )
    lines = bill.c_comp + bill.c_data + bill.minimum_topup + bill.scarcity_rent + bill.adjustment
    if lines != (bill.paid + bill.fee if bill.outcome is Outcome.PAID else 0):
        raise ConflictError(
            f"The lines of lease {bill.lease_id} sum to {lines}, not to the pay of {bill.paid + bill.fee}.",
            lease=bill.lease_id,
        )


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
