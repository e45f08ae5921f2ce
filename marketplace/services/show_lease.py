"""What the market tells about a lease. Amounts are micro-USDC in decimal strings, times unix seconds."""

from collections.abc import Sequence
from typing import Any

from marketplace.domain.chain import CloseReason
from marketplace.domain.evidence import AttestationRecord, BatchRecord
from marketplace.domain.leases import LeaseRecord
from marketplace.domain.paging import Page
from marketplace.errors import NotFound
from marketplace.protocol.enums import ClaimState, ExitKind, Outcome, Verification
from marketplace.services.audits import drawn_of, rate_to_draw
from marketplace.services.calls import load_group
from marketplace.services.market import Market
from marketplace.services.record_evidence import require_oracle
from marketplace.services.settle_batch import batches_of, claims_of
from marketplace.services.storage import Transaction
from marketplace.services.tell_verdicts import shown_verdicts

Groups = dict[tuple[int, str], dict[str, Any]]
"""By number and opening transaction."""


def show_lease(market: Market, lease_id: str) -> dict[str, Any]:
    """One lease. Raises NotFound."""
    with market.store.read() as tx:
        return lease_document(tx, _lease(tx, lease_id), market.address)


def list_leases(
    market: Market,
    *,
    provider: str | None = None,
    agent: str | None = None,
    renter: str | None = None,
    states: Sequence[str] = (),
    cursor: str | None = None,
    limit: int = 50,
) -> dict[str, Any]:
    """A page of leases, newest first. Raises MalformedMessage for a cursor that is none."""
    parties = {"provider": provider, "agent": agent, "renter": renter}

    def make() -> dict[str, Any]:
        with market.store.look() as tx:
            page: Page[LeaseRecord] = tx.leases.page(**parties, states=states, cursor=cursor, limit=limit)
            groups = _load_all(tx, page.items, market.address)
            return {
                "leases": [_document(tx, one, groups) for one in page.items],
                "nextCursor": page.next_cursor,
            }

    return market.answer(("leases", *parties.values(), *states, cursor, limit), make)


def show_terms(market: Market, lease_id: str) -> dict[str, Any]:
    """Both signed orders, node profile, price and job specification: agents check them against the chain.

    Raises NotFound; an agent that has seen the lease's event before the market asks again.
    """
    with market.store.read() as tx:
        lease = _lease(tx, lease_id)
        bid, ask = tx.bids.get(lease.bid_hash), tx.asks.get(lease.ask_hash)
        matches = tx.matches.of_lease(lease_id)
    if bid is None or ask is None:
        raise NotFound("signed orders of lease", lease_id)
    return {
        "bid": bid.bid.to_json(),
        "bidSignature": bid.signature,
        "ask": ask.ask.to_json(),
        "askSignature": ask.signature,
        "profile": ask.profile.to_json(),
        "price": str(lease.price),
        "jobSpec": bid.job_spec.to_json(),
        "round": matches[-1].round_number if matches else None,
    }


def show_attestation(market: Market, lease_id: str) -> dict[str, Any]:
    """The evidence of a lease. Raises NotFound."""
    with market.store.read() as tx:
        record = tx.evidence.attestation(lease_id)
    if record is None:
        raise NotFound("attestation of lease", lease_id)
    return attestation_document(record)


def list_claims(market: Market, oracle: str) -> dict[str, Any]:
    """Work for an oracle: leases with their evidence. Raises WrongSigner, ChainUnavailable."""
    require_oracle(market, oracle)
    return market.answer(("claims", oracle), lambda: {"claims": _claims(market, oracle)})


def _claims(market: Market, oracle: str) -> list[dict[str, Any]]:
    leases = claims_of(market, oracle)
    with market.store.read() as tx:
        groups = _load_all(tx, leases, market.address)
        documents = []
        for lease in leases:
            record = tx.evidence.attestation(lease.lease_id)
            bid = tx.bids.get(lease.bid_hash)
            documents.append(
                _document(tx, lease, groups)
                | attestation_document(record)
                | {"verification": Verification(bid.bid.verification).name.lower()}
                | {"auditRatePpm": rate_to_draw(tx, lease)}
            )
    return documents


