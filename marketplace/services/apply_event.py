"""What each event of the contracts changes in the database. `follow_chain` brings every event once, in chain order."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from marketplace.domain.chain import (
    AgentSet,
    BondReturned,
    ChainEvent,
    CloseReason,
    LeaseClaimed,
    LeaseClosed,
    LeaseDisputed,
    LeaseOpened,
    LeasesSettled,
    MatchSkipped,
    OrdersCancelled,
)
from marketplace.domain.evidence import BatchState
from marketplace.domain.leases import Claim, Closing, Dispute, LeaseRecord, MatchRecord, MatchState
from marketplace.domain.orders import AskRecord, BidRecord, OrderState, voids_ask, voids_bid
from marketplace.domain.outbox import OutboxItem
from marketplace.domain.signatures import is_signed_by
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.messages import Cancel
from marketplace.protocol.metering import compute_split
from marketplace.services.drop_match import skip_match
from marketplace.services.market import Market
from marketplace.services.storage import Transaction
from marketplace.services.tell_verdicts import tell_verdicts
from marketplace.services.timeline import (
    refresh_job,
    refresh_jobs,
    refresh_lease_and_job,
    refresh_leases,
    refresh_leases_and_jobs,
)

ASKS_LOOKED_AT = 100


def apply_events(market: Market, tx: Transaction, events: Sequence[ChainEvent], at: int) -> None:
    """Take in events that follow one another in one block, mined `at`: those that open leases together."""
    opened = [event for event in events if isinstance(event, LeaseOpened) and event.market == market.address]
    if opened:
        _apply_opened(tx, opened, at)
    for event in events:
        _apply(market, tx, event, at)


def in_runs(events: Iterable[ChainEvent]) -> Iterator[list[ChainEvent]]:
    """Events in their order, those of one kind that follow one another in one block together."""
    for _, run in groupby(events, key=lambda event: (event.origin.block_number, type(event))):
        yield list(run)


def _apply(market: Market, tx: Transaction, event: ChainEvent, at: int) -> None:
    if isinstance(event, MatchSkipped):
        _apply_skipped(market, tx, event, at)
    elif isinstance(event, LeasesSettled) and event.market == market.address:
        _apply_settled(tx, event, at)
    elif isinstance(event, LeaseClosed):
        _apply_closed(tx, event, at)
    elif isinstance(event, LeaseClaimed):
        _apply_claimed(tx, event, at)
    elif isinstance(event, LeaseDisputed):
        _apply_disputed(tx, event, at)
    elif isinstance(event, BondReturned):
        _apply_bond(tx, event, at)
    elif isinstance(event, AgentSet):
        _apply_agent(market, tx, event)
    elif isinstance(event, OrdersCancelled):
        cancel = Cancel(signer=event.signer, kind=int(event.kind), salt=event.salt)
        apply_cancel(tx, cancel, at, block=event.origin.block_number)


def apply_cancel(tx: Transaction, cancel: Cancel, at: int, *, block: int | None) -> list[str]:
    """Void the signer's live orders; their hashes. `block` is None for a signed cancel that is not on chain yet."""
    tx.blocks.add_cancellation(cancel.signer, CancelKind(cancel.kind), cancel.salt, block=block)
    voided = []
    find = tx.bids.with_salt if cancel.kind == CancelKind.BID else tx.bids.below_salt
    for record in find(cancel.signer, cancel.salt):
        if record.state is OrderState.LIVE and voids_bid(cancel, record.bid):
            tx.bids.set_state(record.bid_hash, OrderState.CANCELLED, "cancelled by its renter", block)
            refresh_job(tx, record.bid_hash, at, on_chain=block is not None)
            voided.append(record.bid_hash)
    for ask in tx.asks.below_salt(cancel.signer, cancel.salt):
        if ask.state is OrderState.LIVE and voids_ask(cancel, ask.ask):
            tx.asks.set_state(ask.ask_hash, OrderState.CANCELLED, "cancelled by its provider", block)
            voided.append(ask.ask_hash)
    return voided


