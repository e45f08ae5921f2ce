"""A day of jobs replayed against the nodes, in rounds: jobs come, run, are stopped by providers, or go on demand.

Whatever places them sees the same jobs, nodes and reclaims, and is charged by the same rules:

- A job that runs in the market costs its slots' price for the time that it ran, also where it was stopped in between;
  what it had done since its last checkpoint is done again.
- A job that has not begun when its patience is over runs on demand in the single cloud, from its last checkpoint.

So every policy serves all jobs, and the sum is what the day costs.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from scripts.bench.tco.jobs import Jobs
from scripts.bench.tco.nodes import Nodes

HOUR_S = 3_600
ROUND_S = 60
CHECKPOINT_S = 1_800
"""How often a preemptible job saves what it has done: an assumption."""
CLOSED_S = HOUR_S
"""How long a node that was taken back has no room for preemptible jobs: an assumption."""


@dataclass(frozen=True)
class Stretch:
    """A job on a node for a while: [begins_s, ends_s), and what it cost, micro-USDC."""

    job: int
    node: int
    begins_s: int
    ends_s: int
    cost: int
    was_stopped: bool


@dataclass
class World:
    """What a policy may look at when it places jobs."""

    jobs: Jobs
    nodes: Nodes
    fits: np.ndarray
    """(J, N) bool: what the job needs is there, in one slot or in as many as it has GPUs."""
    free: np.ndarray
    """(N,) int64: slots."""
    remaining: np.ndarray
    """(J,) int64: seconds that are still to do."""
    is_closed: np.ndarray
    """(N,) bool: no room for preemptible jobs now."""

    def costs(self, job: int) -> np.ndarray:
        """(N,) int64: what finishing the job costs at each node, if nobody stops it."""
        rate = self.nodes.preemptible if self.jobs.is_preemptible[job] else self.nodes.price
        return charge(self.jobs.slots[job] * rate, self.remaining[job])

    def limits(self, some: np.ndarray | int) -> np.ndarray:
        """What finishing these jobs costs on demand: the most that is paid for them."""
        return charge(self.jobs.on_demand[some], self.remaining[some])

    def hopeful(self, queue: np.ndarray) -> np.ndarray:
        """Those of a queue for which there is room anywhere now."""
        room = self.fits[queue] & (self.free >= self.jobs.slots[queue, None])
        room &= ~(self.is_closed & self.jobs.is_preemptible[queue, None])
        return queue[room.any(axis=1)]

    def open_to(self, job: int) -> np.ndarray:
        """(N,) bool: where the job can begin at once and for no more than on demand."""
        room = self.fits[job] & (self.free >= self.jobs.slots[job]) & (self.costs(job) <= self.limits(job))
        return room & ~self.is_closed if self.jobs.is_preemptible[job] else room


@dataclass
class Day:
    """What came of it; money in micro-USDC."""

    stretches: list[Stretch] = field(default_factory=list)
    on_demand: list[tuple[int, int, int]] = field(default_factory=list)
    """Job, seconds, cost of what ran on demand."""
    waited_s: int = 0

    @property
    def market_cost(self) -> int:
        """What was paid to nodes."""
        return sum(one.cost for one in self.stretches)

    @property
    def cost(self) -> int:
        """What the day cost."""
        return self.market_cost + sum(cost for _, _, cost in self.on_demand)

    @property
    def stops(self) -> int:
        """How often a job was stopped by its provider."""
        return sum(one.was_stopped for one in self.stretches)


Policy = Callable[[World, np.ndarray], list[tuple[int, int]]]
"""Places jobs of a queue, which is in order of arrival: (job, node) of each that begins now.

