"""Instants as RFC 3339 writes them, and as unix seconds: what signed texts and webhooks carry."""

import re

_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]{1,9})?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAY = 86_400


def parse_instant(text: str) -> int:
    """Unix seconds, what is less than a second left off. Raises ValueError for what RFC 3339 §5.6 does not allow."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no instant such as 2026-01-31T23:59:59Z")
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    offset_hours, offset_minutes = int(found[8] or 0), int(found[9] or 0)
    in_range = 1 <= month <= 12 and 1 <= day <= days_in(year, month) and hour < 24 and minute < 60 and second <= 60
    if not in_range or offset_hours > 23 or offset_minutes > 59:
        raise ValueError(f"{text!r} is a day or time that there is not")
    offset = (offset_hours * 60 + offset_minutes) * 60 * (-1 if found[7] == "-" else 1)
    return days_from_epoch(year, month, day) * _DAY + hour * 3600 + minute * 60 + min(second, 59) - offset


def format_instant(at: int) -> str:
    """`2026-01-31T23:59:59Z`, of unix seconds from year 0 to 9999."""
    days, rest = divmod(at, _DAY)
    year = days // 366 + 1970
    while days_from_epoch(year + 1, 1, 1) <= days:
        year += 1
    while days_from_epoch(year, 1, 1) > days:
        year -= 1
    days, month = days - days_from_epoch(year, 1, 1), 1
    while days >= days_in(year, month):
        days, month = days - days_in(year, month), month + 1
    return f"{year:04}-{month:02}-{days + 1:02}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}Z"


def days_in(year: int, month: int) -> int:
    """Of the Gregorian calendar."""
    return 29 if month == 2 and _is_leap(year) else _DAYS[month - 1]


def days_from_epoch(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01, of the Gregorian calendar to both sides."""
    before = year - 1
    leaps = before // 4 - before // 100 + before // 400 - (1969 // 4 - 1969 // 100 + 1969 // 400)
    return (year - 1970) * 365 + leaps + sum(days_in(year, each) for each in range(1, month)) + day - 1


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
