"""How `hive` speaks: data on stdout, talk on stderr, every amount with its unit."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from marketplace.cli.terminal import Writer
from marketplace.errors import MarketError
from marketplace.protocol.units import FUEL_PER_GFUEL, format_usdc

PLAIN_WIDTH = 110
"""Columns where there is no terminal."""
MFUEL_PER_GFUEL = 1_000
TAIL_LINES, TAIL_COLUMNS = 20, 500
"""How much of a crashed program's standard error is shown."""
STATE_STYLES = {
    "paid": "green",
    "failed": "yellow",
    "refunded": "yellow",
    "cancelled": "dim",
    "expired": "yellow",
    "fraud": "red",
}


_quiet = False


def set_quiet(quiet: bool) -> None:
    """Whether `talk` is silent, as it is under --json."""
    global _quiet
    _quiet = quiet


def is_quiet() -> bool:
    """Whether only data is wanted."""
    return _quiet


def out() -> Console:
    """Where data goes."""
    return Console(file=sys.stdout, highlight=False, width=_width(sys.stdout))


def talk() -> Console:
    """Where everything else goes."""
    return Console(file=sys.stderr, highlight=False, width=_width(sys.stderr), quiet=_quiet)


def _width(stream: TextIO) -> int | None:
    """The terminal's own width; files get lines long enough for every table."""
    return None if stream.isatty() else PLAIN_WIDTH


def write_text(data: bytes, *, raw: bool = False) -> None:
    """A program's own bytes on stdout: exactly, but on a terminal, where only `raw` lets it do more than print."""
    Writer(raw=raw).write(data, is_last=True)


def last_lines(data: bytes, count: int = TAIL_LINES) -> tuple[list[str], int]:
    """The last lines of a program's output, fit for a terminal, and how many go before them."""
    lines = data.decode(errors="replace").rstrip().splitlines()
    shown = ["".join(mark if mark.isprintable() else " " for mark in line)[:TAIL_COLUMNS] for line in lines[-count:]]
    return shown, len(lines) - len(shown)


def print_json(value: Any) -> None:
    """One JSON document on stdout and nothing else."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def print_error(error: MarketError, *, as_json: bool) -> None:
    """An expected error: what happened, and what to do."""
    if as_json:
        print_json({"error": error_document(error)})
        return
    line = Text.assemble(("error: ", "bold red"), error.message)
    talk().print(line)
    if error.hint:
        talk().print(Text.assemble(("  → ", "cyan"), error.hint))


def error_document(error: MarketError) -> dict[str, Any]:
    """An error as `--json` prints it."""
    return {
        "code": error.code,
        "exit": error.exit_code,
        "message": error.message,
        "hint": error.hint,
        "values": {
            name: value if isinstance(value, int | bool | list | dict) else str(value)
            for name, value in error.values.items()
        },
    }


def usdc(micro: int | str) -> str:
    """An amount with its unit: `0.014048 USDC`."""
    return f"{format_usdc(int(micro))} USDC"


def amount(micro: int | str | None) -> str:
    """An amount for a column whose table names the unit; a dash where there is none."""
    return "—" if micro is None else format_usdc(int(micro))


def gfuel(fuel: int | str) -> str:
    """Fuel in Gfuel, to what a person can compare."""
    return f"{int(fuel) / FUEL_PER_GFUEL:.3f} Gfuel"


def fuel_speed(benchmark: dict[str, Any] | None) -> str:
    """Gfuel a second that a node's profile states for Python jobs; empty where it states none."""
    mfuel = (benchmark or {}).get("pythonMfuelPerSecond")
    return "" if mfuel is None else f"{mfuel / MFUEL_PER_GFUEL:.1f}"


def size(count: int) -> str:
    """Bytes as B, kB or MB (powers of ten, as the protocol counts)."""
    if count < 1_000:
        return f"{count} B"
    return f"{count / 1_000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def short(identifier: str) -> str:
    """The head of an id, long enough to name it: `0x` and eight digits."""
    return identifier[:10]


def state_text(state: str) -> Text:
    """A state in its colour."""
    return Text(state, style=STATE_STYLES.get(state, "cyan"))


def clock_time(seconds: int) -> str:
    """A unix time as local wall-clock time with its date."""
    return datetime.fromtimestamp(seconds, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def table(*columns: str, title: str | None = None, right: Sequence[str] = ()) -> Table:
    """A table in the house's dress; columns named in `right` are numbers."""
    made = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        header_style="dim",
        padding=(0, 2, 0, 0),
    )
    for column in columns:
        made.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="fold",
            no_wrap=column in right,
        )
    return made


def facts(rows: Sequence[tuple[str, Any]]) -> Table:
    """Names and values in two columns."""
    made = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows:
        made.add_row(name, value if isinstance(value, Text) else str(value))
    return made
