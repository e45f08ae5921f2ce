"""How the market's log lines are written: for people or as JSON, with nothing in them that could be a secret."""

import logging
import os
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from marketplace.errors import SettingsError
from marketplace.telemetry.logs import JOB_NAMES

HIDDEN = "[hidden]"
_WORDS = "password|passphrase|secret|token|api_?key|private_?key|mnemonic"
_SECRET_NAMES = re.compile(rf"{_WORDS}|authorization|cookie", re.I)
_SECRET_TEXTS = (
    (re.compile(r"(\b\w[\w+.-]*://)[^\s/@:]*:[^\s/@]*@"), rf"\1{HIDDEN}@"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{12,}", re.I), rf"\1 {HIDDEN}"),
    (re.compile(rf"\b((?:{_WORDS})\"?\s*[=:]\s*\"?)[^\s\"&,;]+", re.I), rf"\1{HIDDEN}"),
    (re.compile(r"AGE-SECRET-KEY-1[0-9A-Z]+"), HIDDEN),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE" r" KEY-----.*?(-----END [A-Z ]*-----|$)", re.S), HIDDEN),
)
"""An address's user and password, HTTP's credentials, values that are called secret, keys that show what they are."""


def configure_logging(level: str) -> None:
    """Structured lines on stderr: for people at a terminal, JSON elsewhere. Raises SettingsError."""
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise SettingsError(
            f"COMPUTEHIVE_MARKET_LOG_LEVEL: {level!r} is not a level.",
            hint="Use debug, info, warning or error.",
        )
    is_terminal = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            JOB_NAMES,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            hide_secrets,
            *([escape_control_characters] if is_terminal else []),
            structlog.dev.ConsoleRenderer() if is_terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(stream=sys.stderr, level=max(number, logging.WARNING))


def escape_control_characters(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A log processor: what others wrote (paths, names, reasons) begins no line of a terminal's and moves no cursor.

    JSON escapes them by itself. A trace, which is ours, keeps its lines.
    """
    for name, value in event.items():
        if isinstance(value, str) and name != "exception":
            event[name] = "".join(each if each.isprintable() else f"<U+{ord(each):04X}>" for each in value)
    return event


def hide_secrets(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A log processor: what is called a secret, or looks like one, is not in the line.

    It is the second line: nothing of the market's logs a secret. A library's error may have an address with a password.
    """
    for name, value in event.items():
        event[name] = HIDDEN if _SECRET_NAMES.search(name) else _without_secrets(value)
    return event


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        for pattern, replacement in _SECRET_TEXTS:
            value = pattern.sub(replacement, value)
        return value
    if isinstance(value, dict):
        return {
            name: HIDDEN if _SECRET_NAMES.search(str(name)) else _without_secrets(one) for name, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without_secrets(one) for one in value]
    return value
