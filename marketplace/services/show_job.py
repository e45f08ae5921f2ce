"""What the market tells about a job: state, timeline, bill, logs, result, explanation."""

from collections.abc import Sequence
from typing import Any

from marketplace.clearing import clear_round, explain_bid
from marketplace.clearing.transcript import read_parameters, read_snapshot
from marketplace.domain.bill import Bill, build_bill
from marketplace.domain.evidence import AttestationRecord
from marketplace.domain.leases import MatchState
from marketplace.domain.orders import BidRecord
from marketplace.errors import NotFound
from marketplace.protocol.enums import Verification
from marketplace.protocol.manifest import STDERR_PATH, STDOUT_PATH
from marketplace.protocol.units import format_usdc
from marketplace.services.market import Market
from marketplace.services.show_lease import attestation_document, lease_document
from marketplace.services.storage import Transaction

LOG_BYTES = 1_000_000
"""How much of a log is shown; the whole of it is its blob."""


def show_job(market: Market, job_id: str) -> dict[str, Any]:
    """State, leases and timeline. Raises NotFound."""
    with market.store.look() as tx:
        record = require_job(tx, job_id)
        matches = [
            {
                "leaseId": match.lease_id or None,
                "provider": match.provider,
                "round": match.round_number,
                "price": str(match.price),
                "state": match.state.value,
                "reason": match.reason or None,
            }
            for match in tx.matches.of_bid(job_id)
        ]
        return _summary(record) | {
            "signature": record.signature,
            "jobSpec": record.job_spec.to_json(),
            "matches": matches,
            "leases": [lease_document(tx, lease, market.address) for lease in tx.leases.of_bid(job_id)],
            "timeline": timeline_of(tx, job_id),
        }


def list_jobs(
    market: Market,
    *,
    renter: str | None = None,
    states: Sequence[str] = (),
    cursor: str | None = None,
    limit: int = 50,
) -> dict[str, Any]:
    """A page of jobs, newest first. Raises MalformedMessage for a cursor that is none."""
    with market.store.look() as tx:
        page = tx.bids.page(renter=renter, states=states, cursor=cursor, limit=limit)
    return {
        "jobs": [_summary(record) for record in page.items],
        "nextCursor": page.next_cursor,
    }


def show_events(market: Market, job_id: str) -> dict[str, Any]:
    """The timeline alone. Raises NotFound."""
    with market.store.look() as tx:
        require_job(tx, job_id)
        return {"events": timeline_of(tx, job_id)}


def show_cost(market: Market, job_id: str) -> dict[str, Any]:
    """The bill of each lease and their sums. Raises NotFound, ConflictError where a bill does not add up."""
    with market.store.look() as tx:
        record = require_job(tx, job_id)
        bills: list[Bill] = []
        for lease in tx.leases.of_bid(job_id):
            ask = tx.asks.get(lease.ask_hash)
            if ask is None:
                raise NotFound("ask of lease", lease.lease_id)
            evidence = tx.evidence.attestation(lease.lease_id)
            attestation = evidence.attestation if evidence else None
            bills.append(build_bill(record.bid, ask.ask, lease, attestation))
    totals = {
        name: str(sum(getattr(bill, field) for bill in bills))
        for name, field in (
            ("locked", "locked"),
            ("cComp", "c_comp"),
            ("cData", "c_data"),
            ("scarcityRent", "scarcity_rent"),
            ("paid", "paid"),
            ("fee", "fee"),
            ("refund", "refund"),
        )
    }
    return {
        "jobId": job_id,
        "state": record.job_state.value,
        "maxPrice": str(record.bid.max_price),
        "bills": [bill.to_json() for bill in bills],
        "totals": totals,
    }


def show_logs(market: Market, job_id: str) -> dict[str, Any]:
    """Standard output and error of each lease: attested, or what its program has printed so far. Raises NotFound.

    A private job's are empty here.
    """
    with market.store.look() as tx:
        is_private = require_job(tx, job_id).job_spec.privacy is not None
        found = [(lease, tx.evidence.attestation(lease.lease_id)) for lease in tx.leases.of_bid(job_id)]
    logs = []
    for lease, evidence in found:
        texts = _live_texts(market, lease.lease_id) if evidence is None else _attested_texts(market, evidence)
        if texts is not None:
            named = {"leaseId": lease.lease_id, "provider": lease.provider, "attested": evidence is not None}
            logs.append(named | texts)
    return {"jobId": job_id, "private": is_private, "leases": logs}


