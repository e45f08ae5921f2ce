"""Taking a workflow into the book: all of its bids or none."""

from collections.abc import Sequence
from dataclasses import dataclass

from marketplace.domain.orders import OrderState
from marketplace.domain.workflows import WorkflowRecord, plan_workflow, workflow_id
from marketplace.errors import CancelledOrder, ConflictError, MarketError
from marketplace.services.attempt import attempt
from marketplace.services.clock import chain_time
from marketplace.services.market import Market
from marketplace.services.order_limit import OrderLimit, Unlimited
from marketplace.services.place_order import Placed, SignedBid, place_bids
from marketplace.services.storage import Transaction
from marketplace.services.timeline import refresh_job

_UNLIMITED = Unlimited()
_REFUSED = "another bid of its workflow was refused"
_SIGN_ANEW = "Sign the workflow's bids anew, with other salts."


@dataclass(frozen=True, slots=True)
class PlacedWorkflow:
    """A workflow in the book; `is_new` is False where it was there already."""

    workflow_id: str
    is_new: bool


def place_workflow(market: Market, orders: Sequence[SignedBid], limit: OrderLimit = _UNLIMITED) -> PlacedWorkflow:
    """Take signed bids, by ascending salt, that make up one workflow. Placing the same again changes nothing.

    Bids that were placed without the others wait: no round sees one before all are there (`hold_workflows`). So a kill
    on the way leaves nothing that could begin, and sending the workflow again completes it.

    Raises MalformedMessage for bids that make up no workflow, CancelledOrder where one was withdrawn before,
    ConflictError where one is part of another workflow; whatever `place_bid` raises, for the first bid that is refused.
    What this had placed is withdrawn then.
    """
    plan_workflow([(order.bid, order.job_spec) for order in orders])
    hashes = tuple(order.bid.struct_hash() for order in orders)
    found = workflow_id(hashes)
    with market.store.read() as tx:
        if tx.workflows.get(found) is not None:
            return PlacedWorkflow(found, is_new=False)
        _require_free(tx, hashes)
    outcomes = place_bids(market, orders, limit)
    refused = next((one for one in outcomes if isinstance(one, MarketError)), None)
    place = orders[0].job_spec.workflow
    assert place is not None, "`plan_workflow` has seen to that"
    now = chain_time(market)
    with market.store.write() as tx:
        if tx.workflows.get(found) is not None:
            return PlacedWorkflow(found, is_new=False)
        refused = refused or attempt(_require_free, tx, hashes)
        if refused is None:
            tx.workflows.add(WorkflowRecord(found, place.name, orders[0].bid.renter, hashes, now))
        else:
            _withdraw(tx, [one.order_hash for one in outcomes if isinstance(one, Placed) and one.is_new], now)
    if refused is not None:
        raise refused
    return PlacedWorkflow(found, is_new=True)


def _withdraw(tx: Transaction, placed: Sequence[str], now: int) -> None:
    """Those that are in nobody's workflow, and not withdrawn by something else."""
    for bid_hash in placed:
        if not tx.workflows.holds(bid_hash) and tx.bids.get(bid_hash).state is OrderState.LIVE:
            tx.bids.set_state(bid_hash, OrderState.CANCELLED, _REFUSED)
            refresh_job(tx, bid_hash, now, reason=_REFUSED)


def _require_free(tx: Transaction, bid_hashes: Sequence[str]) -> None:
    """Raises CancelledOrder, ConflictError for a bid that is here and can be part of no workflow any more."""
    for bid_hash, record in tx.bids.load(bid_hashes).items():
        if record.state is not OrderState.LIVE:
            raise CancelledOrder(f"The bid {bid_hash} is {record.state} already.", hint=_SIGN_ANEW)
        if tx.workflows.holds(bid_hash):
            raise ConflictError(f"The bid {bid_hash} is part of another workflow already.", hint=_SIGN_ANEW)
