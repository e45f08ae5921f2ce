"""A snapshot of the book as tables of numbers (`marketplace.clearing.engine`), and exact answers about single pairs."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from marketplace.clearing.constraints import GPUS, QUALITIES, QUANTITIES, REGION, Quality, Unit, is_allowed
from marketplace.clearing.cost import compute_idle_cost
from marketplace.clearing.engine.bounds import EVERYWHERE
from marketplace.clearing.engine.tables import (
    DIVISORS,
    GREATEST,
    PART,
    WHOLE,
    AskTable,
    BidTable,
    Tables,
    Terms,
    lay_out,
    make_bids,
)
from marketplace.clearing.engine.value import CUT
from marketplace.domain.book import BookSnapshot, PlacedAsk, PlacedBid
from marketplace.protocol.metering import compute_quote

_WORD = 32
_TYPICAL_BITS = 20
_GREATEST_NUMBER = 2**31 - 1
"""Quantities beyond this (2 PB of memory) count as this much."""


@dataclass(frozen=True, slots=True)
class ClearingProblem:
    """A round in numbers. B bids and A asks in the snapshot's order.

    `capacity` (A,) int64 free units; `demand` (B,) int64 replicas; `provider` (A,) int32 names them by small numbers.
    """

    snapshot: BookSnapshot
    tables: Tables
    capacity: np.ndarray
    demand: np.ndarray
    provider: np.ndarray
    stranded_weight_bps: int

    def quote(self, bid: int, ask: int) -> int:
        """What the ask's rates come to for the bid, micro-USDC."""
        return compute_quote(self.snapshot.asks[ask].ask.rates, self.snapshot.bids[bid].bid.resources).total

    def value(self, bid: int, ask: int) -> int | None:
        """`maxPrice - quote - C_idle`, micro-USDC; None where the pair is not feasible."""
        placed_bid, placed_ask = self.snapshot.bids[bid], self.snapshot.asks[ask]
        surplus = placed_bid.bid.max_price - self.quote(bid, ask)
        if surplus < 0 or not is_allowed(placed_bid, placed_ask, self.snapshot.now):
            return None
        unit = Unit.of(placed_ask)
        value = surplus - compute_idle_cost(
            placed_bid.bid.resources, placed_ask.ask.rates, unit.gpus, self.stranded_weight_bps
        )
        return min(value, CUT) if value >= 0 else None


def build_problem(snapshot: BookSnapshot, stranded_weight_bps: int = 0) -> ClearingProblem:
    """The tables of a snapshot."""
    provider = _numbered(snapshot.asks, lambda ask: ask.ask.provider)
    kit, place = (_numbered(snapshot.asks, quality.offered) for quality in (GPUS, REGION))
    wants, forbidden, bits = _encode_qualities(snapshot)
    asks = _ask_table(snapshot.asks, bits, place, provider)
    bids = _bid_table(snapshot, forbidden, _places(snapshot, place, wants[QUALITIES.index(REGION)]))
    laid, floors = lay_out(kit, asks, _typical(bids))
    none = np.zeros((1, int(place.max(initial=0)) + 1), dtype=np.int64)
    return ClearingProblem(
        snapshot=snapshot,
        tables=Tables(laid, floors, bids, Terms(none, stranded_weight_bps)),
        capacity=asks.capacity,
        demand=np.array([one.bid.replicas for one in snapshot.bids], dtype=np.int64),
        provider=provider,
        stranded_weight_bps=stranded_weight_bps,
    )


def _numbered(orders: Sequence, key: Callable[..., Hashable]) -> np.ndarray:
    """Equal keys, equal numbers, in the order of their first coming."""
    return _kinds(orders, key)[1].astype(np.int32)


Kinds = tuple[list[Hashable], np.ndarray]
"""Different values, and which of them each order has."""


def _kinds(orders: Sequence, key: Callable[..., Hashable]) -> Kinds:
    numbers: dict[Hashable, int] = {}
    which = np.array([numbers.setdefault(key(one), len(numbers)) for one in orders], dtype=np.int64)
    return list(numbers), which


def _encode_qualities(snapshot: BookSnapshot) -> tuple[list[Kinds], np.ndarray, np.ndarray]:
    """What bids want of each quality; what they forbid (B, W), and what asks are (W, A), as bits that must not meet."""
    wants = [_kinds(snapshot.bids, quality.wanted) for quality in QUALITIES]
    columns = [_bits_of(quality, want, snapshot.asks) for quality, want in zip(QUALITIES, wants, strict=True)]
    forbidden = np.concatenate([each for each, _ in columns], axis=1)
    offered = np.concatenate([each for _, each in columns], axis=1)
    return wants, _packed(forbidden), np.ascontiguousarray(_packed(offered).T)


