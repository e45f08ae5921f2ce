"""The contracts again, in plain Python: what every call must do to every account, or which error must stop it.

Written from the interfaces' manual, not from the contracts' code. Every method either changes the model or raises
`Refused` and leaves it as it was; `now` is the timestamp of the block in which the chain ran the same call.
"""

from copy import deepcopy
from dataclasses import dataclass, field

from marketplace.protocol.enums import Outcome, Verification
from marketplace.protocol.messages import Ask, Bid, Verdict, compute_lease_id
from marketplace.protocol.metering import compute_quote, compute_split

MAX_FEE_BPS = 1_000


class Refused(Exception):
    """The call must revert with this custom error."""


def refuse_if(condition: bool, error: str) -> None:
    """Raises Refused(error) if the condition holds."""
    if condition:
        raise Refused(error)


@dataclass
class Bond:
    """What a provider has in ProviderStake."""

    active: int = 0
    locked: int = 0
    unbonding: int = 0
    withdrawable_at: int = 0


@dataclass
class LeaseModel:
    """A lease, open or closed; once closed, how its money was split."""

    bid: Bid
    ask: Ask
    locked: int
    fee_bps: int
    is_open: bool = True
    parts: tuple[int, int, int] | None = None


@dataclass
class Offer:
    """A match as it is submitted: orders, price, and whose signatures hold."""

    bid: Bid
    ask: Ask
    price: int
    bid_signed: bool = True
    ask_signed: bool = True


