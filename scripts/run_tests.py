"""Runs the test suites and closes with one line of totals.

python -m scripts.run_tests [unit] [contracts] [simulation] [web] [integration] [postgres]   # else all but the last

The suites are cut into pieces (scripts/suites.py), which one queue deals out to as many processes at once as there are
cores (scripts/lanes.py). The output of each piece is shown as it ends, and lies in build/logs meanwhile. A few tests
that fail beside others are run once more, alone, when all else has ended (docs/decisions/0061-run-again.md).
"""

import re
import signal
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace

from scripts.lanes import TIMED_OUT, Ended, run_all
from scripts.suites import LOGS, SUITES, Piece, Suite, queue_of

__all__ = ["LOGS", "SUITES", "Suite", "Totals", "main", "parse_totals", "run_suite", "run_suites"]

_COUNT = re.compile(r"(\d+) (passed|failed|skipped|errors?|xfailed|xpassed)")
_CLOSING = re.compile(rf"^(=+ )?{_COUNT.pattern}\b.* in [\d.]+s\b")
MOST_AGAIN = 5
"""Tests that may be run once more: where more fail, it is not the load."""
TESTS_FAILED = 1
"""Pytest's status where tests failed and nothing else is wrong."""


@dataclass(frozen=True)
class Totals:
    """How many tests ended how."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    again: int = 0
    """Of those that passed: only when they were run again."""

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            self.again + other.again,
        )

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        again = f"; {self.again} of them passed only alone, run again" if self.again else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}{again}"


def parse_totals(output: str) -> Totals:
    """The counts in pytest's closing line; none where there is no such line."""
    closing = [line for line in output.splitlines() if _CLOSING.match(line)]
    counts = {kind.rstrip("s"): int(number) for number, kind in _COUNT.findall(closing[-1])} if closing else {}
    return Totals(
        counts.get("passed", 0) + counts.get("xfailed", 0),
        counts.get("failed", 0) + counts.get("error", 0) + counts.get("xpassed", 0),
        counts.get("skipped", 0),
    )


def run_suite(suite: Suite) -> Totals:
    """Run one suite, its output to the terminal and to build/logs. A suite that ends badly counts as a failure."""
    return run_suites([suite])


def run_suites(suites: Iterable[Suite]) -> Totals:
    """Run suites side by side, piece by piece. A piece that ends badly counts as a failure, as does an empty suite."""
    suites, counts, judged = list(suites), list[Totals](), list[tuple[Ended, Totals]]()
    pieces = queue_of(suites)
    for suite in suites:
        if all(piece.suite is not suite for piece in pieces):  # pytest without folders would run everything
            print(f"{suite.name}: no such folder as {' or '.join(suite.folders)}; counted as a failure.", flush=True)
            counts.append(Totals(failed=1))
        _forget_logs(suite)
    print(f"{len(pieces)} pieces; the output of each is shown as it ends, and is in {LOGS} before.", flush=True)
    run_all(pieces, LOGS, lambda ended: judged.append((ended, _judge(ended))))
    return sum(_run_failed_again(judged), sum(counts, Totals()))


def _run_failed_again(judged: list[tuple[Ended, Totals]]) -> list[Totals]:
    """The totals of each piece, after what failed was run once more by itself: only where that was little, and nothing
    but tests failed."""
    if sum(totals.failed for _, totals in judged) > MOST_AGAIN:
        return [totals for _, totals in judged]
    return [
        _run_again(ended.piece, totals) if totals.failed and ended.status == TESTS_FAILED else totals
        for ended, totals in judged
    ]


def _run_again(piece: Piece, first: Totals) -> Totals:
    """Of `first`, with what passes now. The contracts' tests are on a chain of their own as it is: they stand."""
    if piece.suite.name == "contracts":
        return first
    counts = list[Totals]()
    run_all([replace(piece, is_again=True)], LOGS, lambda ended: counts.append(_judge(ended)), lanes=1)
    # An error after a test counts beside its pass: what failed again is taken off whatever passed.
    passed = max(0, min(counts[0].passed, first.failed - counts[0].failed))
    return Totals(first.passed + passed, first.failed - passed, first.skipped, passed)


def _forget_logs(suite: Suite) -> None:
    """Of an earlier run, which may have been cut into more pieces."""
    for path in LOGS.glob(f"test-{suite.name}*"):
        if re.fullmatch(rf"test-{suite.name}(-\d+)?(-again)?\.(log|xml)", path.name):
            path.unlink()


def _judge(ended: Ended) -> Totals:
    """Show what a piece printed, and count. One that ended badly, or ran nothing, counts as a failure."""
    piece, status = ended.piece, ended.status
    print(f"\n=== {piece}, {ended.seconds:.0f} s ===\n{ended.output}", flush=True)
    totals = parse_totals(re.sub(r"\x1b\[[0-9;]*m", "", ended.output))
    if status == TIMED_OUT:
        print(f"\n{piece.name}: not finished after {piece.suite.seconds} s; ended.", flush=True)
    if totals.passed + totals.failed == 0 or (status != 0 and totals.failed == 0):
        print(f"{piece.name}: ended with status {status} and {totals}; counted as a failure.", flush=True)
        totals += Totals(failed=1)
    return totals


def main(names: list[str]) -> int:
    """0 if everything passed."""
    unknown = set(names) - SUITES.keys()
    if unknown:
        print(f"Unknown suite {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    LOGS.mkdir(parents=True, exist_ok=True)
    try:
        totals = run_suites(
            SUITES[name] for name in names or [suite.name for suite in SUITES.values() if not suite.is_repeat]
        )
    except KeyboardInterrupt:
        print("\ninterrupted; everything started has been ended.", file=sys.stderr)
        return 130
    print(f"\n{totals}", flush=True)
    (LOGS / "totals.txt").write_text(f"{totals}\n")
    return 0 if totals.failed == 0 and totals.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
