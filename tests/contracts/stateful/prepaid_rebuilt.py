"""All that the prepaid contract knows, rebuilt from its events alone: what a dApp can do without our server."""

from collections import Counter
from typing import Any

from eth_utils import to_checksum_address

from tests.contracts.stateful.prepaid_model import Allowance, Books, Provider, Renter

MASK = 2**64 - 1


class Told:
    """The sum of all events so far, in the words of the model, after a deployment whose first event tells of a fee."""

    def __init__(self, members: list[str]) -> None:
        self.members = members
        self.renters: dict[str, Renter] = {}
        self.words: dict[str, int] = {}
        self.providers: dict[str, Provider] = {}
        self.allowances: dict[str, Allowance] = {}
        self.batches: Counter[str] = Counter()
        self.fee_bps, self.treasury, self.purses = 500, 0, [0] * len(members)

    def take(self, events: Any) -> None:
        """Add the events of a transaction."""
        for event in events:
            handler = getattr(self, f"_{event.name}", None)
            if handler:
                handler(dict(event))

    def is_what_is(self, books: Books) -> bool:
        """Whether the events tell everything that a model knows."""
        pairs = [
            ({each: self.renter(each).view() for each in books.renters}, books.renters),
            ({each: self.provider(each).view() for each in books.providers}, books.providers),
            ({each: self.allowance(each).view() for each in books.allowances}, books.allowances),
        ]
        same = all(told == {each: own.view() for each, own in known.items()} for told, known in pairs)
        rest = (self.fee_bps, self.treasury, self.purses, sum(self.batches.values()))
        return same and rest == (books.fee_bps, books.treasury, books.purses, books.batches)

    def renter(self, account: Any) -> Renter:
        return self.renters.setdefault(str(account), Renter())

    def provider(self, account: Any) -> Provider:
        return self.providers.setdefault(str(account), Provider())

    def allowance(self, account: Any) -> Allowance:
        return self.allowances.setdefault(str(account), Allowance())

    # --- events --------------------------------------------------------------------------------------------

    def _PrepaidDeposited(self, event: dict) -> None:
        self.renter(event["account"]).balance += event["amount"]

    def _WithdrawalRequested(self, event: dict) -> None:
        own = self.renter(event["renter"])
        own.leaving, own.leaves_at = event["amount"], event["leavesAt"]

    def _PrepaidWithdrawn(self, event: dict) -> None:
        own = self.renter(event["renter"])
        own.balance -= event["amount"]
        own.leaving = own.leaves_at = 0

    def _EarningsWithdrawn(self, event: dict) -> None:
        self.provider(event["account"]).balance -= event["amount"]

    def _AsksCancelled(self, event: dict) -> None:
        own = self.provider(event["provider"])
        own.ask_salt = max(own.ask_salt, event["salt"])

    def _WorkSettled(self, event: dict) -> None:
        for renter, word in map(tuple, event["renters"]):
            own = self.renter(renter)
            own.balance, own.base = word & MASK, word >> 64 & 2**48 - 1
            own.used = {own.base + bit for bit in range(144) if word >> 112 + bit & 1}
        self._credit(event["credits"])
        self._share(event["fees"], event["signers"])

    def _WorkUnpaid(self, event: dict) -> None:
        own = self.provider(event["provider"])
        own.failed += event["failed"]
        own.frauds += event["frauds"]

    def _AllowanceSet(self, event: dict) -> None:
        own = self.allowance(event["renter"])
        own.cap, own.until, own.salt = event["cap"], event["validUntil"], event["salt"]

    def _NettedSettled(self, event: dict) -> None:
        self.batches[str(event["market"])] = event["number"]
        debits = [(_account(debit), debit >> 160 & MASK) for debit in event["debits"]]
        for renter, amount in debits:
            self.renter(renter).balance -= amount
            self.allowance(renter).spent += amount
        credited = self._credit(event["credits"])
        self._share(sum(amount for _, amount in debits) - credited, event["signers"])

    def _FeeChanged(self, event: dict) -> None:
        self.fee_bps = event["feeBps"]

    def _FeesWithdrawn(self, event: dict) -> None:
        self.treasury -= event["amount"]

    def _OracleFeeCredited(self, event: dict) -> None:
        self.purses[self.members.index(str(event["member"]))] -= event["amount"]
        self.provider(event["member"]).balance += event["amount"]

    def _credit(self, credits: list[int]) -> int:
        for credit in filter(None, credits):
            own, amount = self.provider(_account(credit)), credit >> 160 & MASK
            own.balance += amount
            own.volume += amount
            own.settled += credit >> 224
        return sum(credit >> 160 & MASK for credit in credits)

    def _share(self, fees: int, signers: int) -> None:
        chosen = [index for index in range(len(self.members)) if signers >> index & 1]
        each = fees * 2_000 // 10_000 // len(chosen)
        for index in chosen:
            self.purses[index] += each
        self.treasury += fees - each * len(chosen)


def _account(word: int) -> str:
    return to_checksum_address((word & 2**160 - 1).to_bytes(20))
