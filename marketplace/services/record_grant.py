"""Taking in keys of private jobs, encrypted to who may have them: the market passes them on and cannot read them."""

from typing import Any

from marketplace.domain.grants import GrantRecord, OfferRecord
from marketplace.domain.signatures import is_signed_by, require_signature
from marketplace.errors import ConflictError, ExpiredOrder, MalformedMessage, NotFound, TooLarge, WrongSigner
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import Verification
from marketplace.protocol.messages import require_signed_by
from marketplace.protocol.privacy import KeyGrant, KeyOffer
from marketplace.services.market import Market
from marketplace.services.record_evidence import require_oracle
from marketplace.services.record_heartbeat import CLOCK_SKEW_SECONDS

MAX_GRANT_BYTES = 200_000
"""Of a grant's ciphertext: room for all secrets that a job may have, in hex."""


def record_grant(market: Market, job_id: str, grant: KeyGrant, signature: str, ciphertext: bytes) -> None:
    """Keep a key for its holder; a newer one of the same signer takes its place.

    Raises NotFound, MalformedMessage, TooLarge, InvalidSignature, WrongSigner (the holder is neither the agent of a
    lease nor an oracle that is to run the job again), ConflictError (not a private job, or an older grant than the one
    held: everybody can read grants, and post one again), ExpiredOrder (a clock that is ahead), ChainUnavailable.
    """
    if grant.job_id != job_id:
        raise MalformedMessage("KeyGrant.jobId", f"{grant.job_id} is not the job {job_id} of the address")
    if len(ciphertext) > MAX_GRANT_BYTES:
        raise TooLarge("The grant", len(ciphertext), MAX_GRANT_BYTES)
    if sha256_digest(ciphertext) != grant.ciphertext:
        raise MalformedMessage("KeyGrant.ciphertext", "is not the digest of the ciphertext sent along")
    signer = _require_signer(market, grant, signature)
    now = market.clock.now()
    _require_not_ahead(grant, now)
    with market.store.write() as tx:
        known = {(one.grant.holder, one.signer): one.grant for one in tx.grants.of_job(job_id)}
        held = known.get((grant.holder, signer))
        if held is None or _replaces(grant, held):
            tx.grants.put(GrantRecord(grant, signer, signature, ciphertext, now))
        if held is None:
            tx.timeline.add(job_id, now, "grant", {"holder": grant.holder})


def list_grants(market: Market, job_id: str, holder: str | None) -> dict[str, Any]:
    """A job's keys, oldest first; of one holder, or all. Raises NotFound."""
    with market.store.read() as tx:
        if tx.bids.get(job_id) is None:
            raise NotFound("job", job_id)
        records = tx.grants.of_job(job_id)
    return {"grants": [_document(one) for one in records if holder in (None, one.grant.holder)]}


def record_offer(market: Market, offer: KeyOffer, signature: str) -> None:
    """Keep an oracle's public key in place of an older one. Raises WrongSigner, InvalidSignature, ChainUnavailable."""
    require_oracle(market, offer.oracle)
    require_signed_by(offer, offer.oracle, market.chain.domain, signature)
    with market.store.write() as tx:
        known = {one.offer.oracle: one.offer.offered_at for one in tx.grants.offers()}
        if offer.offered_at >= known.get(offer.oracle, 0):
            tx.grants.put_offer(OfferRecord(offer, signature))


def list_offers(market: Market) -> dict[str, Any]:
    """The public keys of oracles, to be checked against the committee on chain."""
    with market.store.read() as tx:
        return {"keys": [{"offer": one.offer.to_json(), "signature": one.signature} for one in tx.grants.offers()]}


def _require_signer(market: Market, grant: KeyGrant, signature: str) -> str:
    """Who may give this job's key to this holder, and has signed."""
    with market.store.read() as tx:
        record = tx.bids.get(grant.job_id)
        agents = {lease.agent for lease in tx.leases.of_bid(grant.job_id) if lease.closing is None and lease.agent}
    if record is None:
        raise NotFound("job", grant.job_id)
    if record.job_spec.privacy is None:
        raise ConflictError(f"Job {grant.job_id} is not private: it has no key.", job=grant.job_id)
    if grant.holder in agents:
        require_signature(market.chain, market.chain.domain, grant, record.bid.renter, signature)
        return record.bid.renter
    if record.bid.verification == Verification.REEXECUTE:
        require_oracle(market, grant.holder)
        for signer in (*agents, record.bid.renter):
            if is_signed_by(grant, signer, market.chain.domain, signature):
                return signer
    raise WrongSigner(
        f"{grant.holder} is to have no key of job {grant.job_id}.",
        hint="Renters sign for agents of open leases; both sign for oracles, where the job is run again.",
        holder=grant.holder,
    )


def _require_not_ahead(grant: KeyGrant, now: int) -> None:
    """One from the future would keep out those that its signer makes until then."""
    if grant.granted_at > now + CLOCK_SKEW_SECONDS:
        raise ExpiredOrder(
            f"The key was granted at {grant.granted_at}; it is {now}.",
            hint="Set the clock right of the machine that granted it.",
            grantedAt=grant.granted_at,
            now=now,
        )


def _replaces(grant: KeyGrant, held: KeyGrant) -> bool:
    """Whether a grant takes the place of the one held. Raises ConflictError for an older one.

    Of two of the same second the digests decide, and not who posts last: nobody can put the other one back.
    """
    if grant.granted_at < held.granted_at:
        raise ConflictError(
            f"The key was granted at {grant.granted_at}; a newer grant, of {held.granted_at}, is held already.",
            hint="Grant it anew, if this is your grant; its time is your clock's.",
            job=grant.job_id,
        )
    return (grant.granted_at, grant.ciphertext) > (held.granted_at, held.ciphertext)


def _document(record: GrantRecord) -> dict[str, Any]:
    return {
        "grant": record.grant.to_json(),
        "signer": record.signer,
        "signature": record.signature,
        "ciphertext": "0x" + record.ciphertext.hex(),
        "receivedAt": record.received_at,
    }
