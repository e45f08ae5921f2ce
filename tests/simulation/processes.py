"""The programs: the market, and the agents of providers. Each is built anew from its disk after a crash."""

import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Protocol

from eth_account.signers.local import LocalAccount

from agent.offer import Offer
from agent.provider import ProviderDaemon
from marketplace.adapters.store import Database
from marketplace.client import MarketClient
from marketplace.domain.rules import Rules
from marketplace.errors import MarketError
from marketplace.protocol.profile import NodeProfile
from marketplace.services.close_claims import close_ripe_claims
from marketplace.services.follow_chain import follow_chain
from marketplace.services.market import Market
from marketplace.services.outbox import process_outbox
from marketplace.services.refund_lease import refund_overdue
from marketplace.services.seal_verdicts import advance_judgements
from marketplace.services.settle_batch import propose_batches
from marketplace.services.workers import clear_everything
from tests.fakes.chain import FakeSender
from tests.simulation.chain import AgentView, Hand, Node, SimulatedChain
from tests.simulation.disk import FaultyBlobs, FaultyJournal, FaultyStore
from tests.simulation.faults import DiskFull, Faults
from tests.simulation.network import OneThreadGroup
from tests.simulation.sandbox import make_runner

RULES = Rules(max_blob_bytes=1_000_000, node_silence_seconds=600, settle_grace_seconds=60, batch_seconds=1)
CLAIM_MARGIN = 90
WORKERS: dict[str, Callable[[Market], object]] = {
    "follower": follow_chain,
    "outbox": process_outbox,
    "clearing": clear_everything,
    "seals": advance_judgements,
    "settlement": propose_batches,
    "refunds": refund_overdue,
    "claims": close_ripe_claims,
}
"""What the market's threads do (`services.workers`), each step by itself."""


class Surroundings(Protocol):
    """What a process is given of the world."""

    chain: SimulatedChain
    faults: Faults
    folder: Path

    busy: list[str]

    def now(self) -> int: ...
    def pause(self, process: "Process") -> None: ...
    def connect(self, process: "Process | None") -> MarketClient: ...


@dataclass
class Process:
    """A program on a machine of its own, with a clock that may be `skew` seconds off."""

    name: str
    world: Surroundings
    skew: int = 0
    starts: int = 0
    """How often it was started: who finds another number than before has been killed meanwhile."""

    def now(self) -> int:
        """What its clock says."""
        return self.world.now() + self.skew

    def node(self, over: Callable[[SimulatedChain], object], *, lags: bool = True) -> Any:
        """Its own view of the chain."""
        world = self.world
        return Node(world.chain, over, self.name, world.faults, lambda: world.pause(self), lags=lags)

    def start(self) -> None:
        """From what is on its disk."""
        self.starts += 1

    def stop(self) -> None:
        """Let go of the files."""


@dataclass
class MarketProcess(Process):
    """A process of the market. Several share a database; what each does by itself it does while it has that role."""

    market: Market = field(init=False)
    store: FaultyStore = field(init=False)
    database: Database | None = None
    """Without faults: for those who look at it from outside."""
    operator: str = ""
    held: set[str] = field(default_factory=set)
    """Roles that it believes to have."""
    _outside: sqlite3.Connection | None = None

    @property
    def path(self) -> Path:
        """The database's file."""
        return self.world.folder / "market.db"

    def start(self) -> None:
        super().start()
        self.stop()
        world, self.held = self.world, set()
        self.database = Database(self.path)
        self._outside = sqlite3.connect(self.path)
        self.store = FaultyStore(
            self.database, self.name, world.faults, lambda: world.pause(self), lambda: world.busy[-1]
        )
        self.market = Market(
            store=self.store,
            chain=self.node(lambda chain: chain),
            sender=self.node(lambda chain: FakeSender(chain, self.operator)),
            blobs=FaultyBlobs(self.world.folder / "blobs", self.name, self.world.faults),
            clock=self,
            rules=RULES,
            entering=OneThreadGroup(),
            hearing=OneThreadGroup(),
            attesting=OneThreadGroup(),
        )

    def work(self, role: str) -> None:
        """A step of a role where this process has it, as `services.workers` takes it: after a failure it asks again."""
        if role not in self.held and not self.store.take_duty(role):
            return
        self.held.add(role)
        try:
            with self.store.on_duty(role):
                WORKERS[role](self.market)
        except Exception:
            self.held.discard(role)
            raise

    def renew(self) -> None:
        """Keep its roles."""
        if self.held:
            self.held &= self.store.renew_duties(set(self.held))

    def version(self) -> int:
        """Another number whenever somebody has committed something."""
        assert self._outside is not None
        ((found,),) = self._outside.execute("PRAGMA data_version")
        return int(found)

    def known(self, column: str, table: str) -> set[str]:
        """All that is in a column on its disk, read past everything that the program does with it."""
        assert self._outside is not None
        return {found for (found,) in self._outside.execute(f"SELECT {column} FROM {table}")}

    def stop(self) -> None:
        """Let go of the files."""
        if self.database is not None and self._outside is not None:
            self.database.close()
            self._outside.close()
        self.database = self._outside = None


