"""The operator's policy of admission, in Rego, evaluated by a process of its own in bounded time.

An order is admitted where `data.computehive.admission.allow` is true and `…deny` has no member, and in no other case: a
rule that is not defined, an error, a value of another type, silence, all refuse.
"""

import json
import os
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

from marketplace.adapters import policy_process
from marketplace.errors import ServiceUnavailable, SettingsError
from marketplace.protocol.canonical import sha256_digest

POLICY_SECONDS = 1.0
"""For one evaluation, and to wait for those of others."""
START_SECONDS = 20.0
"""For a process to start on a busy machine, and to answer for the first time."""
MOST_REASON, MOST_ANSWER = 500, 1_000_000
_PROBES = ({"kind": "bid", "order": {}, "jobSpec": {}}, {"kind": "ask", "order": {}, "profile": {}})
"""What a policy is asked at the start: whatever it says of them, it has to say something."""


class _NoAnswer(Exception):
    """The process is gone, stuck, or says what nobody can read."""


class RegoPolicy:
    """`ports.Policy`. Safe to share between threads: one evaluation at a time."""

    def __init__(self, file: Path, seconds: float = POLICY_SECONDS) -> None:
        """Raises SettingsError for a file that is none, or a policy that cannot be evaluated."""
        self._file, self._seconds, self._lock = file, seconds, Lock()
        self._process: subprocess.Popen | None = None
        self._socket: socket.socket | None = None
        if find_spec("regopy") is None:
            raise SettingsError("POLICY is set, and regopy is not installed.", hint="pip install 'computehive[policy]'")
        try:
            self.digest = sha256_digest(file.read_bytes())
        except OSError as error:
            raise SettingsError(f"POLICY: {file} cannot be read: {error.strerror}.") from error
        for probe in _PROBES:
            self._require_answer(probe)

    def refusal(self, document: dict[str, Any]) -> str:
        """Why an order is refused; empty where it is admitted. Raises ServiceUnavailable where no answer came."""
        if not self._lock.acquire(timeout=self._seconds):
            raise self._unavailable("others were waiting for it")
        try:
            found = self._ask(document)
        except _NoAnswer as error:
            self._stop()
            raise self._unavailable(str(error)) from error
        finally:
            self._lock.release()
        return _reason(found)

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._stop()

    def _require_answer(self, probe: dict[str, Any]) -> None:
        try:
            found = self._ask(probe)
        except _NoAnswer as error:
            self._stop()
            raise SettingsError(
                f"POLICY: {self._file}: {error}", hint="Nothing is admitted by a policy that cannot be evaluated."
            ) from error
        if not isinstance(found, dict) or not isinstance(found.get("allow"), bool):
            self._stop()
            raise SettingsError(
                f"POLICY: {self._file} says nothing of {probe['kind']}s: allow is not defined.",
                hint="Begin with `package computehive.admission` and `default allow := false`.",
            )

    def _ask(self, document: dict[str, Any]) -> Any:
        """What the policy's package says of a document. Raises _NoAnswer."""
        is_new = self._process is None or self._process.poll() is not None
        if is_new:
            try:
                self._start()
            except OSError as error:  # no memory, no descriptor
                raise _NoAnswer(f"its process cannot be started: {error.strerror}") from error
        assert self._socket is not None
        until = time.monotonic() + self._seconds + (START_SECONDS if is_new else 0)
        try:
            self._socket.settimeout(max(0.001, until - time.monotonic()))
            self._socket.sendall(json.dumps(document).encode() + b"\n")
            answer = json.loads(self._read_line(until))
        except TimeoutError as error:
            raise _NoAnswer(f"it did not answer within {self._seconds:g} s") from error
        except (OSError, ValueError) as error:
            raise _NoAnswer(f"its process ended: more than {self._seconds:g} s, or too much memory") from error
        if "error" in answer:
            raise _NoAnswer(str(answer["error"])[:MOST_REASON])
        return answer["found"]

    def _read_line(self, until: float) -> bytes:
        assert self._socket is not None
        line = b""
        while not line.endswith(b"\n"):
            self._socket.settimeout(max(0.001, until - time.monotonic()))
            received = self._socket.recv(65_536)
            if not received or len(line) > MOST_ANSWER:
                raise OSError
            line += received
        return line

    def _start(self) -> None:
        self._stop()
        ours, theirs = socket.socketpair()
        with theirs:
            numbers = (str(self._seconds), str(START_SECONDS))
            self._socket = ours
            self._process = subprocess.Popen(
                [sys.executable, "-P", policy_process.__file__, str(theirs.fileno()), self._file, *numbers],
                env={"PYTHONPATH": os.pathsep.join(sys.path)},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _stop(self) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = self._socket = None

    def _unavailable(self, why: str) -> ServiceUnavailable:
        return ServiceUnavailable(
            f"The market's policy gave no answer, so nothing is admitted: {why}.", hint="Try again later."
        )


def _reason(found: Any) -> str:
    """Empty for a clear yes alone."""
    denied = found.get("deny", []) if isinstance(found, dict) else []
    if isinstance(found, dict) and found.get("allow") is True and denied == []:
        return ""
    if isinstance(denied, list) and denied:
        return "; ".join(map(str, denied))[:MOST_REASON]
    return "it does not allow it"
