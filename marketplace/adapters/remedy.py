"""The operator's remedy: a command of this machine, without a shell, in bounded time, told why in its environment."""

import os
import signal as signals
import subprocess
from collections.abc import Sequence
from contextlib import suppress

MOST_CHARACTERS = 2_000
"""Of what it prints that is told."""


class CommandRemedy:
    """`ports.Remedy`: a program and its arguments."""

    def __init__(self, command: Sequence[str], seconds: float) -> None:
        """`seconds`: how long it may take; then it is killed with what it has started."""
        self._command, self._seconds = list(command), seconds

    def apply(self, signal: str, detail: str) -> str:
        """Run it; empty where it exits with 0, else why not. It sees PATH and the finding: no key, no password."""
        found = {"COMPUTEHIVE_SIGNAL": signal, "COMPUTEHIVE_FINDING": detail}
        try:
            process = subprocess.Popen(
                self._command,
                env={"PATH": os.environ.get("PATH", os.defpath)} | found,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            return f"{self._command[0]}: {error.strerror}"
        try:
            _, said = process.communicate(timeout=self._seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signals.SIGKILL)
            process.communicate()
            return f"it took longer than {self._seconds:g} s and was killed"
        if process.returncode == 0:
            return ""
        return f"exit code {process.returncode}: {said.decode(errors='replace')[-MOST_CHARACTERS:].strip()}"