def _apply_agent(market: Market, tx: Transaction, event: AgentSet) -> None:
    """Asks that a key signed for its provider are void once it may no longer: the contract would leave them out."""
    if event.allowed:
        return
    for record in tx.asks.live_of_node(event.provider, event.agent):
        if is_signed_by(record.ask, event.agent, market.chain.domain, record.signature):
            reason, block = "its agent may sign for its provider no longer", event.origin.block_number
            tx.asks.set_state(record.ask_hash, OrderState.CANCELLED, reason, block)


# ------------------------------------------------------------------------------------------------------------ opening


def _apply_opened(tx: Transaction, events: Sequence[LeaseOpened], at: int) -> None:
    bid_hashes = [event.bid_hash for event in events]
    bids, matches = tx.bids.load(bid_hashes), tx.matches.of_bids(bid_hashes)
    sent = {tx_hash: tx.outbox.of_transaction(tx_hash) for tx_hash in {event.origin.tx_hash for event in events}}
    tx.leases.load([event.lease_id for event in events])
    new: list[LeaseOpened] = []
    for event in events:
        match = _match_of(event, matches[event.bid_hash], sent[event.origin.tx_hash])
        if _add_lease(tx, event, match, bids.get(event.bid_hash), at):
            new.append(event)
    refresh_leases(tx, [event.lease_id for event in new])
    refresh_jobs(tx, [event.bid_hash for event in new], at, on_chain=True)


def _add_lease(
    tx: Transaction, event: LeaseOpened, match: MatchRecord | None, record: BidRecord | None, at: int
) -> bool:
    """Whether the lease was new; `match` is what it was, `record` its bid, where they are known here."""
    ask = tx.asks.get(match.ask_hash) if match is not None else _ask_standing(tx, event.provider, at)
    if not tx.leases.add(_lease_record(event, ask, record.bid.job_digest if record is not None else "")):
        return False
    if match is not None and match.price == event.price:
        tx.matches.open(match.id, event.lease_id)
    if record is not None:
        detail = {"provider": event.provider, "price": str(event.price), "transaction": event.origin.tx_hash}
        tx.timeline.add(event.bid_hash, at, "lease_opened", detail, event.lease_id)
        if record.state is not OrderState.FILLED:
            tx.bids.set_state(event.bid_hash, OrderState.FILLED)
    return True


def _ask_standing(tx: Transaction, provider: str, at: int) -> AskRecord | None:
    """The provider's newest ask of that time, for a lease whose match is unknown here: later ones cannot be its own."""
    asks = tx.asks.page(provider=provider, live_only=False, cursor=None, limit=ASKS_LOOKED_AT).items
    return next((ask for ask in asks if ask.placed_at <= at), None)


def _match_of(event: LeaseOpened, matches: Sequence[MatchRecord], item: OutboxItem | None) -> MatchRecord | None:
    """The bid's match that this lease was: the transaction's own, else the newest that says the same."""
    sent = item.id if item is not None else None
    found = [match for match in matches if match.provider == event.provider]
    return max(found, key=lambda one: (one.outbox_id == sent, one.price == event.price, one.id), default=None)


def _lease_record(event: LeaseOpened, ask: AskRecord | None, job_digest: str) -> LeaseRecord:
    return LeaseRecord(
        lease_id=event.lease_id,
        bid_hash=event.bid_hash,
        ask_hash=ask.ask_hash if ask is not None else "",
        renter=event.renter,
        provider=event.provider,
        agent=ask.ask.agent if ask is not None else "",
        job_digest=job_digest,
        price=event.price,
        fee_bps=event.fee_bps,
        deadline=event.deadline,
        salt=event.salt,
        group=event.group,
        place=event.place,
        round_digest=event.round_digest,
        opened_block=event.origin.block_number,
        opened_tx=event.origin.tx_hash,
    )


def _apply_skipped(market: Market, tx: Transaction, event: MatchSkipped, at: int) -> None:
    item = tx.outbox.of_transaction(event.origin.tx_hash)
    order = item.payload.get("order", []) if item is not None else []
    match = tx.matches.get(order[event.index]) if event.index < len(order) else None
    if match is None or match.state is not MatchState.RESERVED:
        return
    block = event.origin.block_number
    seconds = market.rules.hold_seconds
    skip_match(tx, match, event.reason, at, hold_seconds=seconds, seen_at=block, block=block)
    refresh_job(tx, match.bid_hash, at, on_chain=True)


