"""When verdicts are shown: not while a lease's seals are opened, only once enough of them agree or it is closed."""

from collections.abc import Collection

from marketplace.domain.evidence import VerdictRecord
from marketplace.domain.leases import LeaseRecord
from marketplace.protocol.enums import Outcome
from marketplace.services.storage import Transaction


def is_decided(tx: Transaction, lease: LeaseRecord) -> bool:
    """Whether nothing that anybody could learn from the verdicts would change what becomes of the lease."""
    return lease.closing is not None or tx.batches.has(lease.lease_id)


def shown_verdicts(tx: Transaction, lease: LeaseRecord) -> list[VerdictRecord]:
    """The verdicts that everybody may see."""
    return tx.evidence.verdicts(lease.lease_id) if is_decided(tx, lease) else []


def tell_verdicts(tx: Transaction, leases: Collection[LeaseRecord], now: int) -> None:
    """Write every verdict on these decided leases into their jobs' timelines, each once."""
    events = tx.timeline.told([lease.bid_hash for lease in leases], "verdict")
    told = {(lease_id, detail["oracle"]) for lease_id, detail in events}
    for lease in leases:
        for one in tx.evidence.verdicts(lease.lease_id):
            if (lease.lease_id, one.oracle) not in told:
                outcome = Outcome(one.verdict.outcome).name.lower()
                detail = {"oracle": one.oracle, "outcome": outcome, "pay": str(one.verdict.pay)}
                tx.timeline.add(lease.bid_hash, now, "verdict", detail, lease.lease_id)
