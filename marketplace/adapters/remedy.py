"""The operator's remedy: a command of this machine, without a shell, in bounded time, told why in its environment."""

import os
import signal as signals
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from tempfile import TemporaryFile
from typing import BinaryIO

MOST_BYTES = 2_000
"""Of what it prints to standard error that is told: the last."""


class CommandRemedy:
    """`ports.Remedy`: a program and its arguments."""

    def __init__(self, command: Sequence[str], seconds: float) -> None:
        """`seconds`: how long it may take; then it is killed with what it has started."""
        self._command, self._seconds = list(command), seconds

    def apply(self, signal: str, detail: str) -> str:
        """Run it; empty where it exits with 0, else why not. It sees PATH and the finding: no key, no password."""
        with TemporaryFile() as said:
            try:
                process = self._start(said, {"COMPUTEHIVE_SIGNAL": signal, "COMPUTEHIVE_FINDING": detail})
            except OSError as error:
                return f"{self._command[0]}: {error.strerror}"
            try:
                code = process.wait(self._seconds)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signals.SIGKILL)
                process.wait()
                return f"it took longer than {self._seconds:g} s and was killed"
            return f"exit code {code}: {_end_of(said)}" if code else ""

    def _start(self, said: BinaryIO, found: dict[str, str]) -> subprocess.Popen:
        return subprocess.Popen(
            self._command,
            env={"PATH": os.environ.get("PATH", os.defpath)} | found,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,  # a file, and no pipe: whatever it leaves running may keep it open without being waited for
            start_new_session=True,
        )


def _end_of(said: BinaryIO) -> str:
    said.seek(max(0, said.seek(0, os.SEEK_END) - MOST_BYTES))
    return said.read().decode(errors="replace").strip()