It takes their slots from `world.free`.
"""


def charge(rate: np.ndarray, seconds: np.ndarray | int) -> np.ndarray:
    """Micro-USDC for so long at so much an hour, rounded up as quotes are."""
    return -(-(rate * seconds) // HOUR_S)


def fits_of(jobs: Jobs, nodes: Nodes) -> np.ndarray:
    """(J, N) bool."""
    fits = (jobs.models[:, None] >> nodes.model & 1).astype(bool)
    fits &= (jobs.zones[:, None] >> nodes.zone & 1).astype(bool)
    fits &= jobs.vcpus[:, None] <= nodes.vcpus
    fits &= jobs.memory_mb[:, None] <= nodes.memory_mb
    return fits & (jobs.slots[:, None] <= nodes.slots)


def replay(jobs: Jobs, nodes: Nodes, policy: Policy, reclaims: list[tuple[int, int]], round_s: int = ROUND_S) -> Day:
    """The day with this policy; jobs begin at the ends of rounds."""
    run = _Run(jobs, nodes, reclaims)
    now = 0
    while run.is_going():
        now += round_s
        run.advance(now)
        run.place(policy, now)
        run.give_up(now + round_s)
    return run.day


class _Run:
    """The state between rounds."""

    def __init__(self, jobs: Jobs, nodes: Nodes, reclaims: list[tuple[int, int]]) -> None:
        self.day = Day()
        self._jobs, self._reclaims = jobs, list(reversed(reclaims))
        self._world = World(
            jobs=jobs,
            nodes=nodes,
            fits=fits_of(jobs, nodes),
            free=nodes.slots.copy(),
            remaining=jobs.seconds.copy(),
            is_closed=np.zeros(len(nodes), dtype=bool),
        )
        self._closed_until = np.zeros(len(nodes), dtype=np.int64)
        self._deadline = jobs.arrives_s + jobs.patience_s
        self._came = 0
        self._queue: list[int] = []
        self._running: list[tuple[int, int, int, int]] = []
        """Ends, job, node, began: a heap."""

    def is_going(self) -> bool:
        return bool(self._came < len(self._jobs) or self._queue or self._running)

    def advance(self, now: int) -> None:
        """Everything that happens by `now`, in order."""
        while self._reclaims and self._reclaims[-1][0] <= now:
            at, node = self._reclaims.pop()
            self._finish(at)
            self._take_back(at, node)
        self._finish(now)
        while self._came < len(self._jobs) and self._jobs.arrives_s[self._came] <= now:
            self._queue.append(self._came)
            self._came += 1
        self._world.is_closed[:] = self._closed_until > now

    def place(self, policy: Policy, now: int) -> None:
        """Let the policy place what waits."""
        if not self._queue:
            return
        placed = policy(self._world, np.array(self._queue))
        for job, node in placed:
            self.day.waited_s += max(0, now - int(self._jobs.arrives_s[job]))
            heapq.heappush(self._running, (now + int(self._world.remaining[job]), job, node, now))
        gone = {job for job, _ in placed}
        self._queue = [job for job in self._queue if job not in gone]

    def give_up(self, next_round: int) -> None:
        """Whoever cannot wait for the next round goes on demand."""
        for job in self._queue:
            if self._deadline[job] < next_round:
                seconds = int(self._world.remaining[job])
                self.day.on_demand.append((job, seconds, int(self._world.limits(job))))
        self._queue = [job for job in self._queue if self._deadline[job] >= next_round]

    def _finish(self, now: int) -> None:
        while self._running and self._running[0][0] <= now:
            ends, job, node, began = heapq.heappop(self._running)
            self._leave(job, node, began, ends, was_stopped=False)

    def _take_back(self, at: int, node: int) -> None:
        self._closed_until[node] = at + CLOSED_S
        stopped = [one for one in self._running if one[2] == node and self._jobs.is_preemptible[one[1]]]
        self._running = [one for one in self._running if one not in stopped]
        heapq.heapify(self._running)
        for _, job, _, began in sorted(stopped):
            self._leave(job, node, began, at, was_stopped=True)
            self._world.remaining[job] -= (at - began) // CHECKPOINT_S * CHECKPOINT_S
            self._deadline[job] = at + self._jobs.patience_s[job]
            self._queue.append(job)

    def _leave(self, job: int, node: int, began: int, ends: int, *, was_stopped: bool) -> None:
        slots = self._jobs.slots[job]
        rate = self._world.nodes.preemptible if self._jobs.is_preemptible[job] else self._world.nodes.price
        cost = int(charge(slots * rate[node], ends - began))
        self.day.stretches.append(Stretch(job, node, began, ends, cost, was_stopped))
        self._world.free[node] += slots
