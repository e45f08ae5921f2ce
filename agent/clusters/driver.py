"""The one process that talks to Ray: `python -m agent.clusters.driver ADDRESS`, started by `agent.clusters.hand`.

A process of its own because Ray's library ends the one that it is in when its cluster goes away, and reads pickles that
the cluster's machines wrote: the daemon, which holds keys, does neither. It ends with the daemon, however that ends,
since its standard input ends then; Ray ends what a driver has started when the driver is gone.

Frames of `agent.clusters.packets` come in and go out. Each that comes in has an `id`, and what is to be done; each that
goes out has the `id` of what it answers.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, Any

import ray
from ray.exceptions import (
    GetTimeoutError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from agent.clusters.packets import Packet, pack, read_frame, unpack, write_frame
from agent.clusters.worker import Worker, describe_machine
from marketplace.errors import MarketError

LOOK_SECONDS = 0.5
"""How long a look waits for the end of a job: how old what is shown of a running one may be."""
ANSWER_SECONDS = 30
"""A machine that does not answer for so long is lost."""
STOP_SECONDS = 5
"""How long a program that is stopped may take before its process is killed."""
DESCRIBE_SECONDS = 120
"""How long machines may take to say what they are: they compile the runtimes the first time."""
LEAVE_SECONDS = 5
_NODE_LABEL = "ray.io/node-id"
_LOSSES = (RayActorError, RayTaskError, OutOfMemoryError, WorkerCrashedError, GetTimeoutError)
"""What Ray says of one worker; anything else is about the cluster."""


class Answers:
    """Standard output, shared by threads."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._lock = stream, threading.Lock()

    def send(self, number: int, head: dict[str, Any], body: bytes = b"") -> None:
        """One answer. Ends the process where nobody reads any more."""
        blobs = {"body": body} if body else {}
        try:
            with self._lock:
                write_frame(self._stream, pack(Packet({"id": number} | head, blobs)))
        except OSError:
            os._exit(0)


class Gone(Exception):
    """The job's worker is not heard of any more, or was not to begin with: `what` of the answer, and why."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(why)
        self.what = what


class Run:
    """One job, from placing its worker to that process's end."""

    def __init__(self, head: dict[str, Any], order: bytes, send: Callable[..., None]) -> None:
        self._head, self._order, self._send = head, order, send
        self._stop, self._stop_by = threading.Event(), 0.0

    def stop(self) -> None:
        """Have it ended, in `STOP_SECONDS` at the latest."""
        if not self._stop.is_set():
            self._stop_by = time.monotonic() + STOP_SECONDS
            self._stop.set()

    def __call__(self) -> None:
        """Tell what happens, the end last. The worker's process is over then, or will be as soon as Ray can."""
        worker = None
        try:
            worker = ray.remote(Worker).options(**self._options()).remote()
            self._attend(worker)
        except Gone as gone:
            self._send({"what": gone.what, "why": str(gone)})
        except _LOSSES as error:
            self._send({"what": "lost", "why": _first_line(error)})
        except (RayError, ConnectionError, RuntimeError) as error:
            self._send({"what": "away", "why": _first_line(error)})
        finally:
            if worker is not None:
                _kill(worker)

    def _options(self) -> dict[str, Any]:
        head = self._head
        options = {"num_cpus": head["cpus"], "num_gpus": head["gpus"], "memory": head["memory"]}
        if head["avoid"]:
            options["label_selector"] = {_NODE_LABEL: f"!in({','.join(head['avoid'])})"}
        return options | {"max_restarts": 0, "max_task_retries": 0, "max_concurrency": 4}

    def _attend(self, worker: Any) -> None:
        place = self._get(worker.node.remote(), self._head["placeSeconds"], "unplaced")
        if place["sandbox"] != self._head["sandbox"]:
            self._send({"what": "unfit", "node": place["node"], "why": "it has another sandbox than this daemon"})
            return
        self._send({"what": "placed", "node": place["node"]})
        running = worker.run.remote(self._order)
        until = time.monotonic() + self._head["seconds"]
        while True:
            if self._stop.is_set():
                worker.stop.remote()
            body = self._get(worker.look.remote(LOOK_SECONDS), ANSWER_SECONDS, "lost")
            if unpack(body).head["what"] == "end":
                self._send({"what": "end"}, body)
                return
            self._send({"what": "news"}, body)
            self._require_running(running)
            if self._stop.is_set() and time.monotonic() > self._stop_by:
                raise Gone("stopped", "it was stopped, and did not end by itself")
            if time.monotonic() > until:
                raise Gone("lost", "it went on after the end of the job's time")

    def _require_running(self, running: Any) -> None:
        """Raises what the worker raised, where it is one that ended without an end to tell."""
        if ray.wait([running], timeout=0)[0]:
            ray.get(running, timeout=ANSWER_SECONDS)

    def _get(self, wanted: Any, seconds: float, otherwise: str) -> Any:
        """What the worker answers, within so many seconds, and soon where it is to stop. Raises Gone."""
        until = time.monotonic() + seconds
        while not ray.wait([wanted], timeout=0.2)[0]:
            if self._stop.is_set() and time.monotonic() > (self._stop_by if otherwise == "lost" else 0):
                raise Gone("stopped", "it was stopped")
            if time.monotonic() > until:
                raise Gone(otherwise, f"no answer in {seconds:g} s")
        return ray.get(wanted, timeout=ANSWER_SECONDS)


