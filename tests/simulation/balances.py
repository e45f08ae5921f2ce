"""What each party must have by the events alone, by name: what it paid in, less and plus what they say.

Written apart from what keeps the balances (`tests/fakes/accounts.py`, and the contracts it is held equal to). A sum
over all of them does not see money that goes to somebody else than the event says.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from marketplace.domain.chain import (
    BondReturned,
    ChainEvent,
    ClaimsSettled,
    CloseReason,
    LeaseClosed,
    LeaseDisputed,
    LeaseOpened,
    LeasesSettled,
    ProviderAccount,
    RenterAccount,
    Slashed,
)
from marketplace.protocol.enums import Outcome
from marketplace.protocol.units import BPS

ORACLE_SHARE_BPS = 2_000
"""Of the fees of a batch, in equal parts to those who signed it (`FeeLib.sol`)."""
_COUNTERS = {Outcome.PAID: "settled", Outcome.FAILED: "failed", Outcome.FRAUD: "frauds"}
_PROVIDER = ("earned", "cover", "covered", "open_leases", "settled", "failed", "expired", "frauds")
Key = tuple[str, str]
"""Who, and what of it: an address and a field of its account, or `treasury` or a member's place and `fees`."""


@dataclass(slots=True)
class Books:
    """Amounts in micro-USDC, and counts of leases; built event by event in the order of the chain."""

    amounts: Counter[Key] = field(default_factory=Counter)
    _opened: dict[str, LeaseOpened] = field(default_factory=dict)
    _places: dict[tuple[int, int], str] = field(default_factory=dict)

    def read(self, events: Iterable[ChainEvent]) -> None:
        """Take in the next events."""
        for event in events:
            if isinstance(event, LeaseOpened):
                self._open(event)
            elif isinstance(event, LeasesSettled):
                self._settle(event)
            elif isinstance(event, LeaseClosed):
                self._close(event.lease_id, event.outcome, event.paid, event.refund, event.reason)
                if event.reason is not CloseReason.VERDICT:
                    self.amounts["treasury", "fees"] += event.fee
            elif isinstance(event, ClaimsSettled):
                self._share(event.fees, event.signers)
            elif isinstance(event, LeaseDisputed):
                self.amounts[event.renter, "free"] -= event.bond
            elif isinstance(event, BondReturned):
                self.amounts[event.to, "free"] += event.bond
            elif isinstance(event, Slashed):
                self.amounts[event.provider, "cover"] -= event.amount

    def _open(self, event: LeaseOpened) -> None:
        self._opened[event.lease_id], self._places[event.group, event.place] = event, event.lease_id
        self.amounts[event.renter, "free"] -= event.price
        self.amounts[event.provider, "covered"] += event.price
        self.amounts[event.provider, "open_leases"] += 1

    def _settle(self, event: LeasesSettled) -> None:
        fees = 0
        for one in event.settled:
            lease_id = self._places[one.group, one.place]
            opened = self._opened[lease_id]
            fee = one.pay * opened.fee_bps // BPS
            self._close(lease_id, one.outcome, one.pay - fee, opened.price - one.pay, CloseReason.VERDICT)
            fees += fee
        self._share(fees, event.signers)

    def _close(self, lease_id: str, outcome: Outcome, paid: int, refund: int, reason: CloseReason) -> None:
        opened = self._opened[lease_id]
        penalty = opened.price if outcome == Outcome.FRAUD else 0
        self.amounts[opened.renter, "free"] += refund + penalty
        self.amounts[opened.provider, "earned"] += paid
        self.amounts[opened.provider, "covered"] -= opened.price
        self.amounts[opened.provider, "open_leases"] -= 1
        counter = "expired" if reason is CloseReason.DEADLINE else _COUNTERS.get(Outcome(outcome))
        if counter is not None:
            self.amounts[opened.provider, counter] += 1

    def _share(self, fees: int, signers: int) -> None:
        members = [place for place in range(signers.bit_length()) if signers >> place & 1]
        share = fees * ORACLE_SHARE_BPS // BPS // len(members) if members else 0
        for place in members:
            self.amounts[f"member {place}", "fees"] += share
        self.amounts["treasury", "fees"] += fees - share * len(members)


def held(
    renters: Mapping[str, RenterAccount],
    providers: Mapping[str, ProviderAccount],
    treasury: Mapping[int, int],
    members: Mapping[tuple[int, int], int],
) -> Counter[Key]:
    """The same as the escrow's tables have it."""
    found: Counter[Key] = Counter()
    for address, account in renters.items():
        found[address, "free"] += account.free
    for address, provider in providers.items():
        for name in _PROVIDER:
            found[address, name] += getattr(provider, name)
    found["treasury", "fees"] += sum(treasury.values())
    for (_, place), amount in members.items():
        found[f"member {place}", "fees"] += amount
    return found


def find_wrong(due: Mapping[Key, int], has: Mapping[Key, int], names: Mapping[str, str]) -> list[str]:
    """Where somebody has something else than is due; `names` by address, who is not in it is a stranger."""
    wrong = sorted(key for key in due.keys() | has.keys() if due.get(key, 0) != has.get(key, 0))
    return [
        f"{names.get(who, 'a stranger ' + who)}: {name} is {has.get((who, name), 0)}, by the events"
        f" {due.get((who, name), 0)}"
        for who, name in wrong
    ]
