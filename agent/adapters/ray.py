"""The `wasm` sandbox on the machines of a Ray cluster, in place of this one. Taken where a setting names a cluster.

What runs a job there is the same sandbox as here, or nothing: result, fuel and `sandboxDigest` are any machine's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any

from agent.adapters.interface import AdapterSettings, Job
from agent.clusters.machines import Fleet, Machine
from agent.clusters.orders import pack_order, read_result
from agent.clusters.packets import Packet, unpack
from agent.sandbox import Limits, RunResult, sandbox_descriptor, sandbox_digest
from marketplace.errors import AgentError, MalformedMessage, ServiceUnavailable, SettingsError
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.livelog import STREAMS
from marketplace.protocol.profile import NodeProfile

if TYPE_CHECKING:
    from agent.clusters.hand import Hand, Line

EXAMINE_SECONDS, LIST_SECONDS = 150, 5
PLACE_SECONDS = 60
"""How long a job waits for room on a machine; then it is tried again later, as one whose market is away."""
SPARE_SECONDS = 60
"""Beyond a job's own time, which its sandbox keeps: for compiling its program, and for its bytes' way."""
MOST_LOST = 3
"""So many workers may be lost over one job; then that it fails here is what is attested."""
_HEAR_SECONDS = 0.2


def open_ray(settings: AdapterSettings) -> "RayAdapter":
    """The cluster that the settings name, examined. Raises SettingsError where it cannot be the whole machine,
    ServiceUnavailable where it is away, AgentError where no machine of it is fit.
    """
    others = {"container_engine": settings.container_engine, "mcp_servers": settings.mcp_servers}
    for name, value in others.items():
        if value:
            raise SettingsError(
                f"{name} and ray_address exclude each other: one ask describes one machine, or one cluster.",
                hint="Run a daemon of its own, with another data folder, for each.",
            )
    if find_spec("ray") is None:
        raise SettingsError("Ray is not installed.", hint="Install it: pip install 'computehive[ray]'.")
    from agent.clusters.hand import Hand

    hand = Hand(settings.ray_address)
    try:
        return RayAdapter(hand, examine(hand))
    except BaseException:
        hand.close()
        raise


def examine(hand: "Hand") -> Fleet:
    """The cluster's machines, each asked what it is. Raises as `open_ray`."""
    said = hand.ask({"do": "examine"}, EXAMINE_SECONDS)["machines"]
    return Fleet.of([Machine.parse(each, sandbox_digest()) for each in said])


class Lost(Exception):
    """A worker that is gone, or on a machine that cannot run the job: another one may do."""


@dataclass(slots=True)
class _Watched:
    """What is shown of a run while it goes on."""

    job: Job
    printed: dict[int, bytearray] = field(default_factory=lambda: {stream: bytearray() for stream in STREAMS})

    def begin(self) -> None:
        if self.job.printed is not None:
            self.job.printed.show(*(self.printed[stream] for stream in sorted(STREAMS)))
        if self.job.snapshots is not None:
            self.job.snapshots.go_on(0.0)  # a worker that was lost ran for nothing: its states come once more

    def hear(self, news: Packet) -> None:
        for stream, name in STREAMS.items():
            self.printed[stream] += news.blobs.get(f"printed/{name}", b"")
        saved = {name[6:]: data for name, data in news.blobs.items() if name.startswith("saved/")}
        if saved and self.job.snapshots is not None:
            self.job.snapshots.look(lambda: saved, is_last=True)  # the worker keeps to the interval


