"""Counting the orders that come in, and where a job's trace begins."""

import time
from collections.abc import Callable
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
Place = Callable[Concatenate[Market, Rest], Placed]


def counted(kind: str) -> Callable[[Place[Rest, Placed]], Place[Rest, Placed]]:
    """Count each `kind` of order by what became of it; a bid that is new begins its job's trace."""

    def wrap(place: Place[Rest, Placed]) -> Place[Rest, Placed]:
        @wraps(place)
        def placing(market: Market, *args: Rest.args, **kwargs: Rest.kwargs) -> Placed:
            started, code = time.time(), "bug"
            try:
                placed = place(market, *args, **kwargs)
                code = "accepted" if placed.is_new else "repeated"
            except MarketError as error:
                code = error.code
                raise
            finally:
                market.instruments.meter.count(ORDERS, kind=kind, code=code)
            if kind == "bid" and placed.is_new:
                market.instruments.tracer.note(Stage.PLACE, placed.order_hash, "", started, time.time())
            return placed

        return placing

    return wrap
