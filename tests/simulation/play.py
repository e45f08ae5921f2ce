"""One seed from its first step to rest: who acts when, what is checked after it, and what is left to say of it."""

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from marketplace.adapters.store import duties
from marketplace.domain.chain import LeaseClaimed
from marketplace.protocol.enums import Outcome
from tests.simulation.invariants import Invariants
from tests.simulation.oracles import OracleProcess
from tests.simulation.processes import WORKERS, MarketProcess, Process, ProviderProcess
from tests.simulation.renters import Renter
from tests.simulation.sandbox import true_result
from tests.simulation.world import Finding, World

STEPS = 300
SECONDS = (0, 0, 0, 0, 0, 1, 1, 1, 2, 6)
"""How many may pass before a step."""
REST_ROUNDS = 80
"""Rounds without faults after which everything must have come to its end."""
REST_SECONDS = (20, 85)
"""Between the first rounds of that kind, and between the later ones: less than a provider's margin for claiming."""
SOON = 4
OFFERING = ("ask", "heartbeat", "follow")
"""Steps that finish nothing."""
LOOK_BACK = 8
"""Blocks in which a renter looks for claims: more than are ever replaced at once."""

OFTEN = {"follower": 6.0, "outbox": 12.0, "clearing": 4.0}
"""Weights of the workers that do something nearly every time."""

