"""Order-book packages, in an environment of their own: orders added and cancelled a second. Prints JSON.

Run by `order_books`, with that environment's Python; imports nothing of this project.
"""

import importlib.metadata
import json
import os
import random
import sys
import time
from collections.abc import Callable

Churn = Callable[[list[float]], None]
"""Adds a sell order at each price, then cancels all of them."""


def limit_order_book() -> Churn:
    """C++ behind ctypes."""
    from limit_order_book import LimitOrderBook

    book = LimitOrderBook()

    def churn(prices: list[float]) -> None:
        for number, price in enumerate(prices):
            book.limit_sell(number + 1, 1, int(price * 100))
        for number in range(len(prices)):
            book.cancel(number + 1)

    return churn


def lightmatchingengine() -> Churn:
    """Pure Python."""
    from lightmatchingengine.lightmatchingengine import LightMatchingEngine, Side

    engine = LightMatchingEngine()

    def churn(prices: list[float]) -> None:
        orders = [engine.add_order("node", price, 1, Side.SELL)[0] for price in prices]
        for order in orders:
            engine.cancel_order(order.order_id, "node")

    return churn


def pyorderbook() -> Churn:
    """Pure Python."""
    from pyorderbook import Book, Order, Side

    book = Book()

    def churn(prices: list[float]) -> None:
        orders = [Order(Side.ASK, "node", price, 1) for price in prices]
        for order in orders:
            book.match(order)
        for order in orders:
            book.cancel(order)

    return churn


def fastlob() -> Churn:
    """Pure Python."""
    import logging

    from fastlob import Orderbook, OrderParams, OrderSide

    logging.disable(logging.CRITICAL)
    book = Orderbook(start=True)

    def churn(prices: list[float]) -> None:
        placed = [book(OrderParams(OrderSide.ASK, price, 1)).orderid() for price in prices]
        for order in placed:
            book.cancel(order)
        if book.n_asks():
            raise RuntimeError("orders stayed")

    return churn


def rate_of(make: Callable[[], Churn], prices: list[float]) -> float:
    """Updates a second, adding and cancelling counted apart."""
    churn = make()
    churn(prices[:100])
    started = time.perf_counter()
    churn(prices)
    return 2 * len(prices) / (time.perf_counter() - started)


def main() -> None:
    """One line of JSON: by package its version, and the rate or what went wrong."""
    draw, found = random.Random(1), {}
    prices = [round(draw.uniform(1, 50), 2) for _ in range(int(sys.argv[1]))]
    for make in (limit_order_book, lightmatchingengine, pyorderbook, fastlob):
        name = make.__name__
        try:
            found[name] = {"version": importlib.metadata.version(name), "per_second": rate_of(make, prices)}
        except Exception as error:
            found[name] = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(found), flush=True)
    os._exit(0)  # one of them leaves a thread that never ends


if __name__ == "__main__":
    main()
