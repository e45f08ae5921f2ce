"""One of many: what is refused keeps no other out."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from marketplace.errors import MarketError

Given = ParamSpec("Given")
Result = TypeVar("Result")


def attempt(step: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs) -> Result | MarketError:
    """What the step returns, or the refusal that it raises: then it must not have written anything."""
    try:
        return step(*args, **kwargs)
    except MarketError as error:
        return error


def require_done(outcome: Result | MarketError) -> Result:
    """The result. Raises the refusal."""
    if isinstance(outcome, MarketError):
        raise outcome
    return outcome
