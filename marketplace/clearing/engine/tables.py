"""A round as tables of numbers, laid out so that one bid looks at few of many asks.

Asks with the same kit of GPUs lie next to each other, near those that cost alike, in blocks of `BLOCK`, and blocks in
chunks of `CHUNK`. Of each block and each chunk the least rates, the greatest of everything that a bid may need, and the
properties that all its asks share are known: a bid that these exclude need not look inside.

Whatever decides is an integer. The 32-bit floats beside the integers are bounds: a cost in floats is never above the
exact one, so that what it excludes is excluded rightly. They are added and multiplied as IEEE 754 says, alike
everywhere.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np

from marketplace.clearing.engine.bundles import BUNDLES
from marketplace.clearing.engine.order import order_asks
from marketplace.domain.constraints import GREATEST_NUMBER
from marketplace.protocol.units import FUEL_PER_GFUEL, MB_PER_GB, SECONDS_PER_HOUR

BLOCK = 64
"""Asks of a block."""
CHUNK = 16
"""Blocks of a chunk."""
LINES = ("gpu", "vcpu", "memory", "fuel", "egress", "idle")
"""What costs, in the order of `AskTable.rates`. The last one steers and is never charged."""
DIVISORS = np.array(
    [SECONDS_PER_HOUR, SECONDS_PER_HOUR, SECONDS_PER_HOUR * MB_PER_GB, FUEL_PER_GFUEL, MB_PER_GB, SECONDS_PER_HOUR],
    dtype=np.int64,
)
"""What `amount * rate` is divided by, in the order of `LINES`."""
GREATEST_HOURLY = 1 << 40
"""A GPU that earns more than this (a million USDC) an hour is not worth more when it is left unused."""
GREATEST = 1 << 62
"""Amounts of money beyond this (4.6e12 USDC) are out of every ask's reach."""
SHARES = ("vcpus", "memory", "gpus")
"""What a unit of an ask has a share of, and what a bid reserves."""
MINIMUM, STAKE, PROVIDER, PLACE, SHARE = range(len(LINES), len(LINES) + 5)
"""What follows the lines in the record of an ask, `SHARES` last; in tables of floors only the minimum charge does."""
WHOLE, PART, LIMIT, WANTED = 0, len(LINES), 2 * len(LINES), 2 * len(LINES) + 1
"""Where in the record of a bid: amounts are `whole * divisor + part`; maxPrice, -1 where nothing can serve it; what it
reserves of `SHARES`."""
NEVER = np.float32(np.inf)
"""A minimum charge, a price or a bound that rules out: it is compared and added to, never multiplied."""
FAR = np.float32(3e38)
"""A rate that is no bound. Finite, so that times nothing it is nothing."""
LESS = np.float32(1 - 2**-19)
"""More than eight roundings of 32-bit floats, down."""


class AskTable(NamedTuple):
    """A asks in the caller's order, by columns."""

    rates: np.ndarray
    """(6, A) int64, micro-USDC, in the order of `LINES`."""
    minimum: np.ndarray
    """(A,) int64: minimum charge, micro-USDC."""
    share: np.ndarray
    """(3, A) int64: what one unit has of `SHARES`; a bid that needs more takes several."""
    numbers: np.ndarray
    """(K, A) int32: what there is of everything else that a bid may need so much of."""
    bits: np.ndarray
    """(W, A) uint32: the ask's properties."""
    place: np.ndarray
    """(A,) int32: column of the table of preferences."""
    provider: np.ndarray
    """(A,) int32."""
    capacity: np.ndarray
    """(A,) int64: free units."""
    stake: np.ndarray
    """(A,) int64: what covers a lease's price, micro-USDC."""
    region: np.ndarray | None = None
    """(A,) int32: what `BidTable.places` is about, where that is not `place`: a region may have many places."""


class LaidAsks(NamedTuple):
    """`C * BLOCK` asks in blocks. Those that fill up a block have capacity 0, and rates that nobody can pay."""

    ask: np.ndarray
    """(A,) int64: which one of the caller's it is; -1 for fillers."""
    capacity: np.ndarray
    """(A,) int64."""
    record: np.ndarray
    """(A, 13) int64: the rates, and what `MINIMUM` and the names after it say: all that one look at an ask needs."""
    count: int
    """How many asks the caller has."""
    least_stake: int
    """The least that covers a lease's price at any ask, micro-USDC."""
    is_whole: bool = True
    """Whether `capacity` is what the bounds were made of, and not less (`with_free`)."""


