"""What goes into and comes out of the escrow's batches: matches, opened leases, the arguments of a settlement."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from marketplace.protocol.messages import Ask, Bid, Verdict, VerdictBatch
from marketplace.protocol.packing import LeaseGroup, LeaseTerms, compact, pack_ask, pack_bid

ROUND = bytes(range(32))


@dataclass(frozen=True)
class Match:
    """A bid and an ask with their signatures, to be opened at a price.

    `…_by_key` False: the signature goes to the account contract in whose name the order is."""

    bid: Bid
    ask: Ask
    price: int
    bid_signature: str
    ask_signature: str
    bid_by_key: bool = True
    ask_by_key: bool = True


@dataclass(frozen=True)
class OpenLease:
    """A lease that was opened and all that it came from."""

    id: str
    bid: Bid
    ask: Ask
    price: int
    group: LeaseGroup
    place: int

    @property
    def terms(self) -> LeaseTerms:
        """The lease as the event told it."""
        return self.group.leases[self.place]

    def alone(self) -> tuple:
        """`GroupTerms` that choose this lease."""
        return self.group.chosen([self.place])

    def claimed(self) -> tuple:
        """`ClaimedLease`."""
        return (self.id, *self.terms.words())


@dataclass(frozen=True)
class Committee:
    """A committee as it was announced."""

    epoch: int
    threshold: int
    members: tuple[str, ...]

    def quorum(self, signers: Iterable[int]) -> tuple:
        """`Quorum` in which the members at these indexes sign."""
        return (self.epoch, self.threshold, list(self.members), sum(1 << index for index in signers))


@dataclass(frozen=True)
class Settlement:
    """Arguments of `settle`; `dataclasses.replace` makes a wrong one of it."""

    market: str
    groups: list[tuple]
    outcomes: list[int]
    result_digests: list[str]
    quorum: tuple
    signatures: list[bytes]

    def args(self) -> tuple:
        """In the call's order."""
        return (self.market, self.groups, self.outcomes, self.result_digests, self.quorum, self.signatures)


def open_args(matches: Sequence[Match], first_group: int, round_digest: bytes = ROUND) -> tuple:
    """Arguments of `open`: every renter and every ask once, in the order of the matches."""
    contract_signatures: list[bytes] = []
    renters = list(dict.fromkeys(match.bid.renter for match in matches))
    offers = list(dict.fromkeys((match.ask, match.ask_signature, match.ask_by_key) for match in matches))
    asks = [
        pack_ask(ask, signature, by_key=by_key, contract_signatures=contract_signatures)
        for ask, signature, by_key in offers
    ]
    bids = [
        pack_bid(
            match.bid,
            match.bid_signature,
            price=match.price,
            renter=renters.index(match.bid.renter),
            ask=offers.index((match.ask, match.ask_signature, match.ask_by_key)),
            by_key=match.bid_by_key,
            contract_signatures=contract_signatures,
        )
        for match in matches
    ]
    return round_digest, first_group, renters, asks, bids, contract_signatures


def chosen_groups(leases: Iterable[OpenLease]) -> list[tuple]:
    """`GroupTerms` that choose these leases: groups in the order of their first lease."""
    places: dict[tuple[int, bytes], list[OpenLease]] = {}
    for lease in leases:
        places.setdefault((lease.group.number, lease.group.commitment()), []).append(lease)
    return [chosen[0].group.chosen([lease.place for lease in chosen]) for chosen in places.values()]


def in_order_of_groups(leases: Sequence[OpenLease]) -> list[int]:
    """Indexes of `leases` as `chosen_groups` has them: by group, then by place."""
    first: dict[tuple[int, bytes], int] = {}
    for index, lease in enumerate(leases):
        first.setdefault((lease.group.number, lease.group.commitment()), index)
    key = [(first[lease.group.number, lease.group.commitment()], lease.place) for lease in leases]
    return sorted(range(len(leases)), key=key.__getitem__)


def compact_words(signatures: Iterable[bytes]) -> list[bytes]:
    """EIP-2098 halves of 65-byte signatures, one after another."""
    return [half for signature in signatures for half in compact("0x" + signature.hex())]


def batch_of(verdicts: Sequence[Verdict]) -> VerdictBatch:
    """The message that oracles sign about these verdicts."""
    return VerdictBatch.of(verdicts)
