"""What runs on a cluster's machine: one process for one job, and a look at what the machine is.

The process holds no key and reaches no market. It has the daemon's own sandbox, or refuses: a result of another one
would be attested under the wrong name.
"""

from threading import Condition, Event
from typing import Any

from agent.adapters.wasm import WasmAdapter
from agent.clusters.orders import Order, pack_result, unpack_order
from agent.clusters.packets import Packet, pack
from agent.inventory import read_cpu, survey_gpus
from agent.runtimes import ModuleCache
from agent.sandbox import Sandbox, sandbox_digest
from agent.sandbox.printed import Printed
from agent.sandbox.snapshots import Files, Snapshots
from marketplace.errors import MarketError
from marketplace.protocol.livelog import STDERR, STDOUT

MOST_PRINTED = 1_000_000
"""Bytes of one stream in one answer: all that there can be."""
_PRINTED = {STDOUT: "stdout", STDERR: "stderr"}


def open_sandbox() -> WasmAdapter:
    """This machine's engine, and its cache of compiled modules."""
    sandbox = Sandbox()
    return WasmAdapter(sandbox, ModuleCache(sandbox))


def describe_machine() -> dict[str, Any]:
    """What this machine is, as the daemon's offer needs it. Compiles the runtimes: now rather than in a job's time."""
    open_sandbox().warm()
    survey = survey_gpus()
    return {
        "sandbox": sandbox_digest(),
        "cpu": read_cpu().model_dump(mode="json"),
        "gpus": [gpu.model_dump(mode="json") for gpu in survey.gpus],
        "gpuNote": survey.note,
    }


class Worker:
    """One job. `run` returns once it has ended; `look` and `stop` are called meanwhile, from other threads."""

    def __init__(self) -> None:
        self._stop, self._printed = Event(), Printed()
        self._given = dict.fromkeys(_PRINTED, 0)
        self._files: Files | None = None
        self._end: Packet | None = None
        self._changed = Condition()

    def node(self) -> dict[str, str]:
        """Where Ray has placed this, and in which sandbox jobs run here."""
        import ray

        return {"node": ray.get_runtime_context().get_node_id(), "sandbox": sandbox_digest()}

    def run(self, order: bytes) -> None:
        """Run the job to its end, which `look` then tells."""
        end = self._run(order)
        with self._changed:
            self._end = end
            self._changed.notify_all()

    def stop(self) -> None:
        """Have the program end as evicted, at the next tick of its engine's clock."""
        self._stop.set()

    def look(self, seconds: float) -> bytes:
        """What is new since the last look: printed text, the newest state that was saved, and how it ended.

        Waits for the end at most so many seconds.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._end is not None, seconds)
            end, files, self._files = self._end, self._files, None
        blobs = {f"printed/{name}": self._new(stream) for stream, name in _PRINTED.items()}
        blobs |= {f"saved/{path}": data for path, data in (files or {}).items()}
        head: dict[str, Any] = {"what": "news"}
        if end is not None:
            head, blobs = {"what": "end", "end": end.head}, blobs | end.blobs
        return pack(Packet(head, blobs))

    def _new(self, stream: int) -> bytes:
        text = self._printed.read(stream, self._given[stream], MOST_PRINTED)
        self._given[stream] += len(text)
        return text

    def _run(self, order: bytes) -> Packet:
        try:
            return pack_result(self._run_order(unpack_order(order)))
        except MarketError as error:
            return Packet({"refused": str(error)})

    def _run_order(self, order: Order) -> Any:
        from dataclasses import replace

        job = replace(order.job, snapshots=self._snapshots(order), printed=self._printed if order.is_watched else None)
        return open_sandbox().run(job, order.limits, self._stop)

    def _snapshots(self, order: Order) -> Snapshots | None:
        wanted = order.job.spec.checkpoint
        return None if wanted is None else Snapshots(wanted.directory, wanted.interval_seconds, self._keep)

    def _keep(self, files: Files) -> None:
        with self._changed:
            self._files = files
