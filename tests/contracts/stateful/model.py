"""The contracts again, in plain Python: what every call must do to every account, or which error must stop it."""

from dataclasses import dataclass, field

from marketplace.protocol.enums import ClaimState, Outcome, SkipReason, Verification
from marketplace.protocol.messages import Verdict
from marketplace.protocol.metering import compute_quote
from marketplace.protocol.packing import GROUP_SIZE, LeaseGroup, LeaseTerms
from tests.contracts.stateful.accounts import Accounts
from tests.contracts.stateful.parties import Group, Lease, Offer, Signed, share_fees
from tests.contracts.stateful.refused import refuse_if

DISPUTE_BOND = 10
"""One part of so many of the claimed pay is what a dispute puts at stake, rounded up."""


@dataclass
class Taken:
    """What a batch of matches has taken up so far."""

    spent: dict[str, int] = field(default_factory=dict)
    covered: dict[str, int] = field(default_factory=dict)
    count: dict[str, int] = field(default_factory=dict)
    salts: set[tuple[str, int]] = field(default_factory=set)
    last_bid: str = ""
    last_providers: list[str] = field(default_factory=list)


@dataclass
class Market(Accounts):
    """Everything that the contracts know."""

    groups: dict[int, Group] = field(default_factory=dict)
    """The group last opened with a number, by number."""

    # --- opening -------------------------------------------------------------------------------------------

    def open(self, now: int, first_group: int, offers: list[Offer]) -> list[tuple[int, SkipReason]]:
        """Open what can be opened; the others and why."""
        refuse_if(self.paused, "OpeningIsPaused")
        refuse_if(not offers, "EmptyBatch")
        taken, opened, skipped = Taken(), [], []
        for index, offer in enumerate(offers):
            reason = self._why_not(now, offer, taken)
            if reason == SkipReason.NONE:
                self._take(offer, taken)
                opened.append(offer)
            else:
                skipped.append((index, reason))
        numbers = range(first_group, first_group + -(-len(opened) // GROUP_SIZE))
        refuse_if(any(self.groups[number].is_open for number in numbers if number in self.groups), "GroupInUse")
        refuse_if(not opened, "NothingOpened")
        for at, number in enumerate(numbers):
            self._store(number, opened[at * GROUP_SIZE : (at + 1) * GROUP_SIZE])
        return skipped

    def _why_not(self, now: int, offer: Offer, taken: Taken) -> SkipReason:
        bid, ask, price = offer.bid, offer.ask, offer.price
        provider, renter = self.providers[ask.provider], self.renters[bid.renter]
        if now > ask.valid_until:
            return SkipReason.ASK_EXPIRED
        if ask.salt < provider.ask_salt:
            return SkipReason.ASK_CANCELLED
        allowed = not offer.ask_by_agent or (ask.provider, ask.agent) in self.agents
        if ask.market != self.market or not offer.ask_signed or not allowed:
            return SkipReason.ASK_SIGNATURE
        if not compute_quote(ask.rates, bid.resources).total <= price <= bid.max_price:
            return SkipReason.QUOTE
        if now > bid.valid_until or now >= bid.deadline:
            return SkipReason.BID_EXPIRED
        if self.covered(ask.provider) + taken.covered.get(ask.provider, 0) + price > provider.cover:
            return SkipReason.COVER
        if len(self.live_leases(ask.provider)) + taken.count.get(ask.provider, 0) >= ask.units:
            return SkipReason.UNITS
        if renter.free - taken.spent.get(bid.renter, 0) < price:
            return SkipReason.BALANCE
        if bid.struct_hash() == taken.last_bid:
            full = len(taken.last_providers) == bid.replicas
            ascends = int(ask.provider, 16) > int(taken.last_providers[-1], 16)
            return SkipReason.REPLICAS if full or not ascends else SkipReason.NONE
        if bid.settlement != 0 or bid.verification > max(Verification):
            return SkipReason.SETTLEMENT
        if bid.replicas == 0:
            return SkipReason.REPLICAS
        # Salts of this batch are in `renter` only once it is stored; of them, the highest may have moved the window.
        highest = max((salt for owner, salt in taken.salts if owner == bid.renter), default=0)
        if renter.is_void(bid.salt) or (bid.renter, bid.salt) in taken.salts or bid.salt <= highest - 144:
            return SkipReason.SALT_USED
        return SkipReason.NONE if bid.market == self.market and offer.bid_signed else SkipReason.BID_SIGNATURE

    def _take(self, offer: Offer, taken: Taken) -> None:
        bid, provider = offer.bid, offer.ask.provider
        taken.spent[bid.renter] = taken.spent.get(bid.renter, 0) + offer.price
        taken.covered[provider] = taken.covered.get(provider, 0) + offer.price
        taken.count[provider] = taken.count.get(provider, 0) + 1
        taken.salts.add((bid.renter, bid.salt))
        if bid.struct_hash() != taken.last_bid:
            taken.last_bid, taken.last_providers = bid.struct_hash(), []
        taken.last_providers.append(provider)

    def _store(self, number: int, offers: list[Offer]) -> None:
        terms = tuple(
            LeaseTerms(
                bid_hash=offer.bid.struct_hash(),
                renter=offer.bid.renter,
                provider=offer.ask.provider,
                price=offer.price,
                fee_bps=self.fee_bps,
                deadline=offer.bid.deadline,
                salt=offer.bid.salt,
            )
            for offer in offers
        )
        packed = LeaseGroup(self.market, number, terms)
        group = Group(packed, [], int.from_bytes(packed.commitment()))
        self.groups[number] = group
        for place, (lease_id, offer) in enumerate(zip(packed.lease_ids(), offers, strict=True)):
            assert lease_id not in self.leases
            lease = Lease(lease_id, offer.bid, offer.ask, terms[place], group, place)
            self.leases[lease_id] = lease
            group.leases.append(lease)
            renter = self.renters[offer.bid.renter]
            renter.free -= offer.price
            renter.use(offer.bid.salt)

    # --- groups --------------------------------------------------------------------------------------------

    def _require_group(self, group: LeaseGroup) -> None:
        refuse_if(self.groups.get(group.number) is not group, "WrongGroup")

    def _only_one(self, group: Group, places: list[int]) -> Lease:
        self._require_group(group)
        refuse_if(len(places) != 1 or places[0] >= len(group.leases), "NotOneLease")
        lease = group.leases[places[0]]
        refuse_if(lease.state != "open", "LeaseNotOpen")
        return lease

    # --- verdicts ------------------------------------------------------------------------------------------

    def settle(self, now: int, groups: list[tuple[Group, list[int]]], verdicts: list[Verdict], signed: Signed) -> None:
        refuse_if(not verdicts, "EmptyBatch")
        for group, _ in groups:
            self._require_group(group)
        leases = [group.leases[place] for group, places in groups for place in places]
        counting = self._counting(leases, verdicts, ("open",))
        refuse_if(not counting, "NothingClosed")
        self.require_committee(signed)
        self._share(sum(self._judge(*each) for each in counting), signed)

    def settle_claims(
        self, now: int, claimed: list[tuple[Lease, bool]], verdicts: list[Verdict], signed: Signed
    ) -> None:
        """`claimed`: the leases, and whether their terms come along as they are."""
        refuse_if(not verdicts, "EmptyBatch")
        self.require_committee(signed)
        leases = [lease if right else None for lease, right in claimed]
        counting = self._counting(leases, verdicts, ("claimed", "disputed"))
        refuse_if(not counting, "NothingClosed")
        for lease, verdict in counting:
            due = verdict.outcome == Outcome.PAID and verdict.pay >= lease.pay
            self._return_bond(lease, lease.ask.provider if due else lease.bid.renter)
        self._share(sum(self._judge(*each) for each in counting), signed)

    def _counting(self, leases: list, verdicts: list[Verdict], states: tuple[str, ...]) -> list[tuple[Lease, Verdict]]:
        """The verdicts that count, each lease's first only."""
        counting: dict[str, tuple[Lease, Verdict]] = {}
        for lease, verdict in zip(leases, verdicts, strict=True):
            if lease is None or lease.id in counting or lease.state not in states:
                continue
            blank = verdict.outcome in (Outcome.FAILED, Outcome.FRAUD) and verdict.pay == 0
            if blank or (verdict.outcome == Outcome.PAID and verdict.pay <= lease.price):
                counting[lease.id] = (lease, verdict)
        return list(counting.values())

    def _judge(self, lease: Lease, verdict: Verdict) -> int:
        counter = {Outcome.PAID: "settled", Outcome.FAILED: "failed", Outcome.FRAUD: "frauds"}
        return self._close(lease, verdict.pay, counter[verdict.outcome])

    def _share(self, fees: int, signed: Signed) -> None:
        each, rest = share_fees(fees, len(signed.signers))
        for index in signed.signers:
            self.oracle_fees[signed.epoch, index] = self.oracle_fees.get((signed.epoch, index), 0) + each
        self.treasury_fees[signed.epoch] = self.treasury_fees.get(signed.epoch, 0) + rest

    def _close(self, lease: Lease, pay: int, counter: str | None) -> int:
        """The one end of every lease; returns its fee, which is whose the caller says."""
        fee = lease.fee_of(pay)
        lease.state, lease.parts = "closed", (pay - fee, fee, lease.price - pay)
        if lease.claim != ClaimState.NONE:
            lease.claim = ClaimState.CLOSED
        provider, renter = self.providers[lease.ask.provider], self.renters[lease.bid.renter]
        provider.earned += pay - fee
        renter.free += lease.price - pay
        if counter == "frauds":
            provider.cover -= lease.price
            renter.free += lease.price
        if counter:
            setattr(provider, counter, getattr(provider, counter) + 1)
        return fee

    # --- without verdicts ----------------------------------------------------------------------------------

    def accept(
        self, now: int, sender: str, group: Group, places: list[int], lease_id: str, pay: int, signer: str
    ) -> None:
        lease = self._only_one(group, places)
        refuse_if(lease.id != lease_id, "LeaseNotOpen")
        refuse_if(signer != lease.bid.renter, "InvalidSignature")
        refuse_if(pay > lease.price, "PayAboveLock")
        refuse_if(pay < lease.price and sender != lease.ask.provider, "ReceiptNeedsProvider")
        self.treasury_fees[0] += self._close(lease, pay, "settled")

    def refund(self, now: int, groups: list[tuple[Group, list[int]]]) -> None:
        leases: dict[str, Lease] = {}
        for group, places in groups:
            self._require_group(group)
            for lease in (group.leases[place] for place in places):
                if lease.state == "open" and lease.id not in leases:
                    refuse_if(now <= lease.bid.deadline, "DeadlineNotPassed")
                    leases[lease.id] = lease
        refuse_if(not leases, "NothingClosed")
        for lease in leases.values():
            self._close(lease, 0, "expired")

    def claim(
        self, now: int, sender: str, group: Group, places: list[int], pay: int, exit_kind: int, agent: str,
        signed: bool,
    ) -> None:  # fmt: skip
        lease = self._only_one(group, places)
        provider = lease.ask.provider
        refuse_if(exit_kind != 0, "NotCompleted")
        refuse_if(now > lease.bid.deadline, "DeadlinePassed")
        refuse_if(pay == 0, "ZeroAmount")
        refuse_if(pay > lease.price, "PayAboveLock")
        if sender != provider:
            refuse_if((provider, sender) not in self.agents, "NotProvider")
            refuse_if(agent != provider and (provider, agent) not in self.agents, "InvalidSignature")
            refuse_if(not signed, "InvalidSignature")
        lease.state, lease.claim, lease.pay, lease.until = "claimed", ClaimState.CLAIMED, pay, now + self.times.claim

    def release(self, now: int, sender: str, lease: Lease, right: bool) -> None:
        self._require_claim(lease, ClaimState.CLAIMED, right)
        refuse_if(sender != lease.bid.renter and now <= lease.until, "WindowNotOver")
        self.treasury_fees[0] += self._close(lease, lease.pay, "settled")

    def dispute(self, now: int, sender: str, lease: Lease, right: bool) -> None:
        self._require_claim(lease, ClaimState.CLAIMED, right)
        renter, bond = self.renters[lease.bid.renter], -(-lease.pay // DISPUTE_BOND)
        refuse_if(sender != lease.bid.renter, "NotRenter")
        refuse_if(now > lease.until, "WindowOver")
        refuse_if(renter.free < bond, "InsufficientBalance")
        renter.free -= bond
        lease.state, lease.claim, lease.bond = "disputed", ClaimState.DISPUTED, bond
        lease.until = now + self.times.dispute

    def expire_dispute(self, now: int, lease: Lease, right: bool) -> None:
        self._require_claim(lease, ClaimState.DISPUTED, right)
        refuse_if(now <= lease.until, "WindowNotOver")
        self._return_bond(lease, lease.bid.renter)
        self._close(lease, 0, None)
        lease.undecided = True

    def _return_bond(self, lease: Lease, to: str) -> None:
        if lease.state == "disputed":
            self.renters[to].free += lease.bond

    def _require_claim(self, lease: Lease, state: ClaimState, right: bool) -> None:
        refuse_if(lease.claim != state, "WrongClaimState")
        refuse_if(not right, "WrongTerms")

    # --- what the contracts' views must show ---------------------------------------------------------------

    def views(self) -> dict[tuple, tuple[int, ...]]:
        """Every view that something of this can be seen by."""
        views = self.account_views()
        views |= {("group", number): (group.word(),) for number, group in self.groups.items()}
        views |= {("claim", lease.id): lease.claim_view() for lease in self.leases.values() if lease.pay}
        return views