def _bits_of(quality: Quality, want: Kinds, asks: Sequence[PlacedAsk]) -> tuple[np.ndarray, np.ndarray]:
    """Columns of bits for bids and for asks: one for each kind of ask, or for each kind of bid if these are fewer."""
    offers, which_ask = _kinds(asks, quality.offered)
    wants, which_bid = want
    refused = np.array(
        [[quality.violated(wanted, offered) is not None for offered in offers] for wanted in wants], dtype=bool
    ).reshape(len(wants), len(offers))
    if len(offers) <= len(wants):
        return refused[which_bid], np.eye(len(offers), dtype=bool)[which_ask]
    return np.eye(len(wants), dtype=bool)[which_bid], refused.T[which_ask]


def _packed(bits: np.ndarray) -> np.ndarray:
    """(N, K) bool to (N, W) uint32, at least one word."""
    words = max(1, -(-bits.shape[1] // _WORD))
    padded = np.zeros((len(bits), words * _WORD), dtype=bool)
    padded[:, : bits.shape[1]] = bits
    if not len(padded):
        return np.zeros((0, words), dtype=np.uint32)
    return np.packbits(padded, axis=1, bitorder="little").view(np.dtype("<u4")).astype(np.uint32).reshape(-1, words)


def _places(snapshot: BookSnapshot, place: np.ndarray, want: Kinds) -> np.ndarray:
    """(B,) uint64: bit `place % 64` of every region where a bid may go."""
    regions = {int(number): ask.profile.region for number, ask in zip(place, snapshot.asks, strict=True)}
    masks = [
        sum({1 << number % 64 for number, region in regions.items() if REGION.violated(wanted, region) is None})
        if wanted
        else int(EVERYWHERE)
        for wanted in want[0]
    ]
    return np.array(masks, dtype=np.uint64)[want[1]]


def _integers(values: list[int], limit: int, kind: type = np.int64) -> np.ndarray:
    return np.array([min(value, limit) for value in values], dtype=kind)


def _ask_table(asks: Sequence[PlacedAsk], bits: np.ndarray, place: np.ndarray, provider: np.ndarray) -> AskTable:
    rates = [one.ask.rates for one in asks]
    lines = ("gpu_hour", "vcpu_hour", "gb_hour", "gfuel", "egress_gb")
    idle = [0] * len(asks)
    return AskTable(
        rates=np.array([*([getattr(one, line) for one in rates] for line in lines), idle], dtype=np.int64),
        minimum=_integers([one.minimum for one in rates], GREATEST),
        numbers=np.stack([_integers([q.offered(one) for one in asks], _GREATEST_NUMBER, np.int32) for q in QUANTITIES]),
        bits=bits,
        place=place,
        gpus=np.array([Unit.of(one).gpus for one in asks], dtype=np.int64),
        provider=provider,
        capacity=np.array([one.free_units for one in asks], dtype=np.int64),
        stake=_integers([one.available_stake for one in asks], GREATEST),
    )


def _amounts(placed: PlacedBid) -> list[int]:
    """Of each line, before it is divided by its divisor."""
    bid = placed.bid
    hours = (bid.gpus, bid.vcpus, bid.memory_mb)
    return [*(each * bid.duration_seconds for each in hours), bid.fuel, bid.egress_mb, bid.duration_seconds]


def _limit(placed: PlacedBid, now: int) -> int:
    late = placed.earliest_end(now) > placed.bid.deadline
    return -1 if late or placed.bid.max_price > GREATEST else placed.bid.max_price


def _bid_table(snapshot: BookSnapshot, forbidden: np.ndarray, places: np.ndarray) -> BidTable:
    bids = snapshot.bids
    divisors = [int(one) for one in DIVISORS]
    parts = [[divmod(amount, divisor) for amount, divisor in zip(_amounts(one), divisors, strict=True)] for one in bids]
    pairs = np.array(parts, dtype=np.int64).reshape(len(bids), len(divisors), 2)
    return make_bids(
        whole=pairs[:, :, 0],
        part=pairs[:, :, 1],
        limit=np.array([_limit(one, snapshot.now) for one in bids], dtype=np.int64),
        gpus=np.array([one.bid.gpus for one in bids], dtype=np.int64),
        needs=np.array([[min(q.needed(one), _GREATEST_NUMBER) for q in QUANTITIES] for one in bids]).reshape(
            len(bids), len(QUANTITIES)
        ),
        forbidden=forbidden,
        places=places,
    )


def _typical(bids: BidTable) -> np.ndarray:
    """What jobs take of each line together, in small integers, so that the layout is the same everywhere."""
    totals = [
        1
        + 1_000 * sum(bids.record[:, WHOLE + line].tolist())
        + 1_000 * sum(bids.record[:, PART + line].tolist()) // int(divisor)
        for line, divisor in enumerate(DIVISORS)
    ]
    excess = max(0, max(totals).bit_length() - _TYPICAL_BITS)
    return np.array([max(1, total >> excess) for total in totals], dtype=np.int64)