def list_batches(market: Market, oracle: str) -> dict[str, Any]:
    """Batches for an oracle to sign. Raises WrongSigner, ChainUnavailable."""
    require_oracle(market, oracle)

    def make() -> dict[str, Any]:
        return {"batches": [batch_document(batch) for batch in batches_of(market, oracle)]}

    return market.answer(("batches", oracle), make)


def lease_document(tx: Transaction, lease: LeaseRecord, market: str) -> dict[str, Any]:
    """A lease as the chain's events and the evidence tell it; what is not decided yet is null.

    `verdicts` stay empty until they are decided, or the lease is closed. `group` is there while calls about the lease
    take it, `claim` from its claim on.
    """
    return _document(tx, lease, _load_groups(tx, [lease], market))


def _document(tx: Transaction, lease: LeaseRecord, groups: Groups) -> dict[str, Any]:
    closing = lease.closing
    record = tx.evidence.attestation(lease.lease_id)
    receipt = tx.evidence.receipt(lease.lease_id)
    return {
        "leaseId": lease.lease_id,
        "jobId": lease.bid_hash,
        "bidHash": lease.bid_hash,
        "askHash": lease.ask_hash or None,
        "renter": lease.renter,
        "provider": lease.provider,
        "agent": lease.agent or None,
        "jobDigest": lease.job_digest or None,
        "state": lease.stage.value,
        "price": str(lease.price),
        "penalty": str(lease.penalty),
        "feeBps": lease.fee_bps,
        "deadline": lease.deadline,
        "salt": lease.salt,
        "group": _group(lease, groups),
        "claim": _claim(lease),
        "roundDigest": lease.round_digest,
        "openedBlock": lease.opened_block,
        "openedTransaction": lease.opened_tx,
        "resultDigest": record.attestation.result_digest if record else None,
        "exit": _exit(record),
        "exitCode": record.attestation.exit_code if record else None,
        "fuelUsed": str(record.attestation.fuel) if record else None,
        "usage": record.usage.report.to_json() if record and record.usage else None,
        "verdicts": [
            {
                "oracle": one.oracle,
                "outcome": Outcome(one.verdict.outcome).name.lower(),
                "pay": str(one.verdict.pay),
            }
            for one in shown_verdicts(tx, lease)
        ],
        "audit": _audit(tx, lease),
        "sealedBy": [one.oracle for one in tx.seals.of_lease(lease.lease_id)],
        "receipt": (
            {"receipt": receipt.receipt.to_json(), "signature": receipt.signature} if receipt is not None else None
        ),
        "outcome": closing.outcome.name.lower() if closing else None,
        "paid": str(closing.paid) if closing else None,
        "fee": str(closing.fee) if closing else None,
        "refund": str(closing.refund) if closing else None,
        "reason": closing.reason.name.lower() if closing else None,
        "closedTransaction": closing.tx_hash if closing else None,
        "closedAt": closing.at if closing else None,
        "detail": _detail(lease, record),
    }


def attestation_document(record: AttestationRecord) -> dict[str, Any]:
    """Evidence as it was posted."""
    return {
        "attestation": record.attestation.to_json(),
        "signature": record.signature,
        "manifest": record.manifest.to_json(),
        "usage": record.usage.to_json() if record.usage else None,
        "sealed": record.sealed.to_json() if record.sealed else None,
        "receivedAt": record.received_at,
    }


def batch_document(batch: BatchRecord) -> dict[str, Any]:
    """A batch of verdicts."""
    return {
        "digest": batch.digest,
        "verdicts": [verdict.to_json() for verdict in batch.verdicts],
        "state": batch.state.value,
        "reason": batch.reason,
        "signers": sorted(batch.signatures),
    }


