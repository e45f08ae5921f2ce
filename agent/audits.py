"""An oracle's part in random audits: it seals a share, shows it once all members have sealed, and reads the draw.

It leaves a job unrun only where all members' valid shares about the very attestation that it judges are there and the
draw did not fall on it. Whatever is missing, different or forged after a bounded time, it runs the job.
"""

import secrets
import time
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from eth_account.signers.local import LocalAccount

from agent.chain import Chain
from agent.journal import AuditNote, Journal
from agent.sandbox import sandbox_digest
from agent.votes import Undecided
from marketplace.client import MarketClient
from marketplace.client.terms import LeaseTerms
from marketplace.domain.audits import is_draw_due, rate_of
from marketplace.domain.chain import LeaseOpened
from marketplace.errors import (
    InvalidManifest,
    InvalidSignature,
    MalformedMessage,
    MarketError,
    NotFound,
    TranscriptMismatch,
)
from marketplace.protocol.audits import AuditSeal, AuditShare, Draw, compute_commitment, is_drawn
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.manifest import Manifest
from marketplace.protocol.messages import Attestation

log = structlog.get_logger("oracle")

WAIT_SECONDS = 30
"""How long a draw may take from this member's seal on."""
RUNS_LEFT = 2
"""How many times the job's whole duration must be left until its lease's deadline, to wait for a draw at all."""


