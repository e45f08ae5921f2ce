"""The rules of the contracts, in Python: what opens leases and what ends them. Claims are in `claims.py`."""

from collections.abc import Callable, Mapping, Sequence

from marketplace.domain import chain as domain
from marketplace.domain.chain import CloseReason, Committee, EventOrigin
from marketplace.ports import Chosen, Match
from marketplace.protocol.enums import CancelKind, Outcome, Settlement, SkipReason, Verification
from marketplace.protocol.messages import Cancel, Receipt, Verdict, VerdictBatch, pack_outcomes
from marketplace.protocol.metering import compute_quote
from marketplace.protocol.packing import GROUP_SIZE, LeaseGroup, LeaseTerms
from tests.fakes.accounts import BPS, cancel, require
from tests.fakes.state import Stored

Build = Callable[[EventOrigin], "domain.ChainEvent | list[domain.ChainEvent]"]
"""Makes what one log tells of, once it is known where the log stands."""
NOTHING = "0x" + "00" * 32


class Leases(Stored):
    """Opening leases, and ending them by verdict, receipt or deadline. Each call returns builders of its events."""

    def open(self, sender: str, now: int, first_group: int, matches: Sequence[Match], round_digest: str) -> list[Build]:
        require(not self.paused, "OpeningIsPaused")
        require(matches, "EmptyBatch")
        events: list[Build] = []
        opened: list[LeaseTerms] = []
        number, first, last = first_group, SkipReason.NONE, ("", 0, "")
        for index, match in enumerate(matches):
            reason, last = self._open(sender, now, match, last)
            if reason is SkipReason.NONE:
                bid, ask = match.bid, match.ask
                opened.append(
                    LeaseTerms(
                        bid.struct_hash(), bid.renter, ask.provider, match.price, self.fee_bps, bid.deadline, bid.salt
                    )
                )
                if len(opened) == GROUP_SIZE:
                    events.append(self._store(LeaseGroup(sender, number, tuple(opened)), round_digest))
                    number, opened = number + 1, []
            else:
                first = first or reason
                events.append(lambda at, index=index, reason=reason: domain.MatchSkipped(at, index, reason))
        if opened:
            events.append(self._store(LeaseGroup(sender, number, tuple(opened)), round_digest))
            number += 1
        require(number != first_group, "NothingOpened", first=int(first))
        return events

    def _open(self, sender: str, now: int, match: Match, last: tuple[str, int, str]):
        """The reason why not, or NONE; and the last bid opened, how often, and with which provider."""
        bid, ask, price = match.bid, match.ask, match.price
        refused = self._refusal_of(sender, now, match)
        if refused is not SkipReason.NONE:
            return refused, last
        bid_hash = bid.struct_hash()
        if bid_hash == last[0]:
            if last[1] == bid.replicas or int(ask.provider, 16) <= int(last[2], 16):
                return SkipReason.REPLICAS, last
            last = (bid_hash, last[1] + 1, ask.provider)
        else:
            if bid.verification > max(Verification) or bid.settlement != Settlement.ESCROWED:
                return SkipReason.SETTLEMENT, last
            if bid.replicas == 0:
                return SkipReason.REPLICAS, last
            if self.renters[bid.renter].is_void(bid.salt):
                return SkipReason.SALT_USED, last
            if bid.market != sender or not self.accepts(bid.renter, bid, match.bid_signature):
                return SkipReason.BID_SIGNATURE, last
            self.renters.use(bid.renter, bid.salt)
            last = (bid_hash, 1, ask.provider)
        self.renters.add(bid.renter, -price)
        self.providers.change(ask.provider, covered=price, open_leases=1)
        return SkipReason.NONE, last

    def _refusal_of(self, sender: str, now: int, match: Match) -> SkipReason:
        bid, ask, price = match.bid, match.ask, match.price
        provider = self.providers[ask.provider]
        signers = [ask.provider, *([ask.agent] if (ask.provider, ask.agent) in self.agents else [])]
        checks = (
            (SkipReason.ASK_EXPIRED, now > ask.valid_until),
            (SkipReason.ASK_CANCELLED, ask.salt < provider.ask_salt),
            (
                SkipReason.ASK_SIGNATURE,
                ask.market != sender or not any(self.accepts(one, ask, match.ask_signature) for one in signers),
            ),
            (SkipReason.QUOTE, not compute_quote(ask.rates, bid.resources).total <= price <= bid.max_price),
            (SkipReason.BID_EXPIRED, now > bid.valid_until or now >= bid.deadline),
            (SkipReason.COVER, provider.covered + price > provider.cover),
            (SkipReason.UNITS, provider.open_leases >= ask.units),
            (SkipReason.BALANCE, self.renters[bid.renter].free < price),
        )
        return next((reason for reason, refused in checks if refused), SkipReason.NONE)

    def _store(self, group: LeaseGroup, round_digest: str) -> Build:
        key = group.market, group.number
        require(not self.words.get(key, (None, 0))[1], "GroupInUse", market=group.market, group=group.number)
        self.words[key] = group, (1 << len(group.leases)) - 1
        ids = group.lease_ids()
        self.leases |= {lease_id: (group, place) for place, lease_id in enumerate(ids)}
        return lambda at: [
            domain.LeaseOpened(
                at, lease_id, group.market, terms.renter, terms.provider, terms.bid_hash, terms.price, terms.fee_bps,
                terms.deadline, terms.salt, group.number, place, round_digest,
            )
            for place, (lease_id, terms) in enumerate(zip(ids, group.leases, strict=True))
        ]  # fmt: skip

    # --- ending ---------------------------------------------------------------------------------------------------

    def settle(
        self,
        sender: str,
        now: int,
        market: str,
        groups: Sequence[Chosen],
        verdicts: Sequence[Verdict],
        committee: Committee,
        signatures: Mapping[str, str],
    ) -> list[Build]:
        require(verdicts, "EmptyBatch")
        left, ids, fees = list(verdicts), [], 0
        settled: list[domain.SettledLease] = []
        events: list[Build] = []
        for group, places in groups:
            self._require_stored(market, group)
            for place in sorted(set(places)):
                require(left, "Panic", code=0x32)
                ids.append(group.lease_ids()[place])
                terms, one = group.leases[place], left.pop(0)
                possible = one.outcome in (1, 2, 3) and (one.pay == 0 or one.outcome == Outcome.PAID)
                if not self.is_open(group, place) or one.pay > terms.price or not possible:
                    continue
                outcome = Outcome(one.outcome)
                self._take(group, place)
                fees += self._pay(terms, outcome, one.pay)
                if outcome is Outcome.FRAUD:
                    events.append(_slashed(terms, ids[-1]))
                settled.append(domain.SettledLease(group.number, place, outcome, one.pay, one.result_digest))
        require(not left, "ArrayLengths", expected=len(verdicts), actual=len(verdicts) - len(left))
        require(settled, "NothingClosed")
        signers = self.require_quorum(ids, verdicts, committee, signatures)
        self.fees.share(fees, committee.epoch, signers)
        bits, leases = sum(1 << index for index in signers), tuple(settled)
        return [*events, lambda at: domain.LeasesSettled(at, market, committee.epoch, bits, leases)]

    def require_quorum(
        self, ids: list[str], verdicts: Sequence[Verdict], committee: Committee, signatures: Mapping[str, str]
    ) -> list[int]:
        """The indexes of the members who signed the batch about these leases."""
        require(committee == self.committee, "WrongCommittee")
        batch = VerdictBatch(
            lease_ids=tuple(ids),
            outcomes=pack_outcomes(verdicts),
            result_digests=tuple(one.result_digest for one in verdicts),
        )
        signers = [index for index, member in enumerate(committee.members) if member in signatures]
        for index in signers:
            member = committee.members[index]
            require(batch.recover(self.domain, signatures[member]) == member, "NotSigned", member=member)
        enough = len(signers) >= committee.threshold
        require(enough, "TooFewSignatures", given=len(signers), threshold=committee.threshold)
        return signers

    def accept(
        self, sender: str, now: int, group: LeaseGroup, place: int, receipt: Receipt, signature: str
    ) -> list[Build]:
        lease_id, terms = self.take_one(group, place)
        require(lease_id == receipt.lease_id, "LeaseNotOpen", leaseId=receipt.lease_id)
        require(self.accepts(terms.renter, receipt, signature), "InvalidSignature", signer=terms.renter)
        require(receipt.pay <= terms.price, "PayAboveLock", pay=receipt.pay, locked=terms.price)
        consents = receipt.pay == terms.price or sender == terms.provider
        require(consents, "ReceiptNeedsProvider", caller=sender, provider=terms.provider)
        outcome, reason = Outcome.PAID, CloseReason.RECEIPT
        events, fee = self.close_one(lease_id, terms, outcome, receipt.pay, receipt.result_digest, reason)
        self.fees.add(fee)
        return events

    def refund(self, sender: str, now: int, groups: Sequence[Chosen]) -> list[Build]:
        events: list[Build] = []
        for group, places in groups:
            self._require_stored(group.market, group)
            for place in sorted(set(places)):
                if not self.is_open(group, place):
                    continue
                lease_id, terms = self.take_one(group, place)
                require(now > terms.deadline, "DeadlineNotPassed", deadline=terms.deadline, timestamp=now)
                events += self.close_one(lease_id, terms, Outcome.FAILED, 0, NOTHING, CloseReason.DEADLINE)[0]
        require(events, "NothingClosed")
        return events

    def cancel(self, sender: str, now: int, message: Cancel, signature: str) -> list[Build]:
        require(self.accepts(message.signer, message, signature), "InvalidSignature", signer=message.signer)
        kind = CancelKind(message.kind)
        cancel(self.renters, self.providers, message.signer, kind, message.salt)
        return [lambda at: domain.OrdersCancelled(at, message.signer, kind, message.salt)]

    # --- what calls share -----------------------------------------------------------------------------------------

    def take_one(self, group: LeaseGroup, place: int) -> tuple[str, LeaseTerms]:
        """Takes one open lease out of its group."""
        self._require_stored(group.market, group)
        lease_id = group.lease_ids()[place]
        require(self.is_open(group, place), "LeaseNotOpen", leaseId=lease_id)
        self._take(group, place)
        return lease_id, group.leases[place]

    def close_one(
        self, lease_id: str, terms: LeaseTerms, outcome: Outcome, pay: int, result_digest: str, reason: CloseReason
    ) -> tuple[list[Build], int]:
        """Ends a lease that is not in its group any more; the events and the fee, which the caller keeps."""
        fee = self._pay(terms, outcome, pay, expired=reason is CloseReason.DEADLINE)
        paid, refund = pay - fee, terms.price - pay
        events: list[Build] = [
            lambda at: domain.LeaseClosed(at, lease_id, outcome, paid, fee, refund, result_digest, reason)
        ]
        return events + ([_slashed(terms, lease_id)] if outcome is Outcome.FRAUD else []), fee

    def _pay(self, terms: LeaseTerms, outcome: Outcome, pay: int, *, expired: bool = False) -> int:
        fee = pay * terms.fee_bps // BPS
        penalty = terms.price if outcome is Outcome.FRAUD else 0
        self.providers.close(terms.provider, outcome, terms.price, pay - fee, expired=expired)
        self.renters.add(terms.renter, terms.price - pay + penalty)
        return fee

    def _take(self, group: LeaseGroup, place: int) -> None:
        key = group.market, group.number
        self.words[key] = group, self.words[key][1] & ~(1 << place)

    def _require_stored(self, market: str, group: LeaseGroup) -> None:
        stored, _ = self.words.get((market, group.number), (None, 0))
        require(stored == group, "WrongGroup", market=market, group=group.number)


def _slashed(terms: LeaseTerms, lease_id: str) -> Build:
    return lambda at: domain.Slashed(at, terms.provider, terms.price, lease_id)
