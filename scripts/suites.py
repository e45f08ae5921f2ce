"""Which test suites there are, and into which pieces they are cut so that cores never wait for one another.

python -m scripts.suites    # note how long each file of the last `make test` took
"""

import json
import os
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.toolchain import BUILD, ROOT

LOGS = BUILD / "logs"
RECORD = ROOT / "tests" / "data" / "seconds.json"
"""What each file is expected to take, seconds; after a run, `python -m scripts.suites` puts in what it took.

It decides about the order alone: a file that is missing, or wrong, makes the end of a run less even.
"""
UNKNOWN_SECONDS = 5.0
"""What a file is taken to need that nobody has measured."""


@dataclass(frozen=True)
class Suite:
    """A set of test folders and how long one piece of it may take. Each group of `aside` is one piece."""

    name: str
    folders: tuple[str, ...]
    seconds: int
    aside: tuple[tuple[str, ...], ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    """Variables of its tests alone."""
    is_repeat: bool = False
    """Of tests that other suites run as well, under other circumstances: only where it is named."""
    piece_seconds: float | None = None
    """What is not aside is cut into pieces of about so many seconds, or is one piece."""

    def parts(self) -> list[list[str]]:
        """What one process runs each: the groups aside, then whatever else there is with tests in it."""
        folders = [folder for folder in self.folders if (ROOT / folder).exists()]
        if not self.aside and self.piece_seconds is None:
            return [folders] if folders else []
        children = [path for folder in folders for path in sorted((ROOT / folder).iterdir()) if _has_tests(path)]
        names = [str(path.relative_to(ROOT)) for path in children]
        groups = [[name for name in names if name in group] for group in self.aside]
        rest = [name for name in names if not any(name in group for group in self.aside)]
        cut = [rest] if self.piece_seconds is None else cut_files(files_of(rest), read_record(), self.piece_seconds)
        return [part for part in (*groups, *cut) if part]


def _has_tests(path: Path) -> bool:
    if path.is_dir():
        return any(path.rglob("test_*.py"))
    return path.match("test_*.py")


def files_of(names: Iterable[str]) -> list[str]:
    """The test files that these files and folders, relative to the checkout, stand for; in order."""
    paths = (ROOT / name for name in names)
    files = (file for path in paths for file in (sorted(path.rglob("test_*.py")) if path.is_dir() else [path]))
    return [os.path.relpath(file, ROOT) for file in files]


def cut_files(files: Sequence[str], record: Mapping[str, float], seconds: float) -> list[list[str]]:
    """`files` in their order, cut where the next one would make a piece longer than `seconds`; a long one is alone."""
    pieces: list[list[str]] = []
    filled = 0.0
    for file in files:
        takes = record.get(file, UNKNOWN_SECONDS)
        if not pieces or filled + takes > seconds:
            pieces.append([])
            filled = 0.0
        pieces[-1].append(file)
        filled += takes
    return pieces


def expected_seconds(part: Iterable[str], record: Mapping[str, float]) -> float:
    """How long these files and folders, relative to the checkout, take by the record."""
    return sum(record.get(file, UNKNOWN_SECONDS) for file in files_of(part))


def read_record() -> dict[str, float]:
    """Seconds by file; nothing where nothing was noted."""
    return json.loads(RECORD.read_text()) if RECORD.exists() else {}


CONTRACTS_ASIDE = (("tests/contracts/Escrow", "tests/contracts/stateful", "tests/contracts/ProviderStake"),)
"""About half of all. A test waits for its chain and the chain for its test: two of each fill two cores."""
UNIT_ASIDE = (("tests/unit/devnet", "tests/unit/npm", "tests/unit/scripts"),)
"""What builds in folders of the checkout, and waits for other programs most of its time."""
MARKET_TESTS = "tests/unit/market"
SIMULATION_ASIDE = (("tests/simulation/test_mutants.py",),)
"""Each half plays about as many seeds."""
INTEGRATION_ASIDE = (
    ("tests/integration/mcp", "tests/integration/sandboxes"),
    ("tests/integration/test_dapp_examples.py",),
)
"""What has a container engine of its own, of which there is never a second one; what builds in one folder."""

SUITES = {
    suite.name: suite
    for suite in (
        Suite("unit", ("tests/unit", "tests/architecture", "tests/docs"), 600, aside=UNIT_ASIDE, piece_seconds=60),
        # The market's tests once more, each on a fresh database of a real server: one for each piece.
        Suite("postgres", (MARKET_TESTS,), 900, (), (("HIVE_TEST_DATABASE", "postgres"),), True, piece_seconds=120),
        Suite("contracts", ("tests/contracts",), 1_800, aside=CONTRACTS_ASIDE),
        Suite("simulation", ("tests/simulation",), 900, aside=SIMULATION_ASIDE),
        Suite("web", ("tests/web",), 900, piece_seconds=60),
        Suite("integration", ("tests/integration",), 2_400, aside=INTEGRATION_ASIDE, piece_seconds=90),
    )
}


@dataclass(frozen=True)
class Piece:
    """What one process runs: the `place`th part of `places` of a suite; or, again, what failed of that."""

    suite: Suite
    paths: tuple[str, ...]
    place: int
    places: int
    is_again: bool = False

    @property
    def first_name(self) -> str:
        """The same for the piece and for what is run again of it."""
        return self.suite.name if self.place == 1 else f"{self.suite.name}-{self.place}"

    @property
    def name(self) -> str:
        """Of its log and of its process."""
        return self.first_name + ("-again" if self.is_again else "")

    def __str__(self) -> str:
        which = f", {self.place} of {self.places}" if self.places > 1 else ""
        return self.suite.name + which + (", what failed once more" if self.is_again else "")


def queue_of(suites: Iterable[Suite]) -> list[Piece]:
    """All pieces in the order of their start.

    The contracts' come first, while nothing else is there: Brownie writes build/contracts anew as it loads them. Then
    the longest, so that at the end only short ones are left and all cores end at about the same time.
    """
    parts = [(suite, suite.parts()) for suite in suites]
    pieces = [
        Piece(suite, tuple(part), place, len(cut)) for suite, cut in parts for place, part in enumerate(cut, start=1)
    ]
    record = read_record()
    return sorted(pieces, key=lambda one: (one.suite.name != "contracts", -expected_seconds(one.paths, record)))


def seconds_in(reports: Iterable[str]) -> dict[str, float]:
    """Seconds by file in pytest's reports (JUnit's XML, `junit_family=xunit1`), tenths."""
    seconds: Counter[str] = Counter()
    for report in reports:
        for case in ET.fromstring(report).iter("testcase"):
            seconds[case.get("file", "")] += float(case.get("time", 0))
    return {file: round(taken, 1) for file, taken in sorted(seconds.items()) if file}


def main() -> int:
    """0, or 1 where no report lies."""
    taken = seconds_in(path.read_text() for path in sorted(LOGS.glob("test-*.xml")))
    if not taken:
        print("There is no report of tests in build/logs: run `make test` first.", file=sys.stderr)
        return 1
    known = {file: seconds for file, seconds in read_record().items() if (ROOT / file).exists()}
    RECORD.write_text(json.dumps(dict(sorted((known | taken).items())), indent=0) + "\n")
    print(f"{len(taken)} files noted in {RECORD.relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