class FloorTable(NamedTuple):
    """Bounds on the asks, at three levels. Lines are those of `LINES` and the minimum charge."""

    of_asks: np.ndarray
    """(C, 7, BLOCK) float32: not above the rates."""
    bundles: np.ndarray
    """(C, 2, BLOCK) float32: not above what an hour of each of `BUNDLES` costs; (C, 0, BLOCK) in a live book."""
    ask_bits: np.ndarray
    """(C, W, BLOCK) uint32: properties."""
    ask_numbers: np.ndarray
    """(C, 3 + K, BLOCK) int32: what all free units together have of `SHARES`, and the ask's other numbers."""
    of_blocks: np.ndarray
    """(H, 7, CHUNK) float32: the least in each block."""
    of_chunks: np.ndarray
    """(7, H) float32: the least in each chunk."""
    block_bits: np.ndarray
    """(H, W, CHUNK) uint32: properties of all asks in the block."""
    chunk_bits: np.ndarray
    """(W, H) uint32."""
    block_places: np.ndarray
    """(H, CHUNK) uint64: bit `region % 64` of every ask in the block."""
    chunk_places: np.ndarray
    """(H,) uint64."""
    block_numbers: np.ndarray
    """(H, 3 + K, CHUNK) int32: the greatest in the block."""
    chunk_numbers: np.ndarray
    """(3 + K, H) int32."""


class BidTable(NamedTuple):
    """B bids."""

    record: np.ndarray
    """(B, 16) int64: `WHOLE` and `PART` of what it reserves of each line, `LIMIT`, `WANTED`."""
    weights: np.ndarray
    """(B, 6) float32, not above amount / divisor."""
    needs: np.ndarray
    """(B, 3 + K) int32: the least that will do, of `SHARES` and of the other numbers."""
    forbidden: np.ndarray
    """(B, W) uint32: properties that an ask must not have."""
    places: np.ndarray
    """(B,) uint64: bit `region % 64` of every region where the bid may go."""
    preference: np.ndarray
    """(B,) int32: row of the table of preferences; row 0 has none."""
    banned_from: np.ndarray
    """(B,) int64: where a bid's part of `banned` starts."""
    banned_to: np.ndarray
    """(B,) int64: and where it ends."""
    banned: np.ndarray
    """(N,) int32: providers that a bid shall not go to, besides."""


class Terms(NamedTuple):
    """What holds for a whole round."""

    preferences: np.ndarray
    """(T, P) int64, micro-USDC, from 0 to 2^60: what a bid with this row would pay not to be at this place."""
    stranded_weight_bps: int
    """How much of what a GPU would earn counts as a cost of leaving it unused."""


class Tables(NamedTuple):
    """Everything that a kernel reads."""

    asks: LaidAsks
    floors: FloorTable
    bids: BidTable
    terms: Terms


def floor32(amounts: np.ndarray) -> np.ndarray:
    """32-bit floats not above these non-negative amounts, with room for a few roundings."""
    return amounts.astype(np.float32) * LESS


def make_bids(
    whole: np.ndarray,
    part: np.ndarray,
    limit: np.ndarray,
    wanted: np.ndarray,
    needs: np.ndarray,
    forbidden: np.ndarray,
    places: np.ndarray,
    preference: np.ndarray | None = None,
) -> BidTable:
    """The table of bids that reserve `whole * DIVISORS + part` (B, 6) of each line, and are banned nowhere.

    `wanted` (B, 3) is what they reserve of `SHARES`, `needs` (B, K) of the other numbers.
    """
    count = len(limit)
    return BidTable(
        record=np.concatenate([whole, part, limit[:, None], wanted], axis=1).astype(np.int64),
        weights=floor32(whole + part / DIVISORS),
        needs=np.minimum(np.concatenate([wanted, needs], axis=1), GREATEST_NUMBER).astype(np.int32),
        forbidden=forbidden,
        places=places,
        preference=np.zeros(count, dtype=np.int32) if preference is None else preference.astype(np.int32),
        banned_from=np.zeros(count, dtype=np.int64),
        banned_to=np.zeros(count, dtype=np.int64),
        banned=np.zeros(0, dtype=np.int32),
    )


def amounts_of(bids: BidTable, bid: int) -> list[int]:
    """What a bid reserves of each line."""
    whole, part = bids.record[bid, WHOLE:PART].tolist(), bids.record[bid, PART:LIMIT].tolist()
    return [one * divisor + rest for one, divisor, rest in zip(whole, DIVISORS.tolist(), part, strict=True)]


def with_free(tables: Tables, free: np.ndarray) -> Tables:
    """The same tables, with only so many units free of each laid ask (A,)."""
    return tables._replace(asks=tables.asks._replace(capacity=free, is_whole=False))


def with_bans(tables: Tables, banned: Mapping[int, Collection[int]]) -> Tables:
    """The same tables, in which these bids do not go to these providers."""
    count = len(tables.bids.record)
    first, last, pool = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64), []
    for bid, providers in banned.items():
        first[bid] = len(pool)
        pool += sorted(providers)
        last[bid] = len(pool)
    bids = tables.bids._replace(banned_from=first, banned_to=last, banned=np.array(pool, dtype=np.int32))
    return tables._replace(bids=bids)


