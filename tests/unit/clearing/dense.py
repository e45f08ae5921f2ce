"""Every pair of a small market, looked at one by one: what the engine must agree with."""

import numpy as np
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse import coo_array

from marketplace.clearing.problem import ClearingProblem

NEVER = np.iinfo(np.int64).min // 4


def dense_values(problem: ClearingProblem) -> np.ndarray:
    """(B, A) int64 micro-USDC, NEVER where a pair is not feasible."""
    bids, asks = len(problem.snapshot.bids), len(problem.snapshot.asks)
    values = [[problem.value(b, a) for a in range(asks)] for b in range(bids)]
    return np.array([[NEVER if one is None else one for one in row] for row in values], dtype=np.int64).reshape(
        bids, asks
    )


def exact_optimum(problem: ClearingProblem) -> int:
    """The greatest surplus of bids without replicas."""
    values = np.maximum(dense_values(problem), 0)
    slots = np.repeat(values, problem.capacity, axis=1)
    rows, columns = linear_sum_assignment(slots, maximize=True)
    return int(slots[rows, columns].sum())


def lowest_rents(scaled: np.ndarray, ask_of: np.ndarray, epsilon: np.ndarray) -> np.ndarray:
    """The least fixed point of the two conditions at the head of `engine.rents`, by going through all pairs again and
    again. `scaled` (R, A) and `epsilon` (R,) in half micro-USDC."""
    rents = np.zeros(scaled.shape[1], dtype=np.int64)
    assigned = ask_of >= 0
    own = np.where(assigned, scaled[np.arange(len(scaled)), np.maximum(ask_of, 0)], 0)
    while True:
        profit = np.where(assigned, own - rents[np.maximum(ask_of, 0)], 0)
        raised = np.maximum(rents, (scaled - (profit + epsilon)[:, None]).max(axis=0, initial=0))
        if (raised == rents).all():
            return rents
        rents = raised


def linear_bound(values: np.ndarray, units: np.ndarray, capacity: np.ndarray) -> float:
    """The optimum of the linear program (HiGHS) in which a row may be divided among asks: no assignment has more."""
    rows, asks = np.nonzero(values > 0)
    pairs = np.arange(len(rows))
    weights = np.r_[np.ones(len(rows)), units[rows, asks]]
    constraints = coo_array((weights, (np.r_[rows, len(values) + asks], np.r_[pairs, pairs])),
                            shape=(len(values) + len(capacity), len(rows)))  # fmt: skip
    limits = np.r_[np.ones(len(values)), capacity]
    return -linprog(-values[rows, asks].astype(float), A_ub=constraints.tocsr(), b_ub=limits, method="highs").fun
