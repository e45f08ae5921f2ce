"""Settlement without a lock again, in plain Python: what every call must do to every account, or which error stops it.

Written from the interface's manual, not from the contract's code. A call either changes the model or raises `Refused`
and leaves it as it was; `now` is the timestamp of the block in which the chain ran the same call.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import Ask, Bid
from marketplace.protocol.metering import compute_quote
from marketplace.protocol.prepaid import NettedAllowance, WorkRefusal
from tests.contracts.stateful.refused import refuse_if

WINDOW = 144
BPS = 10_000
ORACLES_PART = 5
THRESHOLD = 3
PREPAID = 1


@dataclass
class Renter:
    """What a renter has paid in, wants back, and which salts of its bids are used."""

    balance: int = 0
    leaving: int = 0
    leaves_at: int = 0
    base: int = 0
    used: set[int] = field(default_factory=set)

    def is_void(self, salt: int) -> bool:
        return salt < self.base or salt in self.used

    def use(self, salt: int) -> None:
        self.used.add(salt)
        self.base = max(self.base, salt - WINDOW + 1)

    def view(self) -> tuple[int, ...]:
        window = sum(1 << salt - self.base for salt in self.used if salt >= self.base)
        return self.balance, self.leaving, self.leaves_at, self.base, window


@dataclass
class Provider:
    """What a provider (or an oracle) has earned, and what became of its jobs."""

    balance: int = 0
    volume: int = 0
    ask_salt: int = 0
    settled: int = 0
    failed: int = 0
    frauds: int = 0

    def view(self) -> tuple[int, ...]:
        return self.balance, self.volume, self.ask_salt, self.settled, self.failed, self.frauds


@dataclass
class Allowance:
    """What a renter lets the quorum debit."""

    cap: int = 0
    spent: int = 0
    until: int = 0
    salt: int = 0

    def view(self) -> tuple[int, ...]:
        return self.cap, self.spent, self.until, self.salt


@dataclass(frozen=True)
class Work:
    """A finished job as it is submitted, and whose signatures hold."""

    bid: Bid
    ask: Ask
    pay: int
    outcome: int
    bid_signed: bool
    ask_signed: bool


@dataclass
class Books:
    """Everything the contract knows, and the tokens outside it."""

    tokens: dict[str, int]
    renters: dict[str, Renter]
    providers: dict[str, Provider]
    allowances: dict[str, Allowance]
    delay: int
    fee_bps: int = 500
    batches: int = 0
    treasury: int = 0
    purses: list[int] = field(default_factory=lambda: [0] * 5)
    paid_in: int = 0
    paid_out: int = 0

    def held(self) -> int:
        """What the contract must hold."""
        accounts = [*self.renters.values(), *self.providers.values()]
        return sum(each.balance for each in accounts) + self.treasury + sum(self.purses)

    # --- money in and out ----------------------------------------------------------------------------------

    def deposit(self, now: int, sender: str, account: str, amount: int) -> None:
        refuse_if(amount == 0, "ZeroAmount")
        refuse_if(amount > self.tokens[sender], "ERC20InsufficientBalance")
        self.tokens[sender] -= amount
        self.renters[account].balance += amount
        self.paid_in += amount

    def request(self, now: int, renter: str, amount: int) -> None:
        own = self.renters[renter]
        own.leaving, own.leaves_at = amount, now + self.delay

    def withdraw(self, now: int, renter: str) -> None:
        own = self.renters[renter]
        amount = min(own.leaving, own.balance)
        refuse_if(amount == 0, "ZeroAmount")
        refuse_if(now < own.leaves_at, "StillCovering")
        own.leaving = own.leaves_at = 0
        own.balance -= amount
        self._pay_out(renter, amount)

    def withdraw_earned(self, now: int, account: str, amount: int) -> None:
        refuse_if(amount == 0, "ZeroAmount")
        refuse_if(amount > self.providers[account].balance, "InsufficientBalance")
        self.providers[account].balance -= amount
        self._pay_out(account, amount)

    def withdraw_fees(self, now: int, treasury: str) -> None:
        refuse_if(self.treasury == 0, "ZeroAmount")
        self._pay_out(treasury, self.treasury)
        self.treasury = 0

    def credit_oracle(self, now: int, member: str, index: int) -> None:
        refuse_if(self.purses[index] == 0, "ZeroAmount")
        self.providers[member].balance += self.purses[index]
        self.purses[index] = 0

    def _pay_out(self, account: str, amount: int) -> None:
        self.tokens[account] += amount
        self.paid_out += amount

    # --- orders --------------------------------------------------------------------------------------------

    def cancel_asks(self, now: int, provider: str, salt: int) -> None:
        own = self.providers[provider]
        own.ask_salt = max(own.ask_salt, salt)

    def set_fee(self, now: int, fee_bps: int) -> None:
        self.fee_bps = fee_bps

    # --- finished work -------------------------------------------------------------------------------------

    def settle_work(self, now: int, jobs: Sequence[Work], signers: Sequence[int]) -> list[WorkRefusal]:
        """Why each job was left out, or NONE."""
        after = deepcopy(self)
        reasons: list[WorkRefusal] = []
        settled: list[Work | None] = []
        for job in jobs:
            reason = after._settle_one(now, job, [each for each in settled if each is not None])
            reasons.append(reason)
            settled.append(job if reason == WorkRefusal.NONE else None)
        refuse_if(not any(settled), "NothingSettled")
        refuse_if(len(signers) < THRESHOLD, "TooFewSignatures")
        after._credit([job for job in settled if job is not None], signers)
        self.__dict__.update(after.__dict__)
        return reasons

    def _settle_one(self, now: int, job: Work, before: list[Work]) -> WorkRefusal:
        bid, ask = job.bid, job.ask
        renter = self.renters[bid.renter]
        ask_refused = self._refusal_of(now, job)
        if ask_refused != WorkRefusal.NONE:
            return ask_refused
        if compute_quote(ask.rates, bid.resources).total > bid.max_price:
            return WorkRefusal.QUOTE
        if now > bid.deadline:
            return WorkRefusal.BID_EXPIRED
        if job.pay > bid.max_price:
            return WorkRefusal.VERDICT
        if job.pay > renter.balance:
            return WorkRefusal.BALANCE
        if bid.replicas == 0:
            return WorkRefusal.REPLICAS
        if bid.settlement != PREPAID:
            return WorkRefusal.SETTLEMENT
        if job.outcome not in (1, 2, 3) or (job.outcome != Outcome.PAID and job.pay):
            return WorkRefusal.VERDICT
        siblings = _last_run_of(bid, before)
        if siblings:
            last = int(siblings[-1].ask.provider, 16)
            if len(siblings) == bid.replicas or int(ask.provider, 16) <= last:
                return WorkRefusal.REPLICAS
        elif renter.is_void(bid.salt):
            return WorkRefusal.SALT_USED
        elif not job.bid_signed:
            return WorkRefusal.BID_SIGNATURE
        renter.use(bid.salt)
        renter.balance -= job.pay
        return WorkRefusal.NONE

    def _refusal_of(self, now: int, job: Work) -> WorkRefusal:
        if now > job.ask.valid_until:
            return WorkRefusal.ASK_EXPIRED
        if job.ask.salt < self.providers[job.ask.provider].ask_salt:
            return WorkRefusal.ASK_CANCELLED
        return WorkRefusal.NONE if job.ask_signed else WorkRefusal.ASK_SIGNATURE

    def _credit(self, settled: Sequence[Work], signers: Sequence[int]) -> None:
        fees = 0
        for job in settled:
            fee = job.pay * self.fee_bps // BPS
            self._earn(job.ask.provider, job.pay - fee)
            self._count(job)
            fees += fee
        self._share(fees, signers)

    def _earn(self, provider: str, amount: int) -> None:
        self.providers[provider].balance += amount
        self.providers[provider].volume += amount

    def _count(self, job: Work) -> None:
        provider = self.providers[job.ask.provider]
        provider.settled += job.outcome == Outcome.PAID
        provider.failed += job.outcome == Outcome.FAILED
        provider.frauds += job.outcome == Outcome.FRAUD

    def _share(self, fees: int, signers: Sequence[int]) -> None:
        each = fees // ORACLES_PART // len(signers)
        for index in signers:
            self.purses[index] += each
        self.treasury += fees - each * len(signers)

    # --- netted batches ------------------------------------------------------------------------------------

    def allow(self, now: int, allowance: NettedAllowance, signed: bool) -> None:
        own = self.allowances[allowance.renter]
        refuse_if(allowance.salt <= own.salt, "AllowanceSaltUsed")
        lowered = allowance.cap < own.cap or allowance.valid_until < own.until
        refuse_if(lowered and now <= own.until, "AllowanceLowered")
        refuse_if(not signed, "InvalidSignature")
        own.cap, own.until, own.salt = allowance.cap, allowance.valid_until, allowance.salt

    def revoke(self, now: int, renter: str, salt: int) -> None:
        own = self.allowances[renter]
        own.until, own.salt = min(own.until, now + self.delay), max(own.salt, salt)

    def settle_netted(
        self,
        now: int,
        number: int,
        debits: Sequence[tuple[str, int, int]],
        credits: Sequence[tuple[str, int, int]],
        signers: Sequence[int],
    ) -> None:
        after = deepcopy(self)
        refuse_if(not debits, "EmptyBatch")
        refuse_if(number != self.batches + 1, "WrongBatchNumber")
        for renter, amount, _ in debits:
            own, account = after.allowances[renter], after.renters[renter]
            own.spent += amount
            refuse_if(own.spent > (own.cap if now <= own.until else 0), "AllowanceExceeded")
            refuse_if(amount > account.balance, "InsufficientBalance")
            account.balance -= amount
        for provider, amount, jobs in credits:
            after._earn(provider, amount)
            after.providers[provider].settled += jobs
        refuse_if(sum(jobs for *_, jobs in debits) != sum(jobs for *_, jobs in credits), "JobsDiffer")
        debited, credited = (sum(amount for _, amount, _ in sums) for sums in (debits, credits))
        fits = 0 <= debited - credited <= debited * self.fee_bps // BPS
        refuse_if(not fits, "SumsDiffer")
        refuse_if(len(signers) < THRESHOLD, "TooFewSignatures")
        after._share(debited - credited, signers)
        after.batches += 1
        self.__dict__.update(after.__dict__)


def _last_run_of(bid: Bid, before: list[Work]) -> list[Work]:
    """The replicas of this bid that were settled last, with nothing settled in between."""
    found: list[Work] = []
    for job in reversed(before):
        if job.bid != bid:
            break
        found.append(job)
    return found[::-1]
