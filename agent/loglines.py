"""The daemons' log lines: no empty fields, ids short enough to read, in the order in which they were said."""

import logging
import re
import sys
from typing import Any, TextIO

import structlog

from marketplace.telemetry.logs import JOB_NAMES

_ID = re.compile(r"0x[0-9a-fA-F]{32,}")
SHOWN_DIGITS = 10
"""`0x` and eight digits."""


def configure_logging(stream: TextIO | None = None) -> None:
    """Readable lines on standard error; colours on a terminal only."""
    stream = stream or sys.stderr
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(stream),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.contextvars.merge_contextvars,
            JOB_NAMES,
            structlog.processors.add_log_level,
            structlog.processors.StackInfoRenderer(),
            structlog.dev.set_exc_info,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
            tidy,
            structlog.dev.ConsoleRenderer(
                colors=stream.isatty(),
                sort_keys=False,
                # Not the default, which shows local variables: keys and inputs of private jobs are among them.
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ],
    )


def tidy(logger: Any, method: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty; ids by their head, also inside sentences."""
    return {name: _short(value) for name, value in fields.items() if value is not None and value != ""}


def _short(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return _ID.sub(lambda found: f"{found[0][:SHOWN_DIGITS]}…", value)