def show_result(market: Market, job_id: str) -> dict[str, Any]:
    """Manifest, result digest and attestation of each lease. Raises NotFound."""
    with market.store.look() as tx:
        record = require_job(tx, job_id)
        leases = []
        for lease in tx.leases.of_bid(job_id):
            evidence = tx.evidence.attestation(lease.lease_id)
            if evidence is not None:
                leases.append(lease_document(tx, lease, market.address) | attestation_document(evidence))
    return {"jobId": job_id, "state": record.job_state.value, "leases": leases}


def show_explanation(market: Market, job_id: str) -> dict[str, Any]:
    """Matched or not, and why, recomputed from the transcript of the round that decided. Raises NotFound."""
    with market.store.look() as tx:
        record = require_job(tx, job_id)
        kept = [match for match in tx.matches.of_bid(job_id) if match.state is not MatchState.DROPPED]
        decided = tx.rounds.get(kept[-1].round_number) if kept else tx.rounds.last_with(job_id)
    state = {"jobId": job_id, "state": record.job_state.value}
    if decided is None:
        return state | {
            "round": None,
            "bidHash": job_id,
            "matched": False,
            "reason": record.reason or "No round has considered this bid yet.",
            "rentReason": "",
            "chosen": [],
            "runnersUp": [],
            "obstacles": [],
            "suggestions": [],
        }
    result = clear_round(read_snapshot(decided.transcript), read_parameters(decided.transcript))
    explanation = explain_bid(result, job_id).to_json()
    if record.reason and not kept:
        explanation["reason"] = record.reason
        explanation["matched"] = False
    return state | {"round": decided.number, "roundDigest": decided.digest} | explanation


def timeline_of(tx: Transaction, job_id: str) -> list[dict[str, Any]]:
    """What happened to a job; `detail` is for people, `data` for programs."""
    return [
        {
            "at": event["at"],
            "event": event["kind"],
            "leaseId": event["leaseId"],
            "detail": _sentence(event["detail"]),
            "data": event["detail"],
        }
        for event in tx.timeline.of(job_id)
    ]


def _sentence(detail: dict[str, Any]) -> str:
    money = ("price", "pay", "paid", "fee", "refund", "bond")
    parts = []
    for name, value in detail.items():
        if name in money:
            parts.append(f"{name} {format_usdc(int(value))} USDC")
        elif isinstance(value, str) and value.startswith("0x") and len(value) > 20:
            parts.append(f"{name} {value[:10]}…")
        else:
            parts.append(str(value) if name == "reason" else f"{name} {value}")
    return ", ".join(parts)


def _summary(record: BidRecord) -> dict[str, Any]:
    return {
        "jobId": record.bid_hash,
        "name": record.job_spec.name,
        "state": record.job_state.value,
        "reason": record.reason or None,
        "renter": record.bid.renter,
        "bid": record.bid.to_json(),
        "verification": Verification(record.bid.verification).name.lower(),
        "createdAt": record.placed_at,
    }


def _attested_texts(market: Market, evidence: AttestationRecord) -> dict[str, str]:
    digests = {entry.path: entry.digest for entry in evidence.manifest.entries}
    return {name: _text(market, digests.get(path)) for name, path in (("stdout", STDOUT_PATH), ("stderr", STDERR_PATH))}


def _live_texts(market: Market, lease_id: str) -> dict[str, str] | None:
    seen = market.live_logs.read(lease_id, 0, 0, 0, LOG_BYTES)
    return seen and {name: getattr(seen, name).decode(errors="replace") for name in ("stdout", "stderr")}


def _text(market: Market, digest: str | None) -> str:
    if digest is None or not market.blobs.has(digest):
        return ""
    with market.blobs.open(digest) as file:
        return file.read(LOG_BYTES).decode(errors="replace")


def require_job(tx: Transaction, job_id: str) -> BidRecord:
    """The job. Raises NotFound."""
    record = tx.bids.get(job_id)
    if record is None:
        raise NotFound("job", job_id)
    return record
