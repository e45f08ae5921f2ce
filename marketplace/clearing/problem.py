"""A snapshot of the book as tables of numbers (`marketplace.clearing.engine`), and exact answers about single pairs."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from marketplace.clearing.cost import compute_idle_cost, compute_standing_cost, compute_standing_rate
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
from marketplace.clearing.steering import Steering, build_steering
from marketplace.domain.book import BookSnapshot, PlacedAsk, PlacedBid
from marketplace.domain.constraints import (
    GPUS,
    GREATEST_NUMBER,
    LATENCY,
    QUALITIES,
    QUANTITIES,
    REGION,
    SHARED,
    Quality,
    Unit,
    is_allowed,
)
from marketplace.protocol.metering import compute_quote

_WORD = 32
_TYPICAL_BITS = 20


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
    standing_weight_bps: int
    steering: Steering

    def quote(self, bid: int, ask: int) -> int:
        """What the ask's rates come to for the bid, micro-USDC."""
        return compute_quote(self.snapshot.asks[ask].ask.rates, self.snapshot.bids[bid].bid.resources).total

    def units(self, bid: int, ask: int) -> int:
        """How many units of the ask the bid takes, if there are enough."""
        return Unit.of(self.snapshot.asks[ask]).count_for(self.snapshot.bids[bid].bid)

    def value(self, bid: int, ask: int) -> int | None:
        """`maxPrice - quote - C_idle - preferences`, micro-USDC; None where the pair is not feasible."""
        placed_bid, placed_ask = self.snapshot.bids[bid], self.snapshot.asks[ask]
        surplus = placed_bid.bid.max_price - self.quote(bid, ask)
        if surplus < 0 or not is_allowed(placed_bid, placed_ask, self.snapshot.now):
            return None
        value = surplus - self.idle_cost(bid, ask) - self.preference(bid, ask)
        return min(value, CUT) if value >= 0 else None

    def idle_cost(self, bid: int, ask: int) -> int:
        """C_idle, micro-USDC."""
        reserved, placed = self.snapshot.bids[bid].bid.resources, self.snapshot.asks[ask]
        given = self.units(bid, ask) * Unit.of(placed).gpus
        stranded = compute_idle_cost(reserved, placed.ask.rates, given, self.stranded_weight_bps)
        return stranded + compute_standing_cost(reserved, compute_standing_rate(placed, self.standing_weight_bps))

    def preference(self, bid: int, ask: int) -> int:
        """What the bid's preferences take off its value at the ask, micro-USDC."""
        return int(self.steering.table[self.steering.row[bid], self.steering.place[ask]])


