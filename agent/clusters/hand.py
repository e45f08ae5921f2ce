"""The daemon's end of the process that talks to Ray: started when it is needed, again after it has ended.

It is given none of the daemon's variables, among which a password may be, and answers that are no pickles.
"""

import contextlib
import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any

import structlog

from agent.clusters.packets import Packet, pack, read_frame, unpack, write_frame
from marketplace.errors import AgentError, MarketError, ServiceUnavailable

log = structlog.get_logger("provider")
CONNECT_SECONDS = 60
"""How long Ray's library may take to load and to find the cluster."""
LEAVE_SECONDS = 10
GONE = Packet({"what": "away", "why": "the process that talks to Ray has ended"})
_WITHHELD = "COMPUTEHIVE_"
_SILENT = {"RAY_USAGE_STATS_ENABLED": "0"}


class Process:
    """One such process, and who waits for which of its answers."""

    def __init__(self, address: str) -> None:
        self._running = subprocess.Popen(
            [sys.executable, "-m", "agent.clusters.driver", address],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(os.environ),
            start_new_session=True,  # a Ctrl-C is the daemon's to answer
        )  # fmt: skip
        self._waiting: dict[int, SimpleQueue[Packet]] = {0: SimpleQueue()}
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._has_ended = False
        threading.Thread(target=self._read, name="ray-answers", daemon=True).start()

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked anything."""
        return not self._has_ended

    @property
    def pid(self) -> int:
        """Its number."""
        return self._running.pid

    def await_ready(self, seconds: float) -> None:
        """Raises ServiceUnavailable saying why there is no cluster."""
        try:
            first = self._waiting[0].get(timeout=seconds)
        except Empty:
            raise ServiceUnavailable(f"no answer in {seconds:g} s") from None
        if first.head.get("what") != "ready":
            raise ServiceUnavailable(str(first.head.get("why")))

    def ask(self, number: int, head: Mapping[str, Any], body: bytes = b"") -> "SimpleQueue[Packet]":
        """Where the answers come in; `GONE` the last of them where the process ends."""
        answers: SimpleQueue[Packet] = SimpleQueue()
        with self._lock:
            self._waiting[number] = answers
            if self._has_ended:
                answers.put(GONE)
        self.tell(number, head, body)
        return answers

    def tell(self, number: int, head: Mapping[str, Any], body: bytes = b"") -> None:
        """Something to which no answer is waited for. One who has gone hears nothing."""
        assert self._running.stdin is not None
        with contextlib.suppress(OSError, ValueError), self._writing:
            write_frame(self._running.stdin, pack(Packet({"id": number} | dict(head), {"body": body} if body else {})))

    def forget(self, number: int) -> None:
        """Nobody waits for these answers any more."""
        with self._lock:
            self._waiting.pop(number, None)

    def end(self) -> None:
        """Have it leave, and with it whatever it runs on the cluster."""
        assert self._running.stdin is not None
        with contextlib.suppress(OSError):
            self._running.stdin.close()
        try:
            self._running.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()

    def kill(self) -> None:
        """End it at once: it runs nothing yet."""
        self._running.kill()
        self._running.wait()

    def _read(self) -> None:
        assert self._running.stdout is not None and self._running.stdin is not None
        try:
            while (frame := read_frame(self._running.stdout)) is not None:
                packet = unpack(frame)
                with self._lock:
                    answers = self._waiting.get(packet.head.get("id", -1))
                if answers is not None:
                    answers.put(packet)
        except (MarketError, OSError, ValueError) as error:
            log.warning("the process that talks to Ray said what is no answer", error=str(error))
            self._running.kill()
        with self._lock:
            self._has_ended = True
            for answers in self._waiting.values():
                answers.put(GONE)
        self._running.stdout.close()
        self._running.wait()
        with contextlib.suppress(OSError), self._writing:
            self._running.stdin.close()


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """What of this process's variables the other one is given: Ray's and the system's, none of ours."""
    return {name: value for name, value in own.items() if not name.startswith(_WITHHELD)} | _SILENT


class Hand:
    """Asks the cluster at one address. Safe to share between threads."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._connecting: threading.Thread | None = None

    def connect(self) -> Process:
        """The process, connected. Raises ServiceUnavailable where the cluster cannot be reached."""
        with self._lock:
            if self._process is not None and self._process.is_alive:
                return self._process
            process = Process(self.address)
            try:
                process.await_ready(CONNECT_SECONDS)
            except ServiceUnavailable as error:
                process.kill()  # Ray's library may look for the cluster for minutes
                raise self._away(str(error)) from error
            self._process = process
            return process

    def ask(self, head: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        """One answer to one question. Raises ServiceUnavailable."""
        process, number = self.connect(), next(self._numbers)
        answers = process.ask(number, head)
        try:
            answer = answers.get(timeout=seconds).head
        except Empty:
            raise self._away(f"no answer in {seconds:g} s") from None
        finally:
            process.forget(number)
        if answer["what"] == "away":
            raise self._away(answer["why"])
        return answer

    def ask_at_once(self, head: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        """The same without waiting for a connection: one that is not there is made aside, for the next question."""
        process = self._process
        if process is not None and process.is_alive:
            return self.ask(head, seconds)
        if self._connecting is None or not self._connecting.is_alive():
            self._connecting = threading.Thread(target=self._reconnect, name="ray-connect", daemon=True)
            self._connecting.start()
        raise self._away("the connection is gone; it is tried again")

    @contextmanager
    def run(self, head: Mapping[str, Any], order: bytes) -> "Iterator[Line]":
        """A job, handed over; ended with this context. Raises ServiceUnavailable."""
        process, number = self.connect(), next(self._numbers)
        answers = process.ask(number, head, order)
        try:
            yield Line(process, number, answers)
        finally:
            process.tell(number, {"do": "stop"})
            process.forget(number)

    def close(self) -> None:
        """End the process, and what it runs."""
        with self._lock:
            if self._process is not None:
                self._process.end()

    def _reconnect(self) -> None:
        with contextlib.suppress(AgentError, ServiceUnavailable):
            self.connect()

    def _away(self, why: str) -> ServiceUnavailable:
        hint = "Is it up, is its address right (`ray_address`), and does it run this Ray and this Python?"
        return ServiceUnavailable(f"The Ray cluster at {self.address} cannot be used: {why}", hint=hint)


class Line:
    """The line to one job that runs on the cluster."""

    def __init__(self, process: Process, number: int, answers: "SimpleQueue[Packet]") -> None:
        self._process, self._number, self._answers = process, number, answers

    def hear(self, seconds: float) -> Packet | None:
        """The next answer; None where there was none for so long."""
        try:
            return self._answers.get(timeout=seconds)
        except Empty:
            return None

    def stop(self) -> None:
        """Have the job end."""
        self._process.tell(self._number, {"do": "stop"})