Action = tuple[float, Callable[[], None]]


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one seed; `finding` is empty where nothing is wrong."""

    seed: int
    planned: int
    """Steps with faults."""
    steps: int
    """Taken."""
    trace_hash: str
    faults: Counter[str]
    counts: Counter[str]
    finding: str = ""
    last: tuple[str, ...] = ()
    """The last lines of the trace, where something is."""


class Play:
    """One run. `alter` may break the world on purpose, before it begins."""

    def __init__(self, seed: int, folder: Path, alter: Callable[[World], None] = lambda world: None) -> None:
        self.world = World(seed, folder)
        alter(self.world)
        self.laws = Invariants(self.world)
        self._random = self.world.random
        self.world.interleaved, self.world.overtaken = self._act, self._overtake

    def run(self, steps: int = STEPS) -> None:
        """`steps` with faults, then none until all is at rest. Raises Finding."""
        world = self.world
        for _ in range(steps):
            world.step += 1
            world.time += self._random.choice(SECONDS)
            self._act()
            self.laws.check()
        world.faults.stop()
        world.chain.base_fee = 1
        self._come_to_rest()
        self.laws.check_rest()
        self._count()

    def _act(self) -> None:
        actions = self._actions()
        weights = [weight for weight, _ in actions]
        self._random.choices(actions, weights)[0][1]()

    def _actions(self) -> list[Action]:
        world, rates = self.world, self.world.faults.rates
        agents = [*world.providers, *world.oracles]
        found: list[Action] = [(12.0, self._mine), (1.0, lambda: self._step("network", "arrive", None, world.arrive))]
        found += [(OFTEN.get(name, 2.0), lambda name=name: self._worker(name)) for name in WORKERS]
        found += [(2.0, lambda market=market: self._renew(market)) for market in world.markets[1:] and world.markets]
        found += [(3.0, lambda agent=agent: self._agent(agent)) for agent in agents]
        found += [(5.0, lambda renter=renter: self._renter(renter)) for renter in world.renters]
        return [
            *found,
            (rates["reorganised"], world.reorganise),
            (rates["fee"], world.change_fee),
            (rates["restored"] * 2, world.back_up),
            (rates["restored"] * 0.5, lambda: self._step("market/machine", "restore", None, world.restore)),
        ]

    def _step(self, thread: str, name: str, process: Process | None, work: Callable[[], object]) -> None:
        self.world.take(thread, name, process, work)

    def _mine(self) -> None:
        world = self.world
        world.mine()
        world.note(f"chain: block {world.chain.blocks[-1].ref.number}")
        self._watch()

    def _worker(self, name: str) -> None:
        market = self._random.choice(self.world.markets)
        self._work(market, name)

    def _work(self, market: MarketProcess, role: str) -> None:
        self._step(f"{market.name}/{role}", "step", market, lambda: market.work(role))

    def _renew(self, market: MarketProcess) -> None:
        self._step(f"{market.name}/duties", "renew", market, market.renew)

    def _overtake(self, asleep: MarketProcess) -> None:
        """Its roles are nobody's any more: another process takes them, and a step of each."""
        for role in sorted(asleep.held):
            for other in self.world.markets:
                if other is not asleep:
                    self._work(other, role)

    def _agent(self, agent: ProviderProcess | OracleProcess) -> None:
        """Some of the steps of its loop, one after the other."""
        steps = agent.steps()
        first = self._random.randrange(len(steps))
        for name, work in steps[first : first + self._random.choice([1, 2, 4])]:
            starts = agent.starts
            self._step(f"{agent.name}/{'job' if name == 'run' else 'loop'}", name, agent, work)
            if agent.starts != starts:
                return

    def _renter(self, renter: Renter) -> None:
        name = self._random.choice(["order", "submit", "submit", "look", "cancel"])
        who = f"renter-{self.world.renters.index(renter)}"
        if name == "order":
            job = renter.order(self.world.time)
            if job is not None:
                self.laws.learn(job)
            name = "submit"
        if name == "cancel" and self._random.random() < 0.7:
            return
        self._step(who, name, None, {"submit": renter.submit, "look": renter.look, "cancel": renter.cancel}[name])

    def _watch(self) -> None:
        """Renters contradict claims for what is wrong, and for what they are not shown."""
        world, habits = self.world, self.world.habits()
        owners = {renter.account.address: renter for renter in world.renters}
        recent = [event for block in world.chain.blocks[-LOOK_BACK:] for event in block.events]
        for event in recent:
            if not isinstance(event, LeaseClaimed):
                continue
            lease, place = world.chain.state.leases.get(event.lease_id, (None, 0))
            if lease is None:
                continue
            job = self.laws.job(lease.leases[place].bid_hash)
            if event.result_digest != true_result(job.spec) or habits[event.provider] == "hoarder":
                owners[event.renter].dispute(event)

    # --- the end --------------------------------------------------------------------------------------------------

    def _come_to_rest(self) -> None:
        """Everybody works, nobody orders anything new. Raises Finding where that has no end."""
        world = self.world
        world.time = max(world.time, world.chain.time)
        for rounds in range(REST_ROUNDS):
            world.step += 1
            world.time += REST_SECONDS[rounds >= SOON]
            while world.later:
                self._step("network", "arrive", None, world.arrive)
            for renter in world.renters:
                self._step("renter", "look", None, renter.look)
            for agent in (*world.providers, *world.oracles):
                self._finish(agent)
            for name in (*WORKERS, "outbox", "outbox"):
                self._all_work(name)
            self._mine()
            self._all_work("outbox")
            self._all_work("follower")
            for agent in (*world.providers, *world.oracles):
                self._step(f"{agent.name}/loop", "follow", agent, agent.daemon.follow)
            self.laws.check()
            if not self.laws.unrest():
                return
        raise Finding("it does not come to rest: " + "; ".join(self.laws.unrest()))

    def _all_work(self, role: str) -> None:
        for market in self.world.markets:
            self._work(market, role)

    def _finish(self, agent: ProviderProcess | OracleProcess) -> None:
        """The loop of an agent, as far as it has leases that are not closed."""
        self._step(f"{agent.name}/loop", "follow", agent, agent.daemon.follow)
        assert agent.journal is not None
        for name, work in agent.steps() if agent.journal.open_leases() else ():
            if name not in OFFERING:
                self._step(f"{agent.name}/loop", name, agent, work)

    def _count(self) -> None:
        counts, world = self.world.counts, self.world
        for entry in self.laws.entries():
            outcome, reason = Outcome(entry.closing[0]).name.lower(), entry.closing[5].name.lower()
            counts[f"{outcome} by {reason}"] += 1
            counts["leases"] += 1
        counts["orders accepted"] = sum(len(renter.accepted) for renter in world.renters)
        for renter in world.renters:
            counts.update({f"refused: {code}": times for code, times in renter.refused.items()})
        counts["starts"] = sum(process.starts for process in world.processes)


def play(seed: int, steps: int = STEPS, alter: Callable[[World], None] = lambda world: None) -> Report:
    """One seed, in a folder of its own that is gone afterwards."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="hive-simulation-", dir=memory if memory.is_dir() else None) as folder:
        one = Play(seed, Path(folder), alter)
        world, finding = one.world, ""
        try:
            with patch.object(duties, "_now", lambda session: float(world.time)):
                one.run(steps)
        except Finding as error:
            finding = str(error)
        finally:
            world.close()
        last = tuple(world.trace[-40:]) if finding else ()
        return Report(seed, steps, world.step, world.trace_hash(), world.faults.counts, world.counts, finding, last)
