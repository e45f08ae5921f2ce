"""What events of the chain say to metrics, traces and the watcher. Told once their blocks are in the database.

After a reorganisation they are told again: these are counts of what was followed, not of what is true.
"""

from dataclasses import dataclass

from marketplace.domain.chain import ChainEvent, LeaseClosed, LeaseOpened, LeasesSettled
from marketplace.domain.leases import LeaseRecord
from marketplace.domain.seals import JUDGED
from marketplace.protocol.enums import Outcome
from marketplace.protocol.tracing import Stage
from marketplace.services.market import Market
from marketplace.services.storage import Transaction
from marketplace.telemetry.logs import JOB_NAMES
from marketplace.telemetry.market_metrics import CLOSED, SETTLEMENT_SECONDS


@dataclass(frozen=True, slots=True)
class Change:
    """A lease that an event opens or closes, and the time of its block."""

    lease_id: str
    at: int
    is_opening: bool


def find_changes(market: Market, tx: Transaction, event: ChainEvent, at: int) -> list[Change]:
    """What an event is about to do to this market's leases; asked before it is applied."""
    if isinstance(event, LeaseOpened) and event.market == market.address:
        return [Change(event.lease_id, at, is_opening=True)]
    if isinstance(event, LeasesSettled) and event.market == market.address:
        standing = {group: tx.leases.standing_in(group) for group in {one.group for one in event.settled}}
        found = [standing[one.group].get(one.place) for one in event.settled]
    elif isinstance(event, LeaseClosed):
        found = [tx.leases.get(event.lease_id)]
    else:
        return []
    return [Change(one.lease_id, at, is_opening=False) for one in found if one is not None and one.closing is None]


def note_changes(market: Market, changes: list[Change]) -> None:
    """Tell of leases that were opened or closed."""
    if not changes:
        return
    with market.store.read() as tx:
        leases = tx.leases.load([change.lease_id for change in changes])
        tx.bids.load([lease.bid_hash for lease in leases.values()])
        tx.evidence.load(leases)
        for change in changes:
            lease = tx.leases.get(change.lease_id)
            if lease is None:
                continue
            if change.is_opening:
                JOB_NAMES.learn(lease.lease_id, lease.bid_hash)
                _note_open(market, tx, lease, change.at)
            elif lease.closing is not None:
                _note_closed(market, tx, lease, change.at)


def _note_open(market: Market, tx: Transaction, lease: LeaseRecord, at: int) -> None:
    tracer = market.instruments.tracer
    if not tracer.is_recording:
        return
    match = next(iter(tx.matches.of_lease(lease.lease_id)), None)
    item = tx.outbox.get(match.outbox_id) if match is not None else None
    if item is not None:
        started = item.opens_at or item.created_at
        attributes = {"computehive.transaction": lease.opened_tx, "computehive.price_micro_usdc": lease.price}
        tracer.note(Stage.OPEN, lease.bid_hash, lease.lease_id, started, max(at, started), **attributes)


def _note_closed(market: Market, tx: Transaction, lease: LeaseRecord, at: int) -> None:
    instruments, closing = market.instruments, lease.closing
    assert closing is not None, "asked of closed leases only"
    outcome = closing.outcome.name.lower()
    instruments.meter.count(CLOSED, outcome=outcome, reason=closing.reason.name.lower())
    instruments.pulse.add("failure_share", float(closing.outcome is not Outcome.PAID))
    evidence, record = tx.evidence.attestation(lease.lease_id), tx.bids.get(lease.bid_hash)
    if evidence is None:
        return
    waited = max(0, at - evidence.received_at)
    if record is not None and record.bid.verification in JUDGED:  # how long a renter thinks says nothing of the market
        instruments.meter.observe(SETTLEMENT_SECONDS, waited)
        instruments.pulse.add("settlement_seconds", waited)
    attributes = {"computehive.outcome": outcome, "computehive.transaction": closing.tx_hash}
    started = evidence.received_at
    instruments.tracer.note(Stage.SETTLE, lease.bid_hash, lease.lease_id, started, started + waited, **attributes)