def build_problem(
    snapshot: BookSnapshot, stranded_weight_bps: int = 0, standing_weight_bps: int = 0
) -> ClearingProblem:
    """The tables of a snapshot."""
    provider = _numbered(snapshot.asks, lambda ask: ask.ask.provider)
    kit, region = (_numbered(snapshot.asks, quality.offered) for quality in (GPUS, REGION))
    forbidden, bits = _encode_qualities(snapshot)
    steering = build_steering(snapshot.bids, snapshot.asks)
    standing = [compute_standing_rate(one, standing_weight_bps) for one in snapshot.asks]
    asks = make_ask_table(snapshot.asks, bits, steering.place, provider, standing)._replace(region=region)
    bids = make_bid_table(snapshot, forbidden, _places(snapshot, region))._replace(preference=steering.row)
    laid, floors = lay_out(kit, asks, _typical(bids))
    return ClearingProblem(
        snapshot=snapshot,
        tables=Tables(laid, floors, bids, Terms(steering.table, stranded_weight_bps)),
        capacity=asks.capacity,
        demand=np.array([one.bid.replicas for one in snapshot.bids], dtype=np.int64),
        provider=provider,
        stranded_weight_bps=stranded_weight_bps,
        standing_weight_bps=standing_weight_bps,
        steering=steering,
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


def _encode_qualities(snapshot: BookSnapshot) -> tuple[np.ndarray, np.ndarray]:
    """What bids forbid (B, W), and what asks are (W, A), as bits that must not meet."""
    wants = [_kinds(snapshot.bids, quality.wanted) for quality in QUALITIES]
    columns = [_bits_of(quality, want, snapshot.asks) for quality, want in zip(QUALITIES, wants, strict=True)]
    forbidden = np.concatenate([each for each, _ in columns], axis=1)
    offered = np.concatenate([each for _, each in columns], axis=1)
    return _packed(forbidden), np.ascontiguousarray(_packed(offered).T)


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


def _places(snapshot: BookSnapshot, region: np.ndarray) -> np.ndarray:
    """(B,) uint64: bit `region % 64` of every region where a bid may go."""
    regions = {int(number): ask.profile.region for number, ask in zip(region, snapshot.asks, strict=True)}
    wants, which = _kinds(snapshot.bids, lambda bid: (REGION.wanted(bid), LATENCY.wanted(bid)))
    masks = [_regions_for(*want, regions) if any(want) else int(EVERYWHERE) for want in wants]
    return np.array(masks, dtype=np.uint64)[which]


def _regions_for(named: Hashable, latency: Hashable, regions: dict[int, str]) -> int:
    fits = {
        number % 64
        for number, region in regions.items()
        if REGION.violated(named, region) is None and LATENCY.violated(latency, region) is None
    }
    return sum(1 << bit for bit in fits)


def _integers(values: list[int], limit: int) -> np.ndarray:
    return np.array([min(value, limit) for value in values], dtype=np.int64)


def make_ask_table(
    asks: Sequence[PlacedAsk],
    bits: np.ndarray,
    place: np.ndarray,
    provider: np.ndarray,
    standing: Sequence[int] | None = None,
) -> AskTable:
    """Columns of asks, with their `bits` (W, A), `place` (A,) and `provider` (A,) as the caller numbers them.

    `standing` is what a lease of each costs nobody and weighs, micro-USDC an hour (`compute_standing_rate`).
    """
    rates = [one.ask.rates for one in asks]
    lines = ("gpu_hour", "vcpu_hour", "gb_hour", "gfuel", "egress_gb")
    return AskTable(
        rates=np.array(
            [*([getattr(one, line) for one in rates] for line in lines), standing or [0] * len(asks)], dtype=np.int64
        ),
        minimum=_integers([one.minimum for one in rates], GREATEST),
        numbers=np.array([[min(q.offered(one), GREATEST_NUMBER) for one in asks] for q in QUANTITIES], dtype=np.int32),
        bits=bits,
        place=place,
        share=_shares([Unit.of(one) for one in asks]),
        provider=provider,
        capacity=np.array([one.free_units for one in asks], dtype=np.int64),
        stake=_integers([one.available_stake for one in asks], GREATEST),
    )


def _shares(units: list[Unit]) -> np.ndarray:
    return np.array([[getattr(one, name) for one in units] for name in ("vcpus", "memory_mb", "gpus")], dtype=np.int64)


def _amounts(placed: PlacedBid) -> list[int]:
    """Of each line, before it is divided by its divisor."""
    bid = placed.bid
    hours = (bid.gpus, bid.vcpus, bid.memory_mb)
    return [*(each * bid.duration_seconds for each in hours), bid.fuel, bid.egress_mb, bid.duration_seconds]


def _limit(placed: PlacedBid, now: int) -> int:
    late = placed.earliest_end(now) > placed.bid.deadline
    return -1 if late or placed.bid.max_price > GREATEST else placed.bid.max_price


def make_bid_table(snapshot: BookSnapshot, forbidden: np.ndarray, places: np.ndarray) -> BidTable:
    """Rows of a snapshot's bids, with what they forbid (B, W) and their places (B,) as the caller numbers them."""
    bids = snapshot.bids
    divisors = [int(one) for one in DIVISORS]
    parts = [[divmod(amount, divisor) for amount, divisor in zip(_amounts(one), divisors, strict=True)] for one in bids]
    pairs = np.array(parts, dtype=np.int64).reshape(len(bids), len(divisors), 2)
    return make_bids(
        whole=pairs[:, :, 0],
        part=pairs[:, :, 1],
        limit=np.array([_limit(one, snapshot.now) for one in bids], dtype=np.int64),
        wanted=np.array([[q.needed(one) for q in SHARED] for one in bids], dtype=np.int64).reshape(
            len(bids), len(SHARED)
        ),
        needs=np.array([[min(q.needed(one), GREATEST_NUMBER) for q in QUANTITIES] for one in bids]).reshape(
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
