"""Processes that are started, watched, and certainly ended: by us, or by our own end however it comes."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from marketplace.errors import MarketError

_WATCHDOG = Path(__file__).with_name("watchdog.py")
STOP_SECONDS = 15
"""The watchdog gives a command 5 s to end by itself before it kills it."""
POLL_SECONDS = 0.05
LOG_TAIL_LINES = 15


class ProcessFailed(MarketError):
    """A process that was needed did not start, or ended by itself."""

    code = "process_failed"
    exit_code = 1


class PortTaken(ProcessFailed):
    """Somebody else listens on the port."""

    code = "port_taken"


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def require_free_port(port: int, what: str) -> None:
    """Raises PortTaken if somebody listens on loopback `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortTaken(
                f"Port {port}, for {what}, is in use.",
                hint="End the other program, or choose another port.",
                port=port,
            ) from error


def is_listening(port: int) -> bool:
    """Whether somebody takes connections on loopback `port`."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class ManagedProcess:
    """One command with its log file. Ends with `stop`, with the `with` block, or when this process dies."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name, self.log = name, log
        self._command = [sys.executable, str(_WATCHDOG), *map(str, command)]
        self._env, self._cwd = env, cwd
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Start the command; standard output and error go to the log file. Once it is started, a call does nothing."""
        if self._process is not None:
            return self
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            # A group of its own, so that Ctrl-C at the terminal reaches us first and we end things in order.
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env=self._env,
                cwd=self._cwd, start_new_session=True,
            )  # fmt: skip
        return self

    @property
    def pid(self) -> int:
        """Of the watchdog."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def command_pid(self) -> int | None:
        """Of the command itself, while it runs (Linux)."""
        with contextlib.suppress(OSError, ValueError, IndexError):  # none yet, or none any more
            return int(Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()[0])
        return None

    @property
    def is_running(self) -> bool:
        """Whether the command has not ended."""
        return self._process is not None and self._process.poll() is None

    def wait_ready(self, is_ready: Callable[[], bool], timeout: float = 60) -> Self:
        """Wait until `is_ready()`. Raises ProcessFailed with the log's tail when the process ends or time runs out."""
        until = time.monotonic() + timeout
        while not is_ready():
            if not self.is_running:
                raise ProcessFailed(f"{self.name} ended before it was ready.\n{self.log_tail()}", log=str(self.log))
            if time.monotonic() > until:
                raise ProcessFailed(
                    f"{self.name} is not ready after {timeout:g} s.\n{self.log_tail()}", log=str(self.log)
                )
            time.sleep(POLL_SECONDS)
        return self

    def wait(self, timeout: float) -> int:
        """The command's exit status. Raises ProcessFailed (and ends it) when time runs out."""
        assert self._process is not None, "not started"
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            self.stop()
            raise ProcessFailed(f"{self.name} did not end within {timeout:g} s.\n{self.log_tail()}") from error

    def log_tail(self) -> str:
        """The last lines of the log, and where the rest is."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([*lines[-LOG_TAIL_LINES:], f"(log: {self.log})"])

    def kill(self) -> None:
        """SIGKILL the command, as a crash would; for tests of what survives one."""
        pid = self.command_pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        """End the command and everything it started. A second call does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()  # the watchdog sees the end of its input and ends the command
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