def make_records(asks: AskTable) -> np.ndarray:
    """(A, 13) int64, as in `LaidAsks.record`, in the caller's order."""
    others = (asks.minimum, asks.stake, asks.provider, asks.place, *asks.share)
    columns = np.concatenate([asks.rates, *(column[None] for column in others)], dtype=np.int64)
    return np.ascontiguousarray(columns.T)


def make_numbers(asks: AskTable) -> np.ndarray:
    """(3 + K, A) int32, as in `FloorTable.ask_numbers`, in the caller's order."""
    return np.concatenate([share_out(asks.share, asks.capacity), asks.numbers])


def share_out(share: np.ndarray, units: np.ndarray | int) -> np.ndarray:
    """What so many units with these shares (3, ...) have together, int32."""
    return np.minimum(np.minimum(share, GREATEST_NUMBER) * units, GREATEST_NUMBER).astype(np.int32)


def least_stake(asks: AskTable) -> int:
    """The least that covers a lease's price at any ask with a free unit, micro-USDC."""
    return int(asks.stake[asks.capacity > 0].min(initial=GREATEST))


def lay_out(kit: np.ndarray, asks: AskTable, typical: np.ndarray) -> tuple[LaidAsks, FloorTable]:
    """Asks in blocks, and the bounds on them.

    `kit` (A,) int is what they have of what matters most; `typical` (6,) int64 what a job takes of each line.
    """
    order = order_asks(kit, asks.rates, typical, BLOCK)
    order = np.r_[order, np.full(-len(order) % (BLOCK * CHUNK), -1)]
    filler = (order < 0) | (asks.capacity[order] <= 0) if len(order) else np.zeros(0, dtype=bool)
    record = make_records(asks)[order]
    capacity = np.where(filler, 0, asks.capacity[order])
    laid = LaidAsks(np.where(filler, -1, order), capacity, record, len(asks.capacity), least_stake(asks))
    region = asks.place if asks.region is None else asks.region
    return laid, _bound(laid, filler, asks.bits[:, order], make_numbers(asks)[:, order], region[order])


def _bound(laid: LaidAsks, filler: np.ndarray, bits: np.ndarray, numbers: np.ndarray, region: np.ndarray) -> FloorTable:
    chunks, lines = len(filler) // (BLOCK * CHUNK), MINIMUM + 1
    exact = floor32(laid.record[:, :lines])
    exact[filler], exact[filler, MINIMUM] = FAR, NEVER
    bits[:, filler] = np.iinfo(np.uint32).max
    numbers[:, filler] = -1
    of_asks = exact.reshape(-1, BLOCK, lines).transpose(0, 2, 1)
    ask_bits = bits.reshape(len(bits), -1, BLOCK).transpose(1, 0, 2)
    ask_numbers = numbers.reshape(len(numbers), -1, BLOCK).transpose(1, 0, 2)
    of_blocks = _in_chunks(of_asks.min(axis=2), chunks)
    block_bits = _in_chunks(np.bitwise_and.reduce(ask_bits, axis=2), chunks)
    block_numbers = _in_chunks(ask_numbers.max(axis=2, initial=-1), chunks)
    place_bits = np.where(filler, np.uint64(0), np.uint64(1) << (region % 64).astype(np.uint64))
    block_places = np.bitwise_or.reduce(place_bits.reshape(chunks, CHUNK, BLOCK), axis=2)
    tables = FloorTable(
        of_asks=of_asks,
        bundles=np.stack([_bundled(of_asks, bundle) for bundle in BUNDLES], axis=1),
        ask_bits=ask_bits,
        ask_numbers=ask_numbers,
        of_blocks=of_blocks,
        of_chunks=of_blocks.min(axis=2).T,
        block_bits=block_bits,
        chunk_bits=np.bitwise_and.reduce(block_bits, axis=2).T,
        block_places=block_places,
        chunk_places=np.bitwise_or.reduce(block_places, axis=1),
        block_numbers=block_numbers,
        chunk_numbers=block_numbers.max(axis=2).T,
    )
    return FloorTable(*map(np.ascontiguousarray, tables))


def _bundled(of_asks: np.ndarray, bundle: np.ndarray) -> np.ndarray:
    """(C, BLOCK): what an hour of this bundle costs at least. Summed in this order, everywhere."""
    with np.errstate(over="ignore"):  # fillers
        gpu, vcpu, memory = (amount * of_asks[:, line] for line, amount in enumerate(bundle))
        return np.minimum((gpu + vcpu + memory) * LESS, FAR)


def _in_chunks(of_blocks: np.ndarray, chunks: int) -> np.ndarray:
    """(C, L) by blocks to (H, L, CHUNK)."""
    return of_blocks.reshape(chunks, CHUNK, of_blocks.shape[1]).transpose(0, 2, 1)
