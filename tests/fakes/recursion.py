"""The recursion limit as libraries raise it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

RAISED = 20_000
"""Not so high that a reader without a bound of its own would end the process of the tests."""


@contextmanager
def raised_recursion_limit() -> Iterator[None]:
    """At least RAISED while it lasts."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, RAISED))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
