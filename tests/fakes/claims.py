"""The rules of claims and disputes, in Python: what a provider and a renter can do when the oracles are silent."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from marketplace.domain import chain as domain
from marketplace.domain.chain import ClaimView, CloseReason, Committee
from marketplace.protocol.enums import ClaimState, ExitKind, Outcome
from marketplace.protocol.messages import Attestation, Verdict
from marketplace.protocol.packing import ClaimedLease, LeaseGroup, LeaseTerms
from tests.fakes.accounts import require
from tests.fakes.escrow import NOTHING, Build, Leases

_NO_CLAIM = ClaimView(ClaimState.NONE, 0, 0, 0)


class EscrowState(Leases):
    """All of the escrow. Each call returns builders of its events."""

    def claim_of(self, lease_id: str) -> ClaimView:
        return self.claims.get(lease_id, _NO_CLAIM)

    def claim(
        self,
        sender: str,
        now: int,
        group: LeaseGroup,
        place: int,
        pay: int,
        attestation: Attestation,
        agent: str,
        signature: str,
    ) -> list[Build]:
        lease_id, terms = self.take_one(group, place)
        require(lease_id == attestation.lease_id, "LeaseNotOpen", leaseId=attestation.lease_id)
        require(attestation.exit_kind == ExitKind.EXITED, "NotCompleted", exitKind=attestation.exit_kind)
        require(now <= terms.deadline, "DeadlinePassed", deadline=terms.deadline, timestamp=now)
        require(pay, "ZeroAmount")
        require(pay <= terms.price, "PayAboveLock", pay=pay, locked=terms.price)
        if sender != terms.provider:
            allowed = (terms.provider, sender) in self.agents
            require(allowed, "NotProvider", caller=sender, provider=terms.provider)
            known = agent == terms.provider or (terms.provider, agent) in self.agents
            require(known and self.accepts(agent, attestation, signature), "InvalidSignature", signer=agent)
        until, words = now + self.claim_window, terms.words()
        self.claims[lease_id] = ClaimView(ClaimState.CLAIMED, pay, until, 0)
        result = attestation.result_digest
        return [lambda at: domain.LeaseClaimed(at, lease_id, terms.renter, terms.provider, pay, result, until, *words)]

    def release(self, sender: str, now: int, lease: ClaimedLease) -> list[Build]:
        claim, terms = self._require_claim(lease, ClaimState.CLAIMED)
        over = sender == terms.renter or now > claim.until
        require(over, "WindowNotOver", until=claim.until, timestamp=now)
        return self._close_claim(lease, terms, Outcome.PAID, claim.pay, CloseReason.CLAIM_RELEASED)

    def dispute(self, sender: str, now: int, lease: ClaimedLease) -> list[Build]:
        claim, terms = self._require_claim(lease, ClaimState.CLAIMED)
        require(sender == terms.renter, "NotRenter", caller=sender, renter=terms.renter)
        require(now <= claim.until, "WindowOver", until=claim.until, timestamp=now)
        bond, free = -(-claim.pay // 10), self.renters[terms.renter].free
        require(free >= bond, "InsufficientBalance", account=terms.renter, available=free, needed=bond)
        self.renters.add(terms.renter, -bond)
        until = now + self.dispute_window
        self.claims[lease.lease_id] = ClaimView(ClaimState.DISPUTED, claim.pay, until, bond)
        return [lambda at: domain.LeaseDisputed(at, lease.lease_id, terms.renter, bond, until)]

    def expire_dispute(self, sender: str, now: int, lease: ClaimedLease) -> list[Build]:
        claim, terms = self._require_claim(lease, ClaimState.DISPUTED)
        require(now > claim.until, "WindowNotOver", until=claim.until, timestamp=now)
        self.renters.add(terms.renter, claim.bond)
        ended = self._close_claim(lease, terms, Outcome.NONE, 0, CloseReason.DISPUTE_EXPIRED)
        return [_returned(lease.lease_id, terms.renter, claim.bond), *ended]

    def set_agent(self, sender: str, now: int, agent: str, allowed: bool) -> list[Build]:
        (self.agents.add if allowed else self.agents.discard)((sender, agent))
        return [lambda at: domain.AgentSet(at, sender, agent, allowed)]

    def settle_claims(
        self,
        sender: str,
        now: int,
        leases: Sequence[ClaimedLease],
        verdicts: Sequence[Verdict],
        committee: Committee,
        signatures: Mapping[str, str],
    ) -> list[Build]:
        require(leases, "EmptyBatch")
        require(len(leases) == len(verdicts), "ArrayLengths", expected=len(leases), actual=len(verdicts))
        signers = self.require_quorum([one.lease_id for one in leases], verdicts, committee, signatures)
        events: list[Build] = []
        fees = 0
        for lease, verdict in zip(leases, verdicts, strict=True):
            closed, fee = self._settle_claim(lease, verdict)
            events += closed
            fees += fee
        require(events, "NothingClosed")
        self.fees.share(fees, committee.epoch, signers)
        bits = sum(1 << index for index in signers)
        return [*events, lambda at: domain.ClaimsSettled(at, committee.epoch, bits, fees)]

    def _settle_claim(self, lease: ClaimedLease, verdict: Verdict) -> tuple[list[Build], int]:
        claim = self.claim_of(lease.lease_id)
        possible = verdict.outcome in (1, 2, 3) and (verdict.pay == 0 or verdict.outcome == Outcome.PAID)
        if claim.state not in (ClaimState.CLAIMED, ClaimState.DISPUTED) or not possible:
            return [], 0
        terms = self.terms_of(lease.lease_id)
        if terms.words() != (lease.first, lease.second) or verdict.pay > terms.price:
            return [], 0
        events: list[Build] = []
        if claim.state is ClaimState.DISPUTED:
            good = verdict.outcome == Outcome.PAID and verdict.pay >= claim.pay
            winner = terms.provider if good else terms.renter
            self.renters.add(winner, claim.bond)
            events.append(_returned(lease.lease_id, winner, claim.bond))
        self.claims[lease.lease_id] = replace(claim, state=ClaimState.CLOSED)
        outcome, reason = Outcome(verdict.outcome), CloseReason.VERDICT
        closed, fee = self.close_one(lease.lease_id, terms, outcome, verdict.pay, verdict.result_digest, reason)
        return events + closed, fee

    def _close_claim(
        self, lease: ClaimedLease, terms: LeaseTerms, outcome: Outcome, pay: int, reason: CloseReason
    ) -> list[Build]:
        self.claims[lease.lease_id] = replace(self.claims[lease.lease_id], state=ClaimState.CLOSED)
        events, fee = self.close_one(lease.lease_id, terms, outcome, pay, NOTHING, reason)
        self.fees.add(fee)
        return events

    def _require_claim(self, lease: ClaimedLease, state: ClaimState) -> tuple[ClaimView, LeaseTerms]:
        claim = self.claim_of(lease.lease_id)
        require(claim.state is state, "WrongClaimState", leaseId=lease.lease_id, state=int(claim.state))
        terms = self.terms_of(lease.lease_id)
        require(terms.words() == (lease.first, lease.second), "WrongTerms", leaseId=lease.lease_id)
        return claim, terms


def _returned(lease_id: str, to: str, bond: int) -> Build:
    return lambda at: domain.BondReturned(at, lease_id, to, bond)
