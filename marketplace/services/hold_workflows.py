"""Jobs of workflows wait for what they need, and are withdrawn once that cannot come any more.

Nobody has to trust the market in this: who runs or judges a job that was opened too early finds that out on the chain
and it is not paid. The market sees to it that no such lease is opened, and that nobody waits in vain.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from marketplace.domain.jobs import JobState
from marketplace.domain.kept import Kept
from marketplace.domain.orders import BidRecord, OrderState
from marketplace.protocol.enums import Outcome
from marketplace.protocol.upstream import Need
from marketplace.services.clock import chain_time
from marketplace.services.market import Market
from marketplace.services.storage import Transaction
from marketplace.services.timeline import refresh_job

_PROBLEMS: Kept[tuple[str, str, str], str] = Kept(65_536)
"""Why a bid can do nothing with a result, empty where it can: by its hash, by whose result it is, and by that one's
digest, from which it follows. A manifest may have thousands of entries, and every round asks of every bid that waits.
"""


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a bid must not begin; `is_final` where it never will."""

    reason: str
    is_final: bool = False


def find_held(tx: Transaction, bids: Iterable[BidRecord]) -> dict[str, str]:
    """Those of these bids that must not begin now, and why."""
    found = ((record.bid_hash, find_hold(tx, record)) for record in bids if record.job_spec.workflow is not None)
    return {bid_hash: hold.reason for bid_hash, hold in found if hold is not None}


def cancel_hopeless(market: Market) -> None:
    """Withdraw every bid of a workflow that can never begin, and in the same step those that need it.

    Raises ChainUnavailable.
    """
    with market.store.read() as tx:
        if not any(_is_hopeless(tx, record) for record in tx.workflows.live_bids()):
            return
    now = chain_time(market)
    with market.store.write() as tx:
        for record in tx.workflows.live_bids():
            hold = find_hold(tx, record)
            if hold is not None and hold.is_final:
                tx.bids.set_state(record.bid_hash, OrderState.CANCELLED, hold.reason)
                refresh_job(tx, record.bid_hash, now, reason=hold.reason)


def find_hold(tx: Transaction, record: BidRecord) -> Hold | None:
    """Why a bid of a workflow must not begin; None where it may."""
    place = record.job_spec.workflow
    assert place is not None, "asked of bids of workflows alone"
    if not tx.workflows.holds(record.bid_hash):
        return Hold("The other bids of its workflow were not placed with it.")
    holds = [_hold_of_attempt(tx, number, one) for number, one in enumerate(place.instead_of, start=1)]
    holds += [_hold_of_need(tx, record.bid_hash, need) for need in place.needs]
    found = [one for one in holds if one is not None]
    return next((one for one in found if one.is_final), found[0] if found else None)


def exit_code_of(tx: Transaction, bid_hash: str) -> int | None:
    """The attested exit code of a paid bid's program."""
    lease_id = _paid_lease(tx, bid_hash)
    return tx.evidence.exit_code(lease_id) if lease_id else None


def _is_hopeless(tx: Transaction, record: BidRecord) -> bool:
    hold = find_hold(tx, record)
    return hold is not None and hold.is_final


def _hold_of_attempt(tx: Transaction, number: int, bid_hash: str) -> Hold | None:
    """A bid in another's stead begins once that one has failed on chain, and never where it ended otherwise."""
    record = tx.bids.get(bid_hash)
    if record is None or not record.job_state.is_end:
        return Hold(f"It begins if attempt {number} fails.")
    if record.job_state is JobState.PAID:
        return Hold(f"Attempt {number} was paid: there is nothing to do in its stead.", is_final=True)
    if not tx.leases.of_bid(bid_hash):
        return Hold(f"Attempt {number} was {record.job_state} before it began, which is no failure.", is_final=True)
    return None


def _hold_of_need(tx: Transaction, bid_hash: str, need: Need) -> Hold | None:
    records = [tx.bids.get(one) for one in need.bids]
    known = [record for record in records if record is not None]
    name = next((one.job_spec.workflow.job for one in known if one.job_spec.workflow), need.bids[0])
    paid = next((one for one in known if one.job_state is JobState.PAID), None)
    if paid is not None:
        return _hold_of_result(tx, bid_hash, need, _paid_lease(tx, paid.bid_hash), name)
    if len(known) < len(records) or any(not one.job_state.is_end for one in known):
        return Hold(f"It waits for the job {name!r}.")
    ends = next((one.job_state for one in reversed(known) if one.job_state is not JobState.CANCELLED), "cancelled")
    return Hold(f"It needs the job {name!r}, which ended without a paid result: {ends}.", is_final=True)


def _hold_of_result(tx: Transaction, bid_hash: str, need: Need, lease_id: str | None, name: str) -> Hold | None:
    """A paid result may still be of no use: the program failed by itself, or left out what is needed."""
    signed = tx.evidence.signed(lease_id) if lease_id else None
    if lease_id is None or signed is None:
        return Hold(f"It waits for the evidence of the job {name!r}, which is paid.")
    if signed.exit_code != 0:
        reason = f"It needs the job {name!r}, whose program ended with exit code {signed.exit_code}."
        return Hold(reason, is_final=True)
    key = (bid_hash, need.bids[0], signed.result_digest)
    problem = _PROBLEMS.get(key, lambda: _find_problem(need, tx.evidence.sizes(lease_id), name)) if need.files else ""
    return Hold(problem, is_final=True) if problem else None


def _find_problem(need: Need, sizes: Mapping[str, int], name: str) -> str:
    """What is wrong with the files of a result, for this need; empty where nothing is."""
    for entry in need.files:
        size = sizes.get(entry.output)
        if size is None:
            return f"It needs {entry.output!r} of the job {name!r}, which left no such file."
        if size > entry.max_bytes:
            return f"It takes {entry.max_bytes} bytes of {entry.output!r} of the job {name!r}, which has {size}."
    return ""


def _paid_lease(tx: Transaction, bid_hash: str) -> str | None:
    """The lease that counts, which is the one that was closed first (`marketplace.domain.upstream`).

    Which of several was first in one block is not kept here: then the smaller id is taken, and what the chain says
    otherwise is found by who runs the job.
    """
    closed = ((lease.lease_id, lease.closing) for lease in tx.leases.of_bid(bid_hash))
    paid = [(end.block, lease_id) for lease_id, end in closed if end is not None and end.outcome == Outcome.PAID]
    return min(paid)[1] if paid else None
