"""Counting the orders that come in, and where a job's trace begins."""

import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from marketplace.errors import MarketError
from marketplace.protocol.tracing import Stage
from marketplace.services.market import Market
from marketplace.telemetry.market_metrics import ORDERS

Rest = ParamSpec("Rest")


class Placing(Protocol):
    """What placing an order ends in."""

    @property
    def order_hash(self) -> str: ...
    @property
    def is_new(self) -> bool: ...


Placed = TypeVar("Placed", bound=Placing)
Order = TypeVar("Order")
PlaceOne = Callable[Concatenate[Market, Rest], Placed]
PlaceEach = Callable[Concatenate[Market, Sequence[Order], Rest], list[Placed | MarketError]]


def counted_ask(place: PlaceOne[Rest, Placed]) -> PlaceOne[Rest, Placed]:
    """Count each ask by what became of it."""

    @wraps(place)
    def placing(market: Market, *args: Rest.args, **kwargs: Rest.kwargs) -> Placed:
        code = "bug"
        try:
            placed = place(market, *args, **kwargs)
            code = _code_of(placed)
        except MarketError as error:
            code = error.code
            raise
        finally:
            market.instruments.meter.count(ORDERS, kind="ask", code=code)
        return placed

    return placing


def counted_bids(place: PlaceEach[Order, Rest, Placed]) -> PlaceEach[Order, Rest, Placed]:
    """Count each bid by what became of it; one that is new begins its job's trace."""

    @wraps(place)
    def placing(
        market: Market, orders: Sequence[Order], *args: Rest.args, **kwargs: Rest.kwargs
    ) -> list[Placed | MarketError]:
        started, codes = time.time(), ["bug"] * len(orders)
        try:
            outcomes = place(market, orders, *args, **kwargs)
            codes = [_code_of(one) for one in outcomes]
        except MarketError as error:
            codes = [error.code] * len(orders)
            raise
        finally:
            for code in codes:
                market.instruments.meter.count(ORDERS, kind="bid", code=code)
        for one in outcomes:
            if not isinstance(one, MarketError) and one.is_new:
                market.instruments.tracer.note(Stage.PLACE, one.order_hash, "", started, time.time())
        return outcomes

    return placing


def _code_of(outcome: Placing | MarketError) -> str:
    if isinstance(outcome, MarketError):
        return outcome.code
    return "accepted" if outcome.is_new else "repeated"
