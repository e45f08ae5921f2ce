"""The operator opens a canary: who sealed that a planted lie is worth its pay stands in the record from then on."""

import structlog

from marketplace.domain.canaries import find_careless, validate_opening
from marketplace.domain.chain import Committee
from marketplace.domain.seals import Fault
from marketplace.errors import ConflictError, NotFound
from marketplace.protocol.audit_log import LogKind
from marketplace.protocol.canaries import CanaryOpening
from marketplace.protocol.messages import require_signed_by
from marketplace.services.audits import require_drawn
from marketplace.services.market import Market
from marketplace.services.record_evidence import require_lease
from marketplace.services.storage import Transaction

_log = structlog.get_logger("computehive.oracles")


def open_canary(market: Market, opening: CanaryOpening, signature: str) -> list[Fault]:
    """Note every oracle that the canary has caught; all of them, also when it was opened before.

    Only the operator's own word counts here, as the market runs nothing itself: `opening` says what the job really
    gives. Raises NotFound, InvalidSignature (not the operator), MalformedMessage (not planted, or no lie),
    ConflictError (the lease is still open: oracles must not be told; or no draw shows that they were to run the job),
    ChainUnavailable.
    """
    with market.store.read() as tx:
        require_lease(tx, opening.lease_id)
    require_signed_by(opening, market.address, market.chain.domain, signature)
    now, committee = market.clock.now(), market.chain.committee()
    with market.store.write() as tx:
        faults = _find(market, tx, committee, opening, signature, now)
        if not any(one.kind == LogKind.CANARY_OPENED for one in tx.log.of_subject(opening.lease_id, 100)):
            tx.log.add(LogKind.CANARY_OPENED, now, opening.lease_id, {"faults": len(faults)})
        for fault in faults:
            if tx.seals.add_fault(fault):
                _log.warning("oracle failed", how=fault.kind.value, oracle=fault.oracle, lease=fault.lease_id)
    return faults


def _find(
    market: Market, tx: Transaction, committee: Committee, opening: CanaryOpening, signature: str, now: int
) -> list[Fault]:
    lease = require_lease(tx, opening.lease_id)
    if lease.closing is None:
        raise ConflictError(
            f"Lease {lease.lease_id} is still open: an oracle that has not sealed yet would learn what to say.",
            hint="Open the canary once its lease is settled or refunded.",
            lease=lease.lease_id,
        )
    bid, attested = tx.bids.get(lease.bid_hash), tx.evidence.attestation(lease.lease_id)
    if bid is None or attested is None:
        raise NotFound("attestation of lease", lease.lease_id)
    validate_opening(opening, bid.job_spec, bid.bid, lease.agent, attested.attestation)
    audit = require_drawn(market, tx, committee, lease)
    verdicts, seals = tx.evidence.verdicts(lease.lease_id), tx.seals.of_lease(lease.lease_id)
    return find_careless(opening, signature, attested.attestation, verdicts, seals, now, audit)
