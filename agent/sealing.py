"""An oracle's verdicts on their way to the market: sealed, all that are ready together, and opened where it is safe.

A seal's opening is journalled before the seal leaves: without its secret it could never be revealed.
"""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import structlog
from eth_account.signers.local import LocalAccount

from agent.chain import Chain
from agent.journal import Journal
from marketplace.client import MarketClient
from marketplace.errors import ConflictError, InvalidSignature, MalformedMessage, MarketError, NotFound
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import Verdict, VerdictReveal, VerdictSeal
from marketplace.protocol.units import format_usdc

log = structlog.get_logger("oracle")


class Sealing:
    """One member's. Safe to share between threads."""

    def __init__(
        self,
        *,
        client: MarketClient,
        chain: Chain,
        domain: Domain,
        account: LocalAccount,
        journal: Journal,
        entropy: Callable[[int], bytes],
    ) -> None:
        """`entropy(n)` gives n random bytes."""
        self._client, self._chain, self._domain = client, chain, domain
        self._account, self._journal, self._entropy = account, journal, entropy
        self._ready: dict[str, None] = {}
        """Leases whose seal is to be sent, in order. One that is lost is a claim still, and gets here again."""
        self._lock = Lock()
        self._exposed: set[str] = set()

    def note(self, verdict: Verdict) -> None:
        """Journal a verdict that was come to."""
        self._journal.record_verdict(verdict.lease_id, verdict.to_json(), self._new_secret())
        outcome, pay = Outcome(verdict.outcome).name.lower(), f"{format_usdc(verdict.pay)} USDC"
        log.info("verdict sealed", lease=verdict.lease_id, outcome=outcome, pay=pay)

    def is_noted(self, lease_id: str) -> bool:
        """Whether a verdict on the lease is journalled."""
        return self._journal.verdict(lease_id) is not None

    def make_ready(self, lease_id: str) -> None:
        """Have the seal of a journalled verdict sent with the next ones."""
        if self._journal.secret(lease_id) is None:  # of a program that sealed none
            self._journal.record_secret(lease_id, self._new_secret())
        with self._lock:
            self._ready[lease_id] = None

    def send(self) -> int:
        """Send all that are ready; how many the market took. Raises the first refusal that is no conflict."""
        with self._lock:
            lease_ids, self._ready = list(self._ready), {}
        seals = [self._own_reveal(one).seal(self._account.address) for one in lease_ids]
        signed = [(seal, seal.sign(self._domain, self._account.key)) for seal in seals]
        refusals = self._client.post_seals(self._account.address, signed) if signed else []
        return _count_taken(lease_ids, refusals, "claim is gone or not complete")

    def reveal(self) -> int:
        """Open the own seals for which the market asks, where enough others have bound themselves; how many.

        Raises as `send`, and ChainUnavailable.
        """
        asked = [one for one in self._client.reveals(self._account.address) if self._has_sealed(one["leaseId"])]
        lease_ids = [one["leaseId"] for one in asked if self._may_reveal(one)]
        reveals = [self._own_reveal(one) for one in lease_ids]
        signed = [(reveal, reveal.sign(self._domain, self._account.key)) for reveal in reveals]
        refusals = self._client.post_reveals(self._account.address, signed) if signed else []
        return _count_taken(lease_ids, refusals, "reveal is not wanted")

    def has_said(self, verdict: Verdict) -> bool:
        """Whether this is the verdict that was journalled."""
        given = self._journal.verdict(verdict.lease_id)
        return given is not None and Verdict.parse(given) == verdict

    def _new_secret(self) -> str:
        return "0x" + self._entropy(32).hex()

    def _own_reveal(self, lease_id: str) -> VerdictReveal:
        verdict, secret = self._journal.verdict(lease_id), self._journal.secret(lease_id)
        assert verdict is not None and secret is not None, "both are journalled before a seal leaves"
        return VerdictReveal.of(Verdict.parse(verdict), secret)

    def _may_reveal(self, asked: dict[str, Any]) -> bool:
        lease_id = asked["leaseId"]
        if self._is_bound(lease_id, asked["seals"]):
            return True
        if lease_id not in self._exposed:
            log.warning("not revealed: too few others have sealed a verdict", lease=lease_id)
        self._exposed.add(lease_id)
        return False

    def _is_bound(self, lease_id: str, seals: Sequence[dict[str, Any]]) -> bool:
        """Whether as many members as must agree have signed a seal of this lease, whatever the market says.

        A verdict shown before that could be copied by who has not run the job.
        """
        committee = self._chain.committee()
        bound = {self._account.address}
        for one in seals:
            try:
                seal = VerdictSeal.parse(one["seal"])
                signer = seal.recover(self._domain, one["sealSignature"])
            except (InvalidSignature, MalformedMessage):
                continue
            if seal.lease_id == lease_id and signer in committee.members:
                bound.add(signer)
        return len(bound) >= committee.threshold

    def _has_sealed(self, lease_id: str) -> bool:
        return self._journal.verdict(lease_id) is not None and self._journal.secret(lease_id) is not None


def _count_taken(lease_ids: Sequence[str], refusals: Sequence[MarketError | None], words: str) -> int:
    """How many were taken. Raises the first refusal that is neither NotFound nor ConflictError; those are said."""
    for lease_id, refusal in zip(lease_ids, refusals, strict=True):
        if isinstance(refusal, NotFound | ConflictError):
            log.info(words, lease=lease_id, reason=str(refusal))
        elif refusal is not None:
            raise refusal
    return list(refusals).count(None)