@dataclass
class Market:
    """Everything the contracts know."""

    market: str
    tokens: dict[str, int]
    free: dict[str, int]
    bonds: dict[str, Bond]
    counters: dict[str, dict[str, int]]
    members: list[str]
    threshold: int
    unbonding_delay: int
    fee_bps: int = 500
    fees: int = 0
    paused: bool = False
    leases: dict[str, LeaseModel] = field(default_factory=dict)
    cancelled: set[tuple[str, int]] = field(default_factory=set)
    cancelled_before: dict[str, int] = field(default_factory=dict)
    announced: dict[int, tuple[int, str, tuple]] = field(default_factory=dict)

    def attempt(self, call: str, *arguments) -> "Market":
        """The market after a call, this one being left as it is. Raises Refused."""
        after = deepcopy(self)
        getattr(after, call)(*arguments)
        return after

    # --- money ---------------------------------------------------------------------------------------------

    def deposit(self, now: int, account: str, amount: int) -> None:
        refuse_if(amount == 0, "ZeroAmount")
        refuse_if(amount > self.tokens[account], "ERC20InsufficientBalance")
        self.tokens[account] -= amount
        self.free[account] += amount

    def withdraw(self, now: int, account: str, amount: int) -> None:
        refuse_if(amount == 0, "ZeroAmount")
        refuse_if(amount > self.free[account], "InsufficientBalance")
        self.free[account] -= amount
        self.tokens[account] += amount

    def withdraw_fees(self, now: int) -> None:
        refuse_if(self.fees == 0, "ZeroAmount")
        self.fees = 0

    def stake(self, now: int, provider: str, amount: int) -> None:
        refuse_if(amount == 0, "StakeZeroAmount")
        refuse_if(amount > self.tokens[provider], "ERC20InsufficientBalance")
        self.tokens[provider] -= amount
        self.bonds[provider].active += amount

    def unbond(self, now: int, provider: str, amount: int) -> None:
        bond = self.bonds[provider]
        refuse_if(amount == 0, "StakeZeroAmount")
        refuse_if(amount > bond.active - bond.locked, "InsufficientStake")
        bond.active -= amount
        bond.unbonding += amount
        bond.withdrawable_at = now + self.unbonding_delay

    def withdraw_stake(self, now: int, provider: str) -> None:
        bond = self.bonds[provider]
        refuse_if(bond.unbonding == 0, "NothingUnbonding")
        refuse_if(now < bond.withdrawable_at, "StillUnbonding")
        self.tokens[provider] += bond.unbonding
        bond.unbonding = 0

    # --- leases --------------------------------------------------------------------------------------------

    def open(self, now: int, offers: list[Offer]) -> None:
        refuse_if(self.paused, "OpeningIsPaused")
        refuse_if(not offers, "EmptyBatch")
        for offer in offers:
            self._open(now, offer)

    def _open(self, now: int, offer: Offer) -> None:
        bid, ask, price = offer.bid, offer.ask, offer.price
        refuse_if(self.market != bid.market or self.market != ask.market, "NotMarket")
        refuse_if(bid.replicas == 0, "NoReplicas")
        refuse_if(bid.verification > max(Verification), "UnknownVerification")
        refuse_if(now > bid.valid_until or now > ask.valid_until, "OrderExpired")
        refuse_if(now >= bid.deadline, "DeadlinePassed")
        refuse_if(self.is_cancelled(bid.renter, bid.salt), "OrderIsCancelled")
        refuse_if(self.is_cancelled(ask.provider, ask.salt), "OrderIsCancelled")
        refuse_if(not offer.bid_signed or not offer.ask_signed, "InvalidSignature")
        refuse_if(price < compute_quote(ask.rates, bid.resources).total, "PriceBelowQuote")
        refuse_if(price > bid.max_price, "PriceAboveMax")
        refuse_if(self.filled(bid) >= bid.replicas, "BidIsFilled")
        refuse_if(self.open_units(ask) >= ask.units, "AskIsFull")
        lease_id = compute_lease_id(bid.struct_hash(), ask.provider)
        refuse_if(lease_id in self.leases, "LeaseExists")
        refuse_if(self.free[bid.renter] < price, "InsufficientBalance")
        bond = self.bonds[ask.provider]
        refuse_if(bond.active - bond.locked < price, "InsufficientStake")
        self.free[bid.renter] -= price
        bond.locked += price
        self.leases[lease_id] = LeaseModel(bid, ask, price, self.fee_bps)

    def settle(self, now: int, verdicts: list[Verdict], signers: list[str]) -> None:
        refuse_if(not verdicts, "EmptyBatch")
        refuse_if(len(signers) < self.threshold, "TooFewSignatures")
        previous = 0
        for signer in signers:
            refuse_if(signer not in self.members, "NotMember")
            refuse_if(int(signer, 16) <= previous, "SignersNotAscending")
            previous = int(signer, 16)
        for verdict in verdicts:
            refuse_if(not 0 < verdict.outcome <= max(Outcome), "UnknownOutcome")
            refuse_if(verdict.outcome != Outcome.PAID and verdict.pay > 0, "PayWithoutResult")
            counter = {Outcome.PAID: "settled", Outcome.FAILED: "failed", Outcome.FRAUD: "slashed"}
            self._close(verdict.lease_id, verdict.pay, counter[verdict.outcome])

    def accept(self, now: int, sender: str, lease_id: str, pay: int, signer: str) -> None:
        refuse_if(not self._is_open(lease_id), "LeaseNotOpen")
        lease = self.leases[lease_id]
        refuse_if(signer != lease.bid.renter, "InvalidSignature")
        refuse_if(pay < lease.locked and sender != lease.ask.provider, "ReceiptNeedsProvider")
        self._close(lease_id, pay, "settled")

    def refund(self, now: int, lease_ids: list[str]) -> None:
        refuse_if(not lease_ids, "EmptyBatch")
        for lease_id in lease_ids:
            refuse_if(not self._is_open(lease_id), "LeaseNotOpen")
            refuse_if(now <= self.leases[lease_id].bid.deadline, "DeadlineNotPassed")
            self._close(lease_id, 0, "expired")

    def _close(self, lease_id: str, pay: int, counter: str) -> None:
        refuse_if(not self._is_open(lease_id), "LeaseNotOpen")
        lease = self.leases[lease_id]
        refuse_if(pay > lease.locked, "PayAboveLock")
        renter, provider = lease.bid.renter, lease.ask.provider
        split = compute_split(lease.locked, pay, lease.fee_bps)
        lease.is_open, lease.parts = False, (split.paid, split.fee, split.refund)
        self.free[provider] += split.paid
        self.free[renter] += split.refund
        self.fees += split.fee
        self.bonds[provider].locked -= lease.locked
        if counter == "slashed":
            self.bonds[provider].active -= lease.locked
            self.free[renter] += lease.locked
        self.counters[provider][counter] += 1
        self.counters[provider]["volume"] += pay

    # --- cancelling ----------------------------------------------------------------------------------------

    def cancel(self, now: int, signer: str, salt: int) -> None:
        self.cancelled.add((signer, salt))

    def cancel_before(self, now: int, signer: str, salt: int) -> None:
        self.cancelled_before[signer] = max(salt, self.cancelled_before.get(signer, 0))

    # --- governance ----------------------------------------------------------------------------------------

    def announce(self, now: int, salt: int, delay: int, effect: str, values: tuple) -> None:
        self.announced[salt] = (now + delay, effect, values)

    def execute(self, now: int, salt: int) -> None:
        refuse_if(salt not in self.announced, "TimelockUnexpectedOperationState")
        ready, effect, values = self.announced[salt]
        refuse_if(now < ready, "TimelockUnexpectedOperationState")
        del self.announced[salt]
        getattr(self, effect)(*values)

    def set_fee(self, fee_bps: int) -> None:
        refuse_if(fee_bps > MAX_FEE_BPS, "FeeAboveCap")
        self.fee_bps = fee_bps

    def set_paused(self, paused: bool) -> None:
        self.paused = paused

    def set_committee(self, members: list[str], threshold: int) -> None:
        refuse_if(not 0 < threshold <= len(members), "InvalidThreshold")
        self.members, self.threshold = members, threshold

    # --- what is -------------------------------------------------------------------------------------------

    def is_cancelled(self, signer: str, salt: int) -> bool:
        """Whether an order of this signer and salt is void."""
        return salt < self.cancelled_before.get(signer, 0) or (signer, salt) in self.cancelled

    def filled(self, bid: Bid) -> int:
        """How many leases of a bid were ever opened."""
        return sum(lease.bid == bid for lease in self.leases.values())

    def open_units(self, ask: Ask) -> int:
        """How many leases of an ask are open."""
        return sum(lease.is_open and lease.ask == ask for lease in self.leases.values())

    def open_leases(self) -> dict[str, LeaseModel]:
        """The leases that are open."""
        return {lease_id: lease for lease_id, lease in self.leases.items() if lease.is_open}

    def _is_open(self, lease_id: str) -> bool:
        return lease_id in self.leases and self.leases[lease_id].is_open