# ------------------------------------------------------------------------------------------------------------ closing


def _apply_settled(tx: Transaction, event: LeasesSettled, at: int) -> None:
    standing = {group: tx.leases.standing_in(group) for group in {one.group for one in event.settled}}
    closings: dict[str, Closing] = {}
    for one in event.settled:
        lease = standing[one.group].get(one.place)
        if lease is None:
            continue
        split = compute_split(lease.price, one.pay, lease.fee_bps)
        closings[lease.lease_id] = Closing(
            outcome=one.outcome,
            paid=split.paid,
            fee=split.fee,
            refund=split.refund,
            result_digest=one.result_digest,
            reason=CloseReason.VERDICT,
            block=event.origin.block_number,
            tx_hash=event.origin.tx_hash,
            at=at,
        )
    _close(tx, closings, at)


def _apply_closed(tx: Transaction, event: LeaseClosed, at: int) -> None:
    closing = Closing(
        outcome=event.outcome,
        paid=event.paid,
        fee=event.fee,
        refund=event.refund,
        result_digest=event.result_digest,
        reason=event.reason,
        block=event.origin.block_number,
        tx_hash=event.origin.tx_hash,
        at=at,
    )
    _close(tx, {event.lease_id: closing}, at)


def _close(tx: Transaction, closings: Mapping[str, Closing], at: int) -> None:
    """What ends these leases, by lease; those that are closed already, or unknown here, stay as they are."""
    tx.leases.load(closings)
    closed = tx.leases.load([one for one, closing in closings.items() if tx.leases.close(one, closing)])
    tx.evidence.load(closed)
    tell_verdicts(tx, closed.values(), at)
    for lease_id, lease in closed.items():
        closing = closings[lease_id]
        detail = {
            "outcome": closing.outcome.name.lower(),
            "reason": closing.reason.name.lower(),
            "paid": str(closing.paid),
            "fee": str(closing.fee),
            "refund": str(closing.refund),
            "transaction": closing.tx_hash,
        }
        tx.timeline.add(lease.bid_hash, at, "lease_closed", detail, lease_id)
    refresh_leases_and_jobs(tx, closed, at, on_chain=True)
    _end_batches(tx, closed)


def _end_batches(tx: Transaction, lease_ids: Collection[str]) -> None:
    """One whose lease something else has closed goes on until all are: the contract passes over that lease."""
    for digest in tx.batches.over(lease_ids):
        tx.batches.set_state(digest, BatchState.SETTLED)


# ------------------------------------------------------------------------------------------------------------- claims


def _apply_claimed(tx: Transaction, event: LeaseClaimed, at: int) -> None:
    claim = Claim(event.pay, event.result_digest, event.until, event.origin.block_number)
    _note_claim(tx, event.lease_id, claim, at, "lease_claimed", {"pay": str(event.pay), "until": event.until})


def _apply_disputed(tx: Transaction, event: LeaseDisputed, at: int) -> None:
    lease = tx.leases.get(event.lease_id)
    if lease is None or lease.claim is None:
        return
    claim = replace(lease.claim, dispute=Dispute(event.bond, event.until, event.origin.block_number))
    _note_claim(tx, event.lease_id, claim, at, "lease_disputed", {"bond": str(event.bond), "until": event.until})


def _apply_bond(tx: Transaction, event: BondReturned, at: int) -> None:
    lease = tx.leases.get(event.lease_id)
    if lease is not None:
        detail = {"to": event.to, "bond": str(event.bond)}
        tx.timeline.add(lease.bid_hash, at, "bond_returned", detail, event.lease_id)


def _note_claim(tx: Transaction, lease_id: str, claim: Claim, at: int, kind: str, detail: dict[str, object]) -> None:
    if not tx.leases.claim(lease_id, claim):
        return
    lease = tx.leases.get(lease_id)
    tx.timeline.add(lease.bid_hash, at, kind, detail, lease_id)
    refresh_lease_and_job(tx, lease, at, on_chain=True)
