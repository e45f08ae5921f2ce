"""What the random sequences on settlement without a lock are drawn from."""

from hypothesis import strategies as st

from tests.contracts.world import PENDING_TOKENS, USDC

MAX_PRICE = 12 * USDC

picks = st.integers(0, 2)
seldom = st.integers(0, 9).map(lambda drawn: drawn == 0)
rarely = st.integers(0, 19).map(lambda drawn: drawn == 0)
amounts = st.sampled_from([0, 1, USDC, 2 * USDC, 5 * USDC, PENDING_TOKENS + 1])
steps = st.sampled_from([1] * 9 + [0, -1, -3, 100, 200])
"""How far a bid's salt is from its renter's last one."""
pays = st.sampled_from([1, 19, 1_000, 333_333, 333_333, USDC, 11 * USDC, MAX_PRICE + 1])
outcomes = st.sampled_from([1] * 9 + [2, 2, 3, 3, 0, 4])
FLAWS = ["bid signature", "ask signature", "settlement", "deadline", "ask time", "old ask", "quote", "twice"]
flaws = st.sampled_from([""] * 10 + FLAWS)
works = st.tuples(picks, picks, steps, pays, outcomes, flaws, st.sampled_from([1] * 7 + [2, 3, 0]))
sums = st.tuples(picks, picks, st.sampled_from([0, 1, 777_777, 777_777, USDC, 4 * USDC]))
