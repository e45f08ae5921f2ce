"""What a provider does where oracles or the market are silent: it claims its pay on chain, and has it released."""

from collections.abc import Callable
from typing import Any, Protocol

import structlog

from agent.chain import Chain
from agent.daemon import each
from agent.journal import Journal, WorkState
from marketplace.client import MarketClient
from marketplace.client.groups import lease_group
from marketplace.domain.chain import LeaseClaimed, LeaseOpened
from marketplace.errors import MalformedMessage, NotFound, Reverted, ServiceUnavailable
from marketplace.protocol.enums import ClaimState, ExitKind
from marketplace.protocol.messages import Attestation, Receipt
from marketplace.protocol.packing import ClaimedLease, LeaseGroup
from marketplace.protocol.units import format_usdc

log = structlog.get_logger("provider")
MARKET_FIRST_SECONDS = 60
"""How long after its time a claim or dispute is left to the market, which pays for ending it."""


class Hand(Protocol):
    """The provider's own transactions. `ChainAccount` fulfils it; all raise Reverted, ChainUnavailable."""

    def accept(self, group: LeaseGroup, place: int, receipt: Receipt, signature: str) -> object: ...
    def claim(
        self, group: LeaseGroup, place: int, pay: int, attestation: Attestation, agent: str, signature: str
    ) -> object: ...
    def release(self, lease: ClaimedLease) -> object: ...
    def expire_dispute(self, lease: ClaimedLease) -> object: ...


class Claims:
    """The claims of one provider. Whether a lease is claimed is what the chain says; its journal remembers refusals."""

    def __init__(
        self,
        *,
        client: MarketClient,
        chain: Chain,
        hand: Hand,
        provider: str,
        agent: str,
        journal: Journal,
        margin: int,
        now: Callable[[], int],
    ) -> None:
        """`margin`: seconds before a lease's deadline from which on it is claimed; 0 claims nothing."""
        self._client, self._chain, self._hand, self._provider, self._agent = client, chain, hand, provider, agent
        self._journal, self._margin, self._now = journal, margin, now
        self._warned: set[str] = set()
        self._disputes: dict[str, int] = {}
        """When each dispute of a claim of ours ends: not asked for again before."""

    def find_group(self, event: LeaseOpened) -> tuple[LeaseGroup, int]:
        """The lease's group: from the market, else from the chain. Raises NotFound, ChainUnavailable."""
        try:
            found = lease_group(self._client.lease(event.lease_id), event.market)
        except (NotFound, ServiceUnavailable, MalformedMessage):
            found = None
        found = found or self._chain.find_group(event.lease_id)
        if found is None:
            raise NotFound("lease", event.lease_id)
        return found

    def claim_unsettled(self) -> None:
        """Claim what was attested and is still not settled shortly before its deadline."""
        done = (*self._journal.leases(WorkState.ATTESTED), *self._journal.leases(WorkState.POSTED))
        each([event for event in done if self._wants(event)], self._claim)

    def _wants(self, event: LeaseOpened) -> bool:
        is_time = self._margin > 0 and event.deadline - self._margin <= self._now() < event.deadline
        if not is_time or self._is_refused(event) or event.lease_id in self._journal.claims():
            return False
        evidence = self._evidence(event)
        completed = Attestation.parse(evidence["attestation"]).exit_kind == ExitKind.EXITED
        return completed and int(evidence["pay"]) > 0

    def _is_refused(self, event: LeaseOpened) -> bool:
        """Whether the chain has refused to claim this lease, as opened where it was; where it opens anew it may not."""
        note = self._journal.note(_key(event.lease_id))
        return note is not None and not note["claimed"] and note.get("opened", _opening(event)) == _opening(event)

    def _claim(self, event: LeaseOpened) -> None:
        if self._chain.claim(event.lease_id).state is not ClaimState.NONE:
            return  # not followed yet; where a reorganisation takes it back, it is sent again
        if self._chain.gas_balance(self._provider) == 0:
            if event.lease_id not in self._warned:
                log.warning("not claimed: the provider's account has no gas", lease=event.lease_id)
            self._warned.add(event.lease_id)
            return
        group, place = self.find_group(event)
        if not self._chain.is_open(group, place):
            return  # closed in a block that is not followed yet
        evidence = self._evidence(event)
        pay, attestation = int(evidence["pay"]), Attestation.parse(evidence["attestation"])
        try:
            self._hand.claim(group, place, pay, attestation, self._agent, evidence["signature"])
        except Reverted as error:
            self._note_refusal(event, error)
            return
        self._journal.record_note(_key(event.lease_id), {"claimed": True})
        log.info("claimed", lease=event.lease_id, pay=f"{format_usdc(pay)} USDC")

    def _note_refusal(self, event: LeaseOpened, error: Reverted) -> None:
        """Final, unless it was claimed before: then the node we asked lags behind, or history is being replaced."""
        if self._journal.note(_key(event.lease_id)) == {"claimed": True}:
            log.info("claimed already", lease=event.lease_id, reason=str(error))
            return
        refused = {"claimed": False, "reason": str(error), "opened": _opening(event)}
        self._journal.record_note(_key(event.lease_id), refused)
        log.error("not claimed", lease=event.lease_id, reason=str(error))

    def _evidence(self, event: LeaseOpened) -> dict[str, Any]:
        evidence = self._journal.evidence(event.lease_id)
        assert evidence is not None, "an attested lease has its evidence"
        return evidence

    def release_due(self) -> None:
        """Have every claim paid whose window is over without a dispute or a verdict, and end disputes out of time.

        The market does both by itself: this is for when it is silent.
        """
        claims = self._journal.claims()
        self._disputes = {lease: until for lease, until in self._disputes.items() if lease in claims}
        due = (self._disputes.get(one.lease_id, one.until) + MARKET_FIRST_SECONDS for one in claims.values())
        each([one for one, at in zip(claims.values(), due, strict=True) if at < self._now()], self._release)

    def _release(self, claim: LeaseClaimed) -> None:
        lease, found = ClaimedLease(claim.lease_id, claim.first, claim.second), self._chain.claim(claim.lease_id)
        if found.state is ClaimState.CLAIMED:
            self._hand.release(lease)
            log.info("claim released", lease=claim.lease_id, pay=f"{format_usdc(claim.pay)} USDC")
        elif found.state is ClaimState.DISPUTED:
            self._disputes[claim.lease_id] = found.until
            if found.until + MARKET_FIRST_SECONDS < self._now():
                self._hand.expire_dispute(lease)
                log.info("dispute ended undecided", lease=claim.lease_id)


def _opening(event: LeaseOpened) -> str:
    return event.origin.block_hash


def _key(lease_id: str) -> str:
    return f"claim/{lease_id}"
