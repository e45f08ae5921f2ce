"""`hive provider benchmark`: what this machine does, measured, and stated to renters from the next start on."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from marketplace.cli.agent_settings import prepare_agent
from marketplace.cli.context import JsonOption
from marketplace.cli.options import with_options
from marketplace.cli.output import out, print_json, table, talk
from marketplace.cli.wiring import Holder
from marketplace.errors import KeystoreError, SettingsError

if TYPE_CHECKING:
    from agent.benchmark.timing import Row

RESTLESS_PERCENT = 50
"""Spread from which on a median says more about what else the machine did."""


@with_options
def provider_benchmark(
    *,
    holder: Holder,
    as_json: JsonOption = False,
) -> None:
    """Measure this machine: sandbox, processor, memory, disk, inference, GPU. The next start states it to renters."""
    from agent.benchmark import VERSION
    from agent.benchmark.record import record_benchmark
    from agent.benchmark.workloads import WORKLOADS, run_benchmark
    from agent.lock import is_held

    folder = data_folder(holder)
    if is_held(folder, "provider"):
        talk().print("A provider is at work here: its jobs and the benchmark slow each other down.", style="yellow")
    started = time.monotonic()
    with talk().status("measuring") as status:
        rows = run_benchmark(WORKLOADS, folder, lambda name: status.update(f"measuring: {name}"))
    measured_at = int(time.time())
    path = record_benchmark(folder, rows, measured_at)
    if as_json:
        print_json(_document(VERSION, measured_at, path, rows))
        return
    _print_rows(rows)
    talk().print(
        f"\nMeasured in {time.monotonic() - started:.0f} s, kept in {path}. The provider's next start puts it into the"
        " node profile, which its asks sign.",
        soft_wrap=True,
    )


def data_folder(holder: Holder) -> Path:
    """The daemon's data folder, also before there is a market or a wallet."""
    from agent.settings import FolderSettings, load_settings

    try:
        prepare_agent(holder, needs_password=False)
    except (SettingsError, KeystoreError):
        if holder.wallet is not None or holder.url is not None:
            raise
    return load_settings(FolderSettings).data


def _document(version: int, measured_at: int, path: Path, rows: "list[Row]") -> dict[str, Any]:
    return {
        "version": version,
        "measuredAt": measured_at,
        "path": str(path),
        "workloads": [row.to_json() for row in rows],
    }


def _print_rows(rows: "list[Row]") -> None:
    shown = table("workload", "what it does", "median", "unit", "spread", right=("median", "spread"))
    for row in rows:
        if row.score is None:
            shown.add_row(row.name, row.work, "—", row.unit, "", style="dim")
        else:
            shown.add_row(row.name, row.work, f"{row.score:,}", row.unit, f"{row.spread_percent} %")
    out().print(shown)
    restless = [row.name for row in rows if (row.spread_percent or 0) >= RESTLESS_PERCENT]
    if restless:
        talk().print(
            f"Something else was at work: {', '.join(restless)} varied by half or more. Run it again when it is not.",
            style="yellow",
        )
    for row in rows:
        if row.note:
            out().print(Text(f"{row.name}: {row.note}", style="yellow"), soft_wrap=True)