class RayAdapter:
    """One cluster. Each job has a worker of its own there, which ends with it."""

    def __init__(self, hand: "Hand", fleet: Fleet) -> None:
        self._hand, self.fleet = hand, fleet
        self._unfit = {each.node for each in fleet.unfit}

    def descriptor(self) -> dict[str, object]:
        """That of the sandbox on this machine: workers that have another one refuse."""
        return sandbox_descriptor()

    def describe(self, profile: NodeProfile) -> NodeProfile:
        """As `Elsewhere.describe`."""
        return self.fleet.describe(profile)

    def find_worry(self) -> str:
        """As `Elsewhere.find_worry`."""
        try:
            return self.fleet.find_loss(self._hand.ask_at_once({"do": "machines"}, LIST_SECONDS)["machines"])
        except ServiceUnavailable as error:
            return error.message

    def close(self) -> None:
        """End what runs on the cluster, and let go of it."""
        self._hand.close()

    def run(self, job: Job, limits: Limits, stop: Event | None = None) -> RunResult:
        """As `Adapter.run`. Raises ServiceUnavailable where the cluster is away or full, AgentError for a job that is
        larger than its machines or lost its worker too often.
        """
        if job.spec.privacy is not None:
            raise AgentError("A Ray cluster runs no private jobs: Ray keeps what it hands over in the clear.")
        self.fleet.require_room(limits)
        order, losses = pack_order(job, limits), list[str]()
        while len(losses) < MOST_LOST:
            try:
                return self._run(job, limits, order, stop or Event())
            except Lost as lost:
                losses.append(str(lost))
        raise AgentError(f"The cluster lost the job's worker {MOST_LOST} times, the last time: {losses[-1]}.")

    def _run(self, job: Job, limits: Limits, order: bytes, stop: Event) -> RunResult:
        began, watched = monotonic(), _Watched(job)
        watched.begin()
        with self._hand.run(self._wish(limits), order) as line:
            while True:
                answer = _hear(line, stop)
                if answer.head["what"] == "news":
                    watched.hear(_body(answer))
                elif answer.head["what"] == "end":
                    return _read_end(_body(answer), watched, limits)
                elif answer.head["what"] == "stopped":
                    return RunResult(
                        ExitKind.EVICTED, 0, 0, monotonic() - began, {}, b"", b"", "stopped by its machine"
                    )
                elif answer.head["what"] != "placed":
                    self._raise(answer.head)

    def _wish(self, limits: Limits) -> dict[str, Any]:
        """What Ray is to reserve, and how long each stage may take."""
        return {
            "do": "run",
            "cpus": limits.vcpus,
            "gpus": limits.gpus,
            "memory": limits.memory_bytes,
            "avoid": sorted(self._unfit),
            "sandbox": sandbox_digest(),
            "placeSeconds": PLACE_SECONDS,
            "seconds": limits.wall_seconds + SPARE_SECONDS,
        }

    def _raise(self, head: Mapping[str, Any]) -> None:
        """Raises Lost, or ServiceUnavailable, for a run that has no end."""
        why = str(head.get("why"))
        if head["what"] == "unfit":
            self._unfit.add(str(head["node"]))
        if head["what"] in ("lost", "unfit"):
            raise Lost(why)
        if head["what"] == "unplaced":
            raise ServiceUnavailable(f"The cluster has no room for the job now: {why}.")
        raise ServiceUnavailable(f"The Ray cluster at {self._hand.address} cannot be used: {why}")


def _hear(line: "Line", stop: Event) -> Packet:
    """The next answer; asks for the end once, where the job is to stop. The driver bounds the wait."""
    has_asked = False
    while True:
        if stop.is_set() and not has_asked:
            line.stop()
            has_asked = True
        answer = line.hear(_HEAR_SECONDS)
        if answer is not None:
            return answer


def _body(answer: Packet) -> Packet:
    return unpack(answer.blobs["body"])


def _read_end(told: Packet, watched: _Watched, limits: Limits) -> RunResult:
    """The result in a worker's last answer. Raises AgentError where its sandbox did, Lost for what is no result."""
    watched.hear(told)
    end = Packet(told.head["end"], told.blobs)
    if "refused" in end.head:
        raise AgentError(str(end.head["refused"]))
    try:
        return read_result(end, limits)
    except MalformedMessage as error:
        raise Lost(str(error)) from error
