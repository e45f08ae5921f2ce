"""A chain for the time of one step over many orders."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from marketplace.errors import ChainUnavailable
from marketplace.ports import Chain


class OneLook:
    """A chain that is asked once for what does not change while some bids are checked; all else goes through.

    Once it has not answered it is not asked again: whatever is asked raises the same ChainUnavailable. A node that
    hangs costs a step its timeout once, not once an order.
    """

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._away: ChainUnavailable | None = None
        self.head = cache(partial(self._ask, chain.head))
        self.renter_account = cache(partial(self._ask, chain.renter_account))
        self.has_code = cache(partial(self._ask, chain.has_code))

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._chain, name)
        return partial(self._ask, found) if callable(found) else found

    def _ask(self, call: Callable[..., Any], *args: Any) -> Any:
        if self._away is not None:
            raise self._away
        try:
            return call(*args)
        except ChainUnavailable as error:
            self._away = error
            raise
