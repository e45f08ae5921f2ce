"""Random tables for the engine's tests: markets of thousands without an order being written."""

import numpy as np

from marketplace.clearing.engine.bounds import EVERYWHERE
from marketplace.clearing.engine.tables import (
    DIVISORS,
    LIMIT,
    WANTED,
    AskTable,
    Tables,
    Terms,
    amounts_of,
    lay_out,
    make_bids,
)
from marketplace.protocol.units import ceil_div


def random_tables(
    seed: int, bids: int, asks: int, *, units: int = 1, widest: int = 1, places: int = 5
) -> tuple[Tables, AskTable]:
    """Tables as the engine wants them, and the asks before they were laid out.

    A bid takes one unit if `widest` is 1, else often several.
    """
    draw = np.random.default_rng(seed)
    kit = draw.integers(0, 4, asks)
    place = draw.integers(0, places, asks)
    bits = (draw.integers(0, 2**3, asks) | 1 << (3 + kit) | 1 << (7 + place)).astype(np.uint32)[None]
    table = AskTable(
        rates=draw.integers([[0], [1_000], [100], [0], [0], [0]],
                            [[10**6], [50_000], [9_000], [900], [90_000], [9_000]], (6, asks)),
        minimum=draw.choice([0, 0, 40_000], asks),
        share=np.stack([draw.choice([8, 64], asks), draw.integers(10, 500, asks), kit]),
        numbers=draw.integers(0, 5, (1, asks)).astype(np.int32),
        bits=bits,
        place=place.astype(np.int32),
        provider=draw.integers(0, max(1, asks // 3), asks).astype(np.int32),
        capacity=draw.integers(1, units + 1, asks),
        stake=np.full(asks, 10**12),
    )  # fmt: skip
    amounts = draw.integers([0, 3_600, 3_600, 0, 0, 600], [7_200, 90_000, 9 * 10**7, 10**12, 9_000, 9_000], (bids, 6))
    only = draw.random(bids) < 0.2
    home = draw.integers(0, places, bids)
    elsewhere = np.where(only, (2**places - 1) & ~(1 << home), 0)
    forbidden = draw.choice([0, 1, 2, 4], bids) | draw.choice([0, 0, 1, 3], bids) << 3 | elsewhere << 7
    bid_table = make_bids(
        whole=amounts // DIVISORS,
        part=amounts % DIVISORS,
        limit=draw.integers(10_000, 3_000_000, bids),
        wanted=np.stack(
            [
                draw.choice([1, 8 * widest], bids),
                draw.integers(0, 10 if widest == 1 else 800, bids),
                draw.integers(0, 2 * widest, bids),
            ],
            axis=1,
        ),
        needs=draw.choice([0, 0, 3], (bids, 1)),
        forbidden=forbidden.astype(np.uint32)[:, None],
        places=np.where(only, np.uint64(1) << home.astype(np.uint64), EVERYWHERE),
        preference=draw.integers(0, 2, bids),
    )
    preferences = np.stack([np.zeros(places, dtype=np.int64), draw.integers(0, 100_000, places)])
    laid, floors = lay_out(kit, table, np.array([10, 50, 100, 5, 2, 1]))
    return Tables(laid, floors, bid_table, Terms(preferences, 1_000)), table


def copies_of(tables: Tables, asks: AskTable, count: int) -> Tables:
    """The same bids, and the first ask so many times."""
    columns = {name: column if column is None else np.repeat(column[..., :1], count, axis=-1)
               for name, column in asks._asdict().items()}  # fmt: skip
    kit = np.zeros(count, dtype=np.int64)
    laid, floors = lay_out(kit, AskTable(**columns), np.array([10, 50, 100, 5, 2, 1]))
    return tables._replace(asks=laid, floors=floors)


def units(tables: Tables, asks: AskTable, bid: int, ask: int) -> int:
    """How many units of the ask the bid takes, straight from the definition; of an ask that has enough."""
    wanted = tables.bids.record[bid, WANTED : WANTED + 3]
    shares = zip(wanted, asks.share[:, ask], strict=True)
    return max([1, *(ceil_div(int(need), int(share)) for need, share in shares if need)])


def value(tables: Tables, asks: AskTable, bid: int, ask: int) -> int:
    """What the pair is worth, half micro-USDC, or -1: in Python's integers, straight from the definition."""
    bids, terms = tables.bids, tables.terms
    if any(int(asks.bits[w, ask]) & int(bids.forbidden[bid, w]) for w in range(len(asks.bits))):
        return -1
    numbers = [*(asks.share[:, ask] * asks.capacity[ask]), *asks.numbers[:, ask]]
    if any(has < needs for has, needs in zip(numbers, bids.needs[bid], strict=True)):
        return -1
    divisors, amounts = [int(one) for one in DIVISORS], amounts_of(bids, bid)
    costs = [ceil_div(amounts[k] * int(asks.rates[k, ask]), divisor) for k, divisor in enumerate(divisors)]
    surplus = int(bids.record[bid, LIMIT]) - max(sum(costs[:5]), int(asks.minimum[ask]))
    if surplus < 0 or bids.record[bid, LIMIT] > asks.stake[ask]:
        return -1
    hourly = ceil_div(amounts[5] * int(asks.rates[0, ask]), divisors[5])
    stranded = max(0, units(tables, asks, bid, ask) * int(asks.share[2, ask]) - int(bids.record[bid, WANTED + 2]))
    surplus -= costs[5] + stranded * hourly * terms.stranded_weight_bps // 10_000
    surplus -= int(terms.preferences[bids.preference[bid], asks.place[ask]])
    return 2 * surplus + 1 if surplus >= 0 else -1
