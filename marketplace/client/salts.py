"""Salts of a renter's bids: they count up by one, so that the escrow can tell a used one by a single bit.

    salts = Salts(client.next_salt)                                         # as the market knows them
    salts = Salts(lambda renter: reader.renter_account(renter).next_salt)   # as the chain knows them, without a market
    bid = build_bid(…, salt=salts.take(renter))

Opening a bid voids the renter's bids whose salt is 144 or more below it.
"""

from collections.abc import Callable
from threading import Lock


class Salts:
    """Takes the next salt of each renter. Safe to share between threads, not between processes."""

    def __init__(self, next_salt: Callable[[str], int]) -> None:
        """`next_salt`: what somebody who sees the placed bids says comes next."""
        self._ask, self._taken, self._lock = next_salt, {}, Lock()

    def take(self, renter: str) -> int:
        """A salt that no placed bid of `renter` has, nor one that was taken here before."""
        with self._lock:
            salt = max(self._ask(renter), self._taken.get(renter, -1) + 1)
            self._taken[renter] = salt
            return salt