def list_machines() -> list[dict[str, Any]]:
    """The cluster's machines that are alive, as Ray counts them."""
    return [
        {
            "node": node["NodeID"],
            "host": node["NodeManagerHostname"],
            "cpus": int(node["Resources"].get("CPU", 0)),
            "memory": int(node["Resources"].get("memory", 0)),
            "gpus": int(node["Resources"].get("GPU", 0)),
        }
        for node in ray.nodes()
        if node["Alive"]
    ]


def examine_machines() -> list[dict[str, Any]]:
    """The same, each with what it says of itself, or why it says nothing. Those without a CPU run no jobs."""
    machines = [machine for machine in list_machines() if machine["cpus"]]
    asked = [_ask(machine["node"]) for machine in machines]
    until = time.monotonic() + DESCRIBE_SECONDS
    return [machine | _hear(answer, until) for machine, answer in zip(machines, asked, strict=True)]


def _ask(node: str) -> Any:
    here = NodeAffinitySchedulingStrategy(node_id=node, soft=False)
    return ray.remote(describe_machine).options(num_cpus=0, scheduling_strategy=here, max_retries=0).remote()


def _hear(answer: Any, until: float) -> dict[str, Any]:
    try:
        return {"is": ray.get(answer, timeout=max(0.1, until - time.monotonic()))}
    except (RayTaskError, RayError, GetTimeoutError) as error:
        return {"fault": _first_line(error) or type(error).__name__}


def _first_line(error: Exception) -> str:
    """What a person needs of Ray's pages: of a failed task its last line, else the first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[-1 if isinstance(error, RayTaskError) else 0][:300]


def _kill(worker: Any) -> None:
    try:
        ray.kill(worker, no_restart=True)
    except Exception as error:  # it is gone, or the cluster is: either way there is nothing left to kill from here
        print(f"not killed: {error}", file=sys.stderr)


def serve(requests: IO[bytes], answers: Answers) -> None:
    """Do what is asked for until nobody asks any more."""
    runs: dict[int, Run] = {}
    while (frame := read_frame(requests)) is not None:
        packet = unpack(frame)
        number, wish = packet.head["id"], packet.head["do"]
        if wish == "stop":
            if number in runs:
                runs[number].stop()
            continue
        if wish == "run":
            send = lambda head, body=b"", number=number: answers.send(number, head, body)  # noqa: E731
            work: Callable[[], None] = Run(dict(packet.head), packet.blobs["body"], send)
            runs[number] = work
        else:
            work = _lister({"machines": list_machines, "examine": examine_machines}[wish], number, answers)
        threading.Thread(target=_to_its_end, args=(work, number, runs), daemon=True).start()


def _to_its_end(work: Callable[[], None], number: int, runs: dict[int, Run]) -> None:
    try:
        work()
    finally:
        runs.pop(number, None)


def _lister(read: Callable[[], Any], number: int, answers: Answers) -> Callable[[], None]:
    def tell() -> None:
        try:
            answers.send(number, {"what": "machines", "machines": read()})
        except Exception as error:  # Ray's library raises many kinds, some of them bare
            answers.send(number, {"what": "away", "why": _first_line(error)})

    return tell


def main() -> None:
    """Connect, say so, serve, leave."""
    answers = Answers(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)  # what the library prints is no answer
    try:
        ray.init(sys.argv[1], log_to_driver=False, logging_level="ERROR", configure_logging=True)
    except Exception as error:  # as above
        answers.send(0, {"what": "away", "why": _first_line(error)})
        return
    answers.send(0, {"what": "ready", "ray": ray.__version__})
    try:
        serve(sys.stdin.buffer, answers)
    except MarketError as error:
        print(f"leaving: {error}", file=sys.stderr)
    threading.Timer(LEAVE_SECONDS, lambda: os._exit(0)).start()
    ray.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main()