def _load_all(tx: Transaction, leases: Sequence[LeaseRecord], market: str) -> Groups:
    """What the documents of these leases are put together from: a few looks for all of them."""
    lease_ids = [lease.lease_id for lease in leases]
    for about in (tx.seals, tx.evidence, tx.batches):
        about.load(lease_ids)
    tx.bids.load([lease.bid_hash for lease in leases])
    return _load_groups(tx, leases, market)


def _load_groups(tx: Transaction, leases: Sequence[LeaseRecord], market: str) -> Groups:
    """What calls about these leases hand in of their groups, each group once."""
    of_group = {(lease.group, lease.opened_tx): lease for lease in leases if _has_group(lease)}
    found = {key: load_group(tx, market, lease) for key, lease in of_group.items()}
    return {
        key: {
            "number": str(group.number),
            "bidHashes": [one.bid_hash for one in group.leases],
            "terms": [str(word) for word in group.terms()],
        }
        for key, group in found.items()
    }


def _has_group(lease: LeaseRecord) -> bool:
    """Whether calls about the lease take its group: not any more once it is closed, or claimed."""
    return lease.closing is None and lease.claim is None


def _group(lease: LeaseRecord, groups: Groups) -> dict[str, Any] | None:
    """What whoever accepts, claims or refunds the lease hands in: `GroupTerms`, and the lease's place in it."""
    return groups[lease.group, lease.opened_tx] | {"place": lease.place} if _has_group(lease) else None


def _claim(lease: LeaseRecord) -> dict[str, Any] | None:
    """The claim, with the two words that whoever releases or disputes it hands in."""
    claim = lease.claim
    if claim is None:
        return None
    state = claim.state if lease.closing is None else ClaimState.CLOSED
    return {
        "state": state.name.lower(),
        "pay": str(claim.pay),
        "resultDigest": claim.result_digest,
        "until": claim.until if claim.dispute is None else claim.dispute.until,
        "bond": str(claim.dispute.bond) if claim.dispute is not None else None,
        "terms": [str(word) for word in lease.terms.words()],
    }


def _audit(tx: Transaction, lease: LeaseRecord) -> dict[str, Any] | None:
    """Of how many in a million such leases the job is run, and whether this one was drawn; null where all are run."""
    rate = rate_to_draw(tx, lease)
    return {"ratePpm": rate, "drawn": drawn_of(tx, lease)} if rate is not None else None


def _exit(record: AttestationRecord | None) -> str | None:
    return ExitKind(record.attestation.exit_kind).name.lower() if record else None


def _detail(lease: LeaseRecord, record: AttestationRecord | None) -> str | None:
    """Why a lease ended without pay, in a few words."""
    if lease.closing is None or lease.closing.outcome is Outcome.PAID:
        return None
    if lease.closing.outcome is Outcome.FRAUD:
        return "the attested result could not be reproduced"
    if lease.closing.reason is CloseReason.DISPUTE_EXPIRED:
        return "the renter disputed the claim, and the oracles did not decide in time"
    if record is None:
        return "no result came before the deadline"
    return {
        ExitKind.OUT_OF_FUEL: "it ran out of fuel",
        ExitKind.MEMORY_LIMIT: "it wanted more memory than the bid reserves",
        ExitKind.TIMEOUT: "it took longer than the bid reserves",
        ExitKind.TRAP: "it trapped",
        ExitKind.OUTPUT_LIMIT: "it wrote more than the bid allows",
        ExitKind.SANDBOX_ERROR: "the provider's sandbox failed",
        ExitKind.EVICTED: "its machine stopped it",
        ExitKind.PROCESS_LIMIT: "it wanted more processes than its sandbox gives",
        ExitKind.NETWORK_LIMIT: "it used more network than it bought",
        ExitKind.EXITED: "it was not settled before the deadline",
    }[ExitKind(record.attestation.exit_kind)]


def _lease(tx: Transaction, lease_id: str) -> LeaseRecord:
    lease = tx.leases.get(lease_id)
    if lease is None:
        raise NotFound("lease", lease_id)
    return lease