class Jobs:
    """The provider's pool of threads: a job that is started runs when its turn comes."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Future[None], Callable[..., None], tuple[Any, ...]]] = deque()

    def submit(self, work: Callable[..., None], *args: Any) -> "Future[None]":
        """Run it later."""
        future: Future[None] = Future()
        self._waiting.append((future, work, args))
        return future

    def run_next(self) -> None:
        """One job to its end. What it raises is its future's; a crash is everybody's."""
        if not self._waiting:
            return
        future, work, args = self._waiting.popleft()
        try:
            future.set_result(work(*args))
        except (MarketError, DiskFull) as error:
            future.set_exception(error)

    def shutdown(self, **_: Any) -> None:
        """Nothing is held."""


@dataclass
class ProviderProcess(Process):
    """A provider's agent. `habit`: honest, liar (of results), silent (runs nothing) or hoarder (shows no evidence)."""

    account: LocalAccount = field(kw_only=True)
    agent: LocalAccount = field(kw_only=True)
    offer: Offer = field(kw_only=True)
    market: str = field(kw_only=True)
    habit: str = field(default="honest", kw_only=True)
    daemon: ProviderDaemon = field(init=False)
    journal: FaultyJournal | None = None
    jobs: Jobs = field(default_factory=Jobs)

    @property
    def profile(self) -> NodeProfile:
        """Of its node."""
        return self.offer.profile

    def start(self) -> None:
        super().start()
        self.stop()
        world, client, self.jobs = self.world, self.world.connect(self), Jobs()
        self.journal = FaultyJournal(world.folder / f"{self.name}.sqlite", self.name, world.faults)
        self.daemon = ProviderDaemon(
            client=client, chain=self.node(AgentView), domain=world.chain.domain, market=self.market,
            provider=self.account, agent=self.agent, offer=self.offer, journal=self.journal,
            runner=make_runner(client.get_blob, lies=self.habit == "liar"),
            blobs=world.folder / f"{self.name}-outputs",
            hand=self.node(lambda chain: Hand(chain, self.account.address, world.now), lags=False),
            claim_margin=CLAIM_MARGIN,
            draw=Random(0), now=self.now,
        )  # fmt: skip
        self.daemon._pool = self.jobs  # type: ignore[assignment]  # one thread for everything

    def stop(self) -> None:
        """Let go of the files."""
        if self.journal is not None:
            self.journal.close()
        self.journal = None

    def steps(self) -> list[tuple[str, Callable[[], object]]]:
        """What its loop does, in order; and its jobs."""
        one = self.daemon
        working = [] if self.habit == "silent" else [("jobs", one.start_jobs), ("run", self.jobs.run_next)]
        posting = [] if self.habit in ("silent", "hoarder") else [("post", one.post_attestations)]
        return [
            ("ask", one.keep_ask), ("heartbeat", one.send_heartbeat), ("follow", one.follow), *working, *posting,
            ("receipts", one.send_receipts), ("claim", one.claim_unsettled), ("release", one.release_claims),
        ]  # fmt: skip