class Audits:
    """One member's part in all draws. Safe to share between threads: the journal keeps one share a lease."""

    def __init__(
        self,
        client: MarketClient,
        chain: Chain,
        domain: Domain,
        account: LocalAccount,
        journal: Journal,
        *,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`entropy(n)` gives n random bytes; `clock` unix seconds."""
        self._client, self._chain, self._domain = client, chain, domain
        self._account, self._journal = account, journal
        self._entropy, self._clock = entropy, clock

    def must_run(self, event: LeaseOpened, terms: LeaseTerms, attestation: Attestation, manifest: Manifest) -> bool:
        """Whether this oracle runs the lease's job; False only where a valid draw did not fall on it.

        Raises Undecided while the draw may still come; ChainUnavailable.
        """
        number = self.take_part(event, terms, attestation)
        if number is None:
            return self._gives_up(event, terms, attestation)
        if is_drawn(number, rate_of(terms.job_spec)):
            log.info("drawn for audit", lease=event.lease_id)
            return True
        if not _is_within(attestation, terms) or not self._has_outputs(event.lease_id, manifest):
            return True
        log.info("not drawn for audit: as attested", lease=event.lease_id)
        return False

    def take_part(self, event: LeaseOpened, terms: LeaseTerms, attestation: Attestation) -> int | None:
        """Do what is this member's turn in the draw about a lease; the draw, once it is complete.

        None as well where there is none for this member: another attestation was drawn about, the job ran in another
        sandbox than this machine's, the lease is claimed on chain, or its deadline is near. Raises ChainUnavailable.
        """
        if not self._may_draw(event, terms, attestation):
            return None
        draw = Draw(self._domain, self._chain.committee().members, event.lease_id, attestation.digest(self._domain))
        note = self._journal.audit(event.lease_id) or self._journal.record_audit(event.lease_id, self._new_note(draw))
        if note.attestation != draw.attestation:
            return None
        try:
            return self._advance(draw, note)
        except MarketError as error:  # whatever the market does not take or show, the job is run in the end
            log.debug("no draw yet", lease=event.lease_id, reason=str(error))
            return None

    def take_part_in_all(
        self,
        claims: Iterable[dict[str, Any]],
        read: Callable[[LeaseOpened], tuple[LeaseTerms, Attestation, Manifest]],
    ) -> None:
        """`take_part` in the draws about these claims, as the market lists them; `read` checks what is signed of one.

        Raises ServiceUnavailable, ChainUnavailable.
        """
        for claim in claims:
            event = self._journal.lease(claim["leaseId"])
            if event is None or claim.get("auditRatePpm") is None or self._journal.verdict(event.lease_id) is not None:
                continue
            try:
                terms, attestation, _ = read(event)
            except (MalformedMessage, InvalidManifest, InvalidSignature, TranscriptMismatch, NotFound) as error:
                log.debug("no draw", lease=event.lease_id, reason=str(error))  # judging says what follows from it
            else:
                self.take_part(event, terms, attestation)

    def _advance(self, draw: Draw, note: AuditNote) -> int | None:
        shown = self._client.audit(draw.lease_id)
        if not isinstance(shown, dict):
            return None
        commitments, own = draw.read_seals(shown.get("seals")), self._own_seal(draw, note)
        if self._account.address not in commitments:
            self._client.post_audit_seal(own, self._account.address, own.sign(self._domain, self._account.key))
            return None
        if commitments[self._account.address] != own.commitment or not draw.is_complete(commitments):
            return None
        seals = draw.seals_digest(commitments)
        if not self._journal.record_audit_seals(draw.lease_id, seals):
            return None  # shown for other seals: nobody gets a second share of this member
        shares = draw.read_shares(shown.get("shares"), commitments)
        if self._account.address not in shares:
            message = AuditShare(lease_id=draw.lease_id, attestation=draw.attestation, seals=seals, share=note.share)
            signature = message.sign(self._domain, self._account.key)
            self._client.post_audit_share(message, self._account.address, signature)
        return draw.compute(shares)

    def _own_seal(self, draw: Draw, note: AuditNote) -> AuditSeal:
        commitment = compute_commitment(self._account.address, draw.lease_id, draw.attestation, note.share)
        return AuditSeal(lease_id=draw.lease_id, attestation=draw.attestation, commitment=commitment)

    def _new_note(self, draw: Draw) -> AuditNote:
        return AuditNote(draw.attestation, "0x" + self._entropy(32).hex(), int(self._clock()))

    def _may_draw(self, event: LeaseOpened, terms: LeaseTerms, attestation: Attestation) -> bool:
        if not is_draw_due(terms.job_spec, attestation) or attestation.sandbox_digest != sandbox_digest():
            return False
        if event.lease_id in self._journal.claims():
            return False
        return self._journal.audit(event.lease_id) is not None or self._clock() < _last_moment(event, terms)

    def _gives_up(self, event: LeaseOpened, terms: LeaseTerms, attestation: Attestation) -> bool:
        """True where no draw is to be waited for (any longer). Raises Undecided otherwise."""
        note = self._journal.audit(event.lease_id)
        if not self._may_draw(event, terms, attestation) or note is None:
            return True
        if note.attestation != attestation.digest(self._domain):
            log.warning("second attestation: no draw about it", lease=event.lease_id)
            return True
        if self._clock() >= min(note.sealed_at + WAIT_SECONDS, _last_moment(event, terms)):
            log.warning("no complete draw in time: the job is run", lease=event.lease_id)
            return True
        raise Undecided("The draw of the audit is not complete.")

    def _has_outputs(self, lease_id: str, manifest: Manifest) -> bool:
        """Whether what would be paid unseen can be had at all, as attested."""
        try:
            sizes = [len(self._client.get_blob(entry.digest, entry.size)) for entry in manifest.entries]
        except MarketError as error:
            log.warning("a result's file is not there: the job is run", lease=lease_id, reason=str(error))
            return False
        return sizes == [entry.size for entry in manifest.entries]


def _is_within(attestation: Attestation, terms: LeaseTerms) -> bool:
    """Whether no more is attested than the bid reserves: more is a lie, which a run shows."""
    try:
        attestation.usage_of(terms.bid.resources)
    except MalformedMessage:
        return False
    return True


def _last_moment(event: LeaseOpened, terms: LeaseTerms) -> int:
    """Until when a draw may be waited for, so that the run still comes to its end; unix seconds."""
    return event.deadline - RUNS_LEFT * terms.bid.duration_seconds
