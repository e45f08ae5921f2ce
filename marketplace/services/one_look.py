"""A chain for the time of one step over many orders."""

from functools import cache
from typing import Any

from marketplace.ports import Chain


class OneLook:
    """A chain that is asked once for what does not change while some bids are checked; all else goes through."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self.head = cache(chain.head)
        self.renter_account = cache(chain.renter_account)
        self.has_code = cache(chain.has_code)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chain, name)
