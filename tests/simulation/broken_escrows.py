"""Contracts broken on purpose, in the Python that simulated chains have of them: money goes elsewhere, or too early."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from agent import claims
from marketplace.domain.chain import CloseReason
from marketplace.ports import Chosen
from marketplace.protocol.enums import ClaimState, Outcome
from marketplace.protocol.packing import LeaseTerms
from tests.fakes.accounts import Fees, Providers
from tests.fakes.claims import EscrowState
from tests.fakes.escrow import Build, Leases
from tests.simulation import world
from tests.simulation.chain import SimulatedChain

STRANGER = "0x" + "Dd" * 20
"""Somebody who has nothing to do with any of it."""


def _pays_again() -> Any:
    return patch.object(Leases, "_take", lambda self, group, place: None)


def _refunds_a_stranger() -> Any:
    original = Leases._pay

    def pay(self: Leases, terms: LeaseTerms, outcome: Outcome, amount: int, **how: bool) -> int:
        fee = original(self, terms, outcome, amount, **how)
        self.renters.add(terms.renter, amount - terms.price)
        self.renters.add(STRANGER, terms.price - amount)
        return fee

    return patch.object(Leases, "_pay", pay)


def _takes_the_fee_twice() -> Any:
    original = Leases._pay

    def pay(self: Leases, terms: LeaseTerms, outcome: Outcome, amount: int, **how: bool) -> int:
        fee = original(self, terms, outcome, amount, **how)
        self.providers.change(terms.provider, earned=-fee)
        return 2 * fee

    return patch.object(Leases, "_pay", pay)


def _keeps_the_stake() -> Any:
    original = Providers.close

    def close(self: Providers, provider: str, outcome: Outcome, locked: int, net: int, **how: bool) -> None:
        original(self, provider, outcome, locked, net, **how)
        if outcome is Outcome.PAID:
            self.change(provider, covered=locked)

    return patch.object(Providers, "close", close)


def _rewards_another_oracle() -> Any:
    original = Fees.share

    def share(self: Fees, amount: int, epoch: int, signers: list[int]) -> None:
        original(self, amount, epoch, [signers[0]] * len(signers))

    return patch.object(Fees, "share", share)


def _pays_at_the_deadline() -> Any:
    def refund(self: Leases, sender: str, now: int, groups: Sequence[Chosen]) -> list[Build]:
        events: list[Build] = []
        for group, places in groups:
            for place in sorted(set(places)):
                lease_id, terms = self.take_one(group, place)
                pay, result, reason = terms.price, "0x" + "00" * 32, CloseReason.VERDICT
                found, fee = self.close_one(lease_id, terms, Outcome.PAID, pay, result, reason)
                self.fees.add(fee)
                events += found
        return events

    return patch.object(Leases, "refund", refund)


def _one_oracle_is_enough() -> Any:
    def chain(domain: Any, oracles: Any, threshold: int, now: int) -> SimulatedChain:
        return SimulatedChain(domain, oracles, 1, now=now)

    return patch.object(world, "SimulatedChain", chain)


def _releases_at_once() -> Any:
    """A claim is paid whenever its provider asks, and it asks at once."""

    def release(self: EscrowState, sender: str, now: int, lease: Any) -> list[Build]:
        claim, terms = self._require_claim(lease, ClaimState.CLAIMED)
        return self._close_claim(lease, terms, Outcome.PAID, claim.pay, CloseReason.CLAIM_RELEASED)

    stack = ExitStack()
    stack.enter_context(patch.object(EscrowState, "release", release))
    stack.enter_context(patch.object(claims, "MARKET_FIRST_SECONDS", -10_000))
    return stack


ESCROWS: tuple[tuple[str, str, Callable[[], Any]], ...] = (
    ("the escrow closes a lease and keeps it open", "in the escrow and", _pays_again),
    ("the escrow refunds a stranger", "a stranger", _refunds_a_stranger),
    ("the escrow takes its fee twice", "fees is", _takes_the_fee_twice),
    ("the stake of a lease that is paid is not released", "covered is", _keeps_the_stake),
    ("an oracle gets another one's reward", "fees is", _rewards_another_oracle),
    ("a provider is paid without a verdict", "closed without a verdict", _pays_at_the_deadline),
    ("one oracle alone decides", "closed without a quorum", _one_oracle_is_enough),
    ("a claim is paid before its window is over", "paid too early", _releases_at_once),
)
"""Name, what is found, and how to break it."""
