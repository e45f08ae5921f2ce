"""Bertsekas' forward auction for the assignment market, in integers, and the lowest prices that support its result.

    maximise    sum_i value[i, a(i)]     over assignments a of rows to asks (or to nothing, value 0)
    subject to  at most capacity[j] rows at ask j

Each unassigned row bids for the ask that is best for it at current prices and raises that unit's price until it is
within epsilon of the row's second choice (which may be to stay out). Prices start at zero and only rise, and a unit
that got a bid stays assigned: so idle units keep price zero, and with every row within epsilon of its best choice the
assignment is within rows * epsilon of the optimum (Bertsekas 1988, complementary slackness).

The auction's own prices are what rows *would* have paid. What they are charged is the lowest vector that leaves
nobody better off elsewhere by more than epsilon: the least fixed point of

    rent[l] >= value[i, l] - (value[i, a(i)] - rent[a(i)]) - epsilon   for assigned rows i
    rent[l] >= value[i, l] - epsilon                                   for rows left out

which exists because the auction's prices satisfy it, and lies below them. This is the renters' optimum of the core
(Shapley & Shubik 1971; Demange, Gale & Sotomayor 1986): without scarcity there is no rent.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

UNASSIGNED = -1
_FORBIDDEN = np.iinfo(np.int64).min // 4
WORK_FACTOR = 400
"""Bids per row and unit before epsilon is doubled: bounds the work of adversarial markets."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """`ask_of` (R,) int64 index of the ask of each row or UNASSIGNED; `rent` (A,) int64; `epsilon` actually kept."""

    ask_of: np.ndarray
    rent: np.ndarray
    epsilon: int


def solve_assignment(value: np.ndarray, feasible: np.ndarray, capacity: np.ndarray, epsilon: int) -> Assignment:
    """Assign rows to asks.

    Parameters
    ----------
    value
        (R, A) int64, micro-USDC; used where feasible.
    feasible
        (R, A) bool.
    capacity
        (A,) int64, units.
    epsilon
        Micro-USDC, at least 1: how far from its best choice a row may end.

    Returns
    -------
    Assignment
        Ties go to the lower index, so the caller's order (by digest) decides them, and nothing else does.
    """
    # In half micro-USDC, each pair worth one half more: a trade that leaves nobody a surplus still beats none.
    masked = np.where(feasible & (capacity > 0), 2 * value + 1, _FORBIDDEN)
    ask_of, kept = _run_auction(masked, capacity, 2 * max(1, epsilon))
    return Assignment(ask_of, lowest_rents(masked, ask_of, kept) // 2, kept // 2)


def _run_auction(masked: np.ndarray, capacity: np.ndarray, epsilon: int) -> tuple[np.ndarray, int]:
    rows, asks = masked.shape
    ask_of = np.full(rows, UNASSIGNED, dtype=np.int64)
    units = [min(int(count), rows) for count in capacity]
    prices = [[0] * count for count in units]
    holders = [[UNASSIGNED] * count for count in units]
    lowest = np.zeros(asks, dtype=np.int64)
    waiting = deque(row for row in range(rows) if asks and masked[row].max() > 0)
    budget = WORK_FACTOR * (rows + sum(units))
    while waiting:
        row = waiting.popleft()
        net = masked[row] - lowest
        ask = int(net.argmax())
        best = int(net[ask])
        if best <= 0:
            continue  # prices only rise: this row stays out for good
        net[ask] = _FORBIDDEN
        slot = int(np.argmin(prices[ask]))
        second = max(0, int(net.max()), _second_unit(prices[ask], slot, int(masked[row, ask])))
        evicted = holders[ask][slot]
        prices[ask][slot] += min(best, best - second + epsilon)
        holders[ask][slot], ask_of[row] = row, ask
        lowest[ask] = min(prices[ask])
        if evicted != UNASSIGNED:
            ask_of[evicted] = UNASSIGNED
            waiting.append(evicted)
        budget -= 1
        if budget == 0:
            epsilon, budget = epsilon * 2, WORK_FACTOR * (rows + sum(units))
    return ask_of, epsilon


def _second_unit(prices: list[int], taken: int, value: int) -> int:
    others = [price for slot, price in enumerate(prices) if slot != taken]
    return value - min(others) if others else _FORBIDDEN


def lowest_rents(masked: np.ndarray, ask_of: np.ndarray, epsilon: int) -> np.ndarray:
    """The least rents (A,) at which no row gains more than `epsilon` elsewhere; see the head of this file."""
    rows, asks = masked.shape
    rent = np.zeros(asks, dtype=np.int64)
    if not rows or not asks:
        return rent
    assigned = ask_of != UNASSIGNED
    own = np.where(assigned, masked[np.arange(rows), np.maximum(ask_of, 0)], 0)
    for _ in range(rows + 1):
        profit = np.where(assigned, own - rent[np.maximum(ask_of, 0)], 0)
        raised = np.maximum(rent, (masked - profit[:, None] - epsilon).max(axis=0))
        if (raised == rent).all():
            return rent
        rent = raised
    return rent
