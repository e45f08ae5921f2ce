"""A past for the local market of `hive dev`: jobs that really run, are checked and paid, and some that are not.

A process of its own beside the market, which types what a renter would; nobody waits for it. No machine is made up: a
node offers what this machine has, so that all are of its class.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from marketplace.cli.context import HOME_ENV
from marketplace.cli.localplan import HIVE
from marketplace.devnet import ManagedProcess
from marketplace.errors import ServiceUnavailable

TIMES, PAUSE, SECONDS = 5, 3.0, 180
"""How often a job is placed at most, seconds between, seconds that each may take."""
CACHE_ENV = "COMPUTEHIVE_CACHE"

WEATHER = """
days = [(hour * 37) % 31 for hour in range(5_000)]
print(f"{len(days)} readings, mean {sum(days) / len(days):.2f}")
open("report.txt", "w").write(f"{min(days)} to {max(days)}\\n")
"""
PRIMES = """
found = [n for n in range(2, 20_000) if all(n % d for d in range(2, int(n ** 0.5) + 1))]
print(f"{len(found)} primes, the last is {found[-1]}")
"""
BROKEN = """
print("reading rows")
raise SystemExit("row 17 has no temperature")
"""
ENDLESS = """
print("this never ends")
while True: pass
"""


@dataclass(frozen=True, slots=True)
class Played:
    """A job of the past: what runs, and what else is typed."""

    name: str
    script: str
    more: Sequence[str] = ()


JOBS = (
    Played("weather", WEATHER),
    # Nobody sells at this price: it waits, and loses every round until it runs out.
    Played("too cheap", PRIMES, ("--max-price", "0.000600", "--anyway")),
    Played("primes", PRIMES, ("--replicas", "2", "--verify", "replicate")),
    Played("broken rows", BROKEN),
    Played("endless", ENDLESS, ("--fuel", "0.5")),
    Played("weather again", WEATHER, ("--region", "eu-west")),
)
"""Placed one after the other, so that they meet in more than one round."""


def start_history(log: Path, home: Path) -> ManagedProcess:
    """Begin it in the background; it ends by itself, or with whoever called. What it does is in `log`."""
    return ManagedProcess("history", [sys.executable, "-m", __name__], log, env=clean_environment(home)).start()


def clean_environment(home: Path) -> Mapping[str, str]:
    """Nothing of another market that this terminal is set to."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COMPUTEHIVE_")}
    if CACHE_ENV in os.environ:
        kept[CACHE_ENV] = os.environ[CACHE_ENV]
    return kept | {HOME_ENV: str(home), "NO_COLOR": "1"}


def command_of(job: Played, folder: Path) -> list[str]:
    """What a renter would type; the program is written to `folder`."""
    script = folder / f"{job.name.replace(' ', '-')}.py"
    script.write_text(job.script)
    return [*HIVE, "run", str(script), "--name", job.name, "--yes", "--detach", *job.more]


def place(command: Sequence[str]) -> int:
    """Run it, again where the market was too busy to answer; the exit code."""
    for _ in range(TIMES):
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, timeout=SECONDS, check=False)
        if ended.returncode != ServiceUnavailable.exit_code:
            break
        time.sleep(PAUSE)
    return ended.returncode


def main() -> None:
    """Place every job. The market does the rest."""
    with tempfile.TemporaryDirectory(prefix="hive-history-") as name:
        for job in JOBS:
            print(f"{job.name}: hive run ended with {place(command_of(job, Path(name)))}", flush=True)


if __name__ == "__main__":
    main()
