"""The rules of the contracts, in Python: what `open`, `settle`, `accept`, `refund` and `cancel` check and change."""

from collections import defaultdict
from copy import deepcopy
from dataclasses import dataclass, field

from marketplace.domain.chain import (
    CloseReason,
    EventOrigin,
    LeaseClosed,
    LeaseOpened,
    LeaseView,
    OrderCancelled,
    OrdersCancelledBefore,
    ReputationRecord,
    RoundOpened,
    StakeState,
)
from marketplace.errors import InvalidSignature, Reverted
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import LeaseState, Outcome
from marketplace.protocol.messages import VerdictBatch, compute_lease_id
from marketplace.protocol.metering import compute_quote, compute_split

_NO_LEASE = LeaseView(LeaseState.NONE, "0x" + "00" * 20, "0x" + "00" * 20, 0, 0, 0, 0, "0x" + "00" * 32)


@dataclass
class EscrowState:
    """Everything the contracts store. Copied before each transaction, so that a revert changes nothing."""

    domain: Domain
    oracles: tuple[str, ...]
    threshold: int
    fee_bps: int = 500
    fees: int = 0
    paused: bool = False
    free: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    active: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    covered: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    leases: dict[str, LeaseView] = field(default_factory=dict)
    filled: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    open_units: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    cancelled: set[tuple[str, int]] = field(default_factory=set)
    cancelled_before: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    settled: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    smart_accounts: dict[str, str] = field(default_factory=dict)
    """ERC-1271 accounts by address, with the key that signs for them."""

    def copy(self) -> "EscrowState":
        return deepcopy(self)

    def total(self) -> int:
        """Invariant 1: what the escrow must hold, free, locked and fees."""
        locked = sum(one.locked for one in self.leases.values() if one.state is LeaseState.OPEN)
        return sum(self.free.values()) + locked + self.fees

    def lease(self, lease_id: str) -> LeaseView:
        return self.leases.get(lease_id, _NO_LEASE)

    def stake(self, provider: str) -> StakeState:
        return StakeState(self.active[provider], self.covered[provider], 0, 0)

    def reputation(self, provider: str) -> ReputationRecord:
        return ReputationRecord(self.settled[provider], 0, 0, 0, 0, 0)

    def is_cancelled(self, signer: str, salt: int) -> bool:
        return (signer, salt) in self.cancelled or salt < self.cancelled_before[signer]

    def accepts(self, account: str, message, signature: str) -> bool:
        try:
            return message.recover(self.domain, signature) == self.smart_accounts.get(account, account)
        except InvalidSignature:
            return False

    # --- calls: each returns builders of its events ---------------------------------------------------------------

    def open(self, sender, now, matches, round_digest):
        _require(not self.paused, "OpeningIsPaused")
        _require(matches, "EmptyBatch")
        events = [self._open(sender, now, match, round_digest) for match in matches]
        return [*events, lambda at: RoundOpened(at, sender, round_digest, len(matches))]

    def _open(self, sender, now, match, round_digest):
        bid, ask, price = match.bid, match.ask, match.price
        bid_hash, ask_hash = bid.struct_hash(), ask.struct_hash()
        lease_id = compute_lease_id(bid_hash, ask.provider)
        _require(sender == bid.market and sender == ask.market, "NotMarket", caller=sender, market=bid.market)
        _require(now <= bid.valid_until, "OrderExpired", validUntil=bid.valid_until, timestamp=now)
        _require(now <= ask.valid_until, "OrderExpired", validUntil=ask.valid_until, timestamp=now)
        _require(now < bid.deadline, "DeadlinePassed", deadline=bid.deadline, timestamp=now)
        for signer, salt in ((bid.renter, bid.salt), (ask.provider, ask.salt)):
            _require(not self.is_cancelled(signer, salt), "OrderIsCancelled", signer=signer, salt=salt)
        for signer, order, signature in (
            (bid.renter, bid, match.bid_signature),
            (ask.provider, ask, match.ask_signature),
        ):
            _require(self.accepts(signer, order, signature), "InvalidSignature", signer=signer)
        quote = compute_quote(ask.rates, bid.resources).total
        _require(price >= quote, "PriceBelowQuote", price=price, quote=quote)
        _require(price <= bid.max_price, "PriceAboveMax", price=price, maxPrice=bid.max_price)
        _require(self.filled[bid_hash] < bid.replicas, "BidIsFilled", bidHash=bid_hash, replicas=bid.replicas)
        _require(self.open_units[ask_hash] < ask.units, "AskIsFull", askHash=ask_hash, units=ask.units)
        _require(lease_id not in self.leases, "LeaseExists", leaseId=lease_id)
        free = self.free[bid.renter]
        _require(free >= price, "InsufficientBalance", account=bid.renter, free=free, needed=price)
        available = self.stake(ask.provider).available
        _require(available >= price, "InsufficientStake", provider=ask.provider, available=available, needed=price)
        self.free[bid.renter] -= price
        self.covered[ask.provider] += price
        self.filled[bid_hash] += 1
        self.open_units[ask_hash] += 1
        self.leases[lease_id] = LeaseView(
            LeaseState.OPEN, bid.renter, ask.provider, price, price, self.fee_bps, bid.deadline, ask_hash
        )
        return lambda at: LeaseOpened(
            origin=at,
            lease_id=lease_id,
            renter=bid.renter,
            provider=ask.provider,
            market=bid.market,
            agent=ask.agent,
            bid_hash=bid_hash,
            ask_hash=ask_hash,
            job_digest=bid.job_digest,
            price=price,
            penalty=price,
            fee_bps=self.fee_bps,
            deadline=bid.deadline,
            round_digest=round_digest,
        )

    def settle(self, sender, now, verdicts, signatures):
        batch = VerdictBatch(verdicts=tuple(verdicts))
        signers = [batch.recover(self.domain, one) for one in signatures]
        _require(len(signers) >= self.threshold, "TooFewSignatures", given=len(signers), threshold=self.threshold)
        ascending = [int(one, 16) for one in signers]
        _require(ascending == sorted(set(ascending)), "SignersNotAscending")
        for signer in signers:
            _require(signer in self.oracles, "NotMember", signer=signer)
        events = []
        for one in verdicts:
            _require(one.outcome == Outcome.PAID or one.pay == 0, "PayWithoutResult")
            events.append(
                self._close(one.lease_id, Outcome(one.outcome), one.pay, one.result_digest, CloseReason.VERDICT)
            )
        return events

    def accept(self, sender, now, receipt, signature):
        lease = self.lease(receipt.lease_id)
        _require(self.accepts(lease.renter, receipt, signature), "InvalidSignature", signer=lease.renter)
        consents = receipt.pay == lease.locked or sender == lease.provider
        _require(consents, "ReceiptNeedsProvider", caller=sender, provider=lease.provider)
        return [self._close(receipt.lease_id, Outcome.PAID, receipt.pay, receipt.result_digest, CloseReason.RECEIPT)]

    def refund(self, sender, now, lease_ids):
        for lease_id in lease_ids:
            deadline = self.lease(lease_id).deadline
            _require(now > deadline, "DeadlineNotPassed", deadline=deadline, timestamp=now)
        nothing = "0x" + "00" * 32
        return [self._close(one, Outcome.FAILED, 0, nothing, CloseReason.DEADLINE) for one in lease_ids]

    def cancel(self, sender, now, cancel, signature):
        _require(self.accepts(cancel.signer, cancel, signature), "InvalidSignature", signer=cancel.signer)
        if cancel.all_before:
            self.cancelled_before[cancel.signer] = max(self.cancelled_before[cancel.signer], cancel.salt)
            return [lambda at: OrdersCancelledBefore(at, cancel.signer, cancel.salt)]
        self.cancelled.add((cancel.signer, cancel.salt))
        return [lambda at: OrderCancelled(at, cancel.signer, cancel.salt)]

    def _close(self, lease_id, outcome, pay, result_digest, reason):
        lease = self.lease(lease_id)
        _require(lease.state is LeaseState.OPEN, "LeaseNotOpen", leaseId=lease_id, state=int(lease.state))
        _require(pay <= lease.locked, "PayAboveLock", pay=pay, locked=lease.locked)
        split = compute_split(lease.locked, pay, lease.fee_bps)
        self.leases[lease_id] = LeaseView(
            LeaseState.CLOSED,
            lease.renter,
            lease.provider,
            lease.locked,
            lease.penalty,
            lease.fee_bps,
            lease.deadline,
            lease.ask_hash,
        )
        self.free[lease.provider] += split.paid
        self.free[lease.renter] += split.refund
        self.fees += split.fee
        self.open_units[lease.ask_hash] -= 1
        self.covered[lease.provider] -= lease.penalty
        if outcome is Outcome.FRAUD:
            self.active[lease.provider] -= lease.penalty
            self.free[lease.renter] += lease.penalty
        self.settled[lease.provider] += outcome is Outcome.PAID
        return lambda at: LeaseClosed(at, lease_id, outcome, split.paid, split.fee, split.refund, result_digest, reason)


def _require(holds: object, error: str, **args: object) -> None:
    if not holds:
        raise Reverted(error, dict(args))


def origin(number: int, block_hash: str, tx_hash: str, index: int) -> EventOrigin:
    """Where an event stands."""
    return EventOrigin(number, block_hash, tx_hash, index)
