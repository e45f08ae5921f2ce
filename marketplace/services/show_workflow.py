"""What the market tells about a workflow. All of it is derived from its bids and their leases."""

from typing import Any

from marketplace.domain.orders import BidRecord
from marketplace.domain.workflows import Attempt, Planned, WorkflowRecord, job_state, plan_workflow, workflow_state
from marketplace.errors import NotFound
from marketplace.services.hold_workflows import exit_code_of
from marketplace.services.market import Market
from marketplace.services.storage import Transaction


def show_workflow(market: Market, workflow_id: str) -> dict[str, Any]:
    """Its state, its jobs with their attempts, what it may cost and what it has. Raises NotFound."""
    with market.store.look() as tx:
        record = tx.workflows.get(workflow_id)
        if record is None:
            raise NotFound("workflow", workflow_id)
        return _document(tx, record)


def list_workflows(
    market: Market, *, renter: str | None = None, cursor: str | None = None, limit: int = 50
) -> dict[str, Any]:
    """A page of workflows, newest first. Raises MalformedMessage for a cursor that is none."""
    with market.store.look() as tx:
        page = tx.workflows.page(renter=renter, cursor=cursor, limit=limit)
        return {
            "workflows": [_document(tx, record) for record in page.items],
            "nextCursor": page.next_cursor,
        }


def _document(tx: Transaction, record: WorkflowRecord) -> dict[str, Any]:
    """`cap` counts each job once, by its dearest attempt: at most one is paid."""
    bids = {bid_hash: tx.bids.get(bid_hash) for bid_hash in record.bids}
    jobs = plan_workflow([(one.bid, one.job_spec) for one in bids.values()])
    attempts = {bid_hash: Attempt(one.job_state, exit_code_of(tx, bid_hash)) for bid_hash, one in bids.items()}
    return {
        "workflowId": record.workflow_id,
        "name": record.name,
        "state": workflow_state([attempts[one] for one in job.bids] for job in jobs).value,
        "renter": record.renter,
        "createdAt": record.placed_at,
        "cap": str(sum(max(bids[one].locked_at_most for one in job.bids) for job in jobs)),
        "paid": str(sum(_spent(tx, bid_hash) for bid_hash in record.bids)),
        "jobs": [_job(job, bids, attempts) for job in jobs],
    }


def _job(job: Planned, bids: dict[str, BidRecord], attempts: dict[str, Attempt]) -> dict[str, Any]:
    shown = [
        {
            "jobId": bid_hash,
            "state": attempts[bid_hash].state.value,
            "exitCode": attempts[bid_hash].exit_code,
            "reason": bids[bid_hash].reason or None,
        }
        for bid_hash in job.bids
    ]
    state = job_state([attempts[bid_hash] for bid_hash in job.bids])
    return {"name": job.name, "state": state.value, "needs": list(job.needs), "attempts": shown}


def _spent(tx: Transaction, bid_hash: str) -> int:
    """Micro-USDC that went to providers and in fees."""
    closings = (lease.closing for lease in tx.leases.of_bid(bid_hash))
    return sum(one.paid + one.fee for one in closings if one is not None)
