"""The programs: the market, and the agents of providers and oracles. Each is built anew from its disk after a crash."""

import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Protocol

from eth_account.signers.local import LocalAccount

from agent.offer import Offer
from agent.oracle import OracleDaemon
from agent.provider import ProviderDaemon
from marketplace.adapters.store import Database
from marketplace.client import MarketClient
from marketplace.domain.chain import LeaseOpened
from marketplace.domain.rules import Rules
from marketplace.errors import MarketError
from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import Verdict
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
from tests.simulation.sandbox import make_runner

RULES = Rules(max_blob_bytes=1_000_000, node_silence_seconds=600, settle_grace_seconds=60)
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

    def node(self, inner: object) -> Any:
        """Its own view of the chain."""
        return Node(inner, self.name, self.world.faults, lambda: self.world.pause(self))

    def start(self) -> None:
        """From what is on its disk."""
        self.starts += 1

    def stop(self) -> None:
        """Let go of the files."""


@dataclass
class MarketProcess(Process):
    """The market's server."""

    market: Market = field(init=False)
    store: FaultyStore = field(init=False)
    database: Database | None = None
    """Without faults: for those who look at it from outside."""
    operator: str = ""

    @property
    def path(self) -> Path:
        """The database's file."""
        return self.world.folder / "market.db"

    def start(self) -> None:
        super().start()
        self.stop()
        self.database = Database(self.path)
        self.store = FaultyStore(self.database, self.name, self.world.faults, lambda: self.world.pause(self))
        self.market = Market(
            store=self.store,
            chain=self.node(self.world.chain),
            sender=self.node(FakeSender(self.world.chain, self.operator)),
            blobs=FaultyBlobs(self.world.folder / "blobs", self.name, self.world.faults),
            clock=self,
            rules=RULES,
        )

    def known_orders(self) -> set[str]:
        """The hashes of all bids on its disk, read past everything that the program does with them."""
        with closing(sqlite3.connect(self.path)) as connection:
            return {found for (found,) in connection.execute("SELECT bid_hash FROM bids")}

    def stop(self) -> None:
        """Let go of the files."""
        if self.database is not None:
            self.database.close()
        self.database = None


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
            client=client, chain=self.node(AgentView(world.chain)), domain=world.chain.domain, market=self.market,
            provider=self.account, agent=self.agent, offer=self.offer, journal=self.journal,
            runner=make_runner(client.get_blob, lies=self.habit == "liar"),
            blobs=world.folder / f"{self.name}-outputs",
            hand=self.node(Hand(world.chain, self.account.address, world.now)), claim_margin=CLAIM_MARGIN,
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


class LyingOracle(OracleDaemon):
    """A member that says the opposite of what it finds."""

    def judge(self, event: LeaseOpened) -> Verdict:
        found = super().judge(event)
        outcome = Outcome.FRAUD if found.outcome == Outcome.PAID else Outcome.PAID
        pay = event.price if outcome is Outcome.PAID else 0
        return found.model_copy(update={"outcome": outcome, "pay": pay})


@dataclass
class OracleProcess(Process):
    """An oracle's agent. `habit`: honest, liar or silent."""

    account: LocalAccount = field(kw_only=True)
    habit: str = field(default="honest", kw_only=True)
    daemon: OracleDaemon = field(init=False)
    journal: FaultyJournal | None = None
    entropy: Random = field(kw_only=True)

    def start(self) -> None:
        super().start()
        self.stop()
        client = self.world.connect(self)
        self.journal = FaultyJournal(self.world.folder / f"{self.name}.sqlite", self.name, self.world.faults)
        kind = LyingOracle if self.habit == "liar" else OracleDaemon
        self.daemon = kind(
            client=client, chain=self.node(AgentView(self.world.chain)), domain=self.world.chain.domain,
            account=self.account, runner=make_runner(client.get_blob), journal=self.journal,
            entropy=self.entropy.randbytes,
        )  # fmt: skip

    def stop(self) -> None:
        """Let go of the files."""
        if self.journal is not None:
            self.journal.close()
        self.journal = None

    def steps(self) -> list[tuple[str, Callable[[], object]]]:
        """What its loop does, in order. Judging is not put into a thread of its own."""
        one = self.daemon
        if self.habit == "silent":
            return [("follow", one.follow)]
        return [
            ("follow", one.follow), ("judge", one.judge_claims), ("reveal", one.reveal_verdicts),
            ("sign", one.sign_batches),
        ]  # fmt: skip
