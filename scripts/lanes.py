"""Pieces of test suites side by side: a process each, one for each lane, and the next one when one has ended."""

import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from marketplace.devnet import ManagedProcess, free_port, is_listening
from scripts.suites import Piece
from scripts.toolchain import BROWNIE_VENV, BUILD, ROOT, VENV, brownie_environment, chain_for_tests_command

_FIRST_RESULT = re.compile(r"^[.FEsx]+(?=\s|$)", re.MULTILINE)
_REPORT = ("-o", "junit_family=xunit1", "-o", "junit_duration_report=total")
"""What `python -m scripts.suites` reads: how long each test took, fixtures included, and in which file it is."""
LOADING_SECONDS = 60
"""How long what comes after a piece of the contracts' tests waits for that to get so far."""
GIGABYTES_EACH = 3
"""Of memory for one lane: a local market is seven processes."""
LOOK_SECONDS = 0.2
TIMED_OUT = 124


@dataclass(frozen=True)
class Ended:
    """A piece, how its process ended (124: its time was over), what it printed, and the seconds it took."""

    piece: Piece
    status: int
    output: str
    seconds: float


def count_lanes() -> int:
    """One for each core that this process may use, fewer where memory is short; two at least."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    return max(2, min(len(os.sched_getaffinity(0)), memory // GIGABYTES_EACH))


def run_all(pieces: Iterable[Piece], logs: Path, on_end: Callable[[Ended], None], lanes: int | None = None) -> None:
    """Run every piece, in order of start; `on_end` hears of each as it ends. What runs ends with this call."""
    waiting, running = deque(pieces), list[_Lane]()
    lanes = lanes or count_lanes()
    try:
        while waiting or running:
            while waiting and len(running) < lanes:
                running.append(_Lane(waiting.popleft(), logs))
                running[-1].start()
            time.sleep(LOOK_SECONDS)
            for lane in [lane for lane in running if lane.is_over]:
                ended = lane.end()
                running.remove(lane)
                on_end(ended)
    finally:
        for lane in running:
            lane.close()


class _Lane:
    """One piece while it runs; the contracts' with a chain of its own, which ends with it."""

    def __init__(self, piece: Piece, logs: Path) -> None:
        self.piece, self._logs = piece, logs
        self._stack = ExitStack()
        self._started = time.monotonic()
        self._process: ManagedProcess | None = None

    def start(self) -> None:
        """Returns once another one may start, too."""
        self._process = self._stack.enter_context(self._make())
        self._started = time.monotonic()
        if self.piece.suite.name == "contracts":
            wait_until_loaded(self._process)

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or has had its time."""
        assert self._process is not None, "not started"
        return not self._process.is_running or self._seconds > self.piece.suite.seconds

    def end(self) -> Ended:
        """What came of it; nothing of it runs any more."""
        assert self._process is not None, "not started"
        status = TIMED_OUT if self._process.is_running else self._process.wait(10)
        seconds = self._seconds
        self.close()
        return Ended(self.piece, status, self._process.log.read_text(errors="replace"), seconds)

    def close(self) -> None:
        """End whatever runs."""
        self._stack.close()

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _make(self) -> ManagedProcess:
        piece, log = self.piece, self._logs / f"test-{self.piece.name}.log"
        log.unlink(missing_ok=True)
        if piece.suite.name != "contracts":
            cache = self._logs / f"cache-{piece.first_name}"
            where = (f"--junitxml={log.with_suffix('.xml')}", "-o", f"cache_dir={cache.resolve()}")
            only = ("--last-failed", "--last-failed-no-failures=none") if piece.is_again else ()
            command = [VENV / "bin" / "python", "-m", "pytest", "-q", *_REPORT, *where, *only, *piece.paths]
            return ManagedProcess(piece.name, command, log, env=os.environ | dict(piece.suite.env), cwd=ROOT)
        env = _start_chain(BUILD / f"test-chain-{piece.place}", self._stack)
        command = [BROWNIE_VENV / "bin" / "brownie", "test", *piece.paths, "--network", "hive", "-q"]
        return ManagedProcess(piece.name, command, log, env=env, cwd=ROOT)


def wait_until_loaded(process: ManagedProcess) -> None:
    """Until its first test has ended: Brownie writes build/contracts anew while it loads a project, and two at once
    find each other's files gone."""
    until = time.monotonic() + LOADING_SECONDS
    while process.is_running and time.monotonic() < until:
        if _FIRST_RESULT.search(process.log.read_text(errors="replace") if process.log.exists() else ""):
            return
        time.sleep(LOOK_SECONDS)


def _start_chain(folder: Path, stack: ExitStack) -> dict[str, str]:
    """The environment of tests on a chain of their own, which ends with `stack`."""
    port, lines_port = free_port(), free_port()
    (folder / "chain.log").unlink(missing_ok=True)
    chain = ManagedProcess("chain", chain_for_tests_command(port, lines_port), folder / "chain.log")
    stack.enter_context(chain).wait_ready(lambda: is_listening(lines_port))
    return brownie_environment(f"http://127.0.0.1:{port}", folder / "brownie-home") | {
        "HIVE_CHAIN_LINES": str(lines_port)
    }
