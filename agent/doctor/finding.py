"""What a check found."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from marketplace.errors import MarketError


class Health(StrEnum):
    """How a check ended: WARN earns less or may fail one day, FAIL does not work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was found, and what to do where it is not well."""

    name: str
    health: Health
    found: str
    remedy: str = ""


def well(name: str, found: str) -> Finding:
    """Nothing to be done."""
    return Finding(name, Health.OK, found)


def warned(name: str, found: str, remedy: str) -> Finding:
    """The node works, and earns less than it could, or will fail one day."""
    return Finding(name, Health.WARN, found, remedy)


def failed(name: str, found: str, remedy: str) -> Finding:
    """The node does not work like this."""
    return Finding(name, Health.FAIL, found, remedy)


def guarded(name: str, remedy: str, check: Callable[[], Finding]) -> Finding:
    """The finding of `check`; a failed one, with this remedy, where it could not be made."""
    try:
        return check()
    except MarketError as error:
        return failed(name, error.message, error.hint or remedy)
