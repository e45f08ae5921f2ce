"""One simulated market and the people around it: one thread takes one step after the other, as one seed has it."""

from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from agent.offer import Offer
from agent.sandbox import sandbox_digest
from marketplace.client import MarketClient
from marketplace.errors import MarketError, ServiceUnavailable
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.metering import Rates
from marketplace.protocol.profile import Cpu, NodeProfile
from tests.simulation.chain import Hand, SimulatedChain
from tests.simulation.disk import copy_database, restore_database
from tests.simulation.faults import Crash, DiskFull, Faults
from tests.simulation.network import Wire, answer, client_over
from tests.simulation.processes import MarketProcess, OracleProcess, Process, ProviderProcess
from tests.simulation.renters import RUNTIME, USDC, Renter

START = 1_800_000_000
DOMAIN = Domain(1337, "0x" + "Ee" * 20)
RATES = Rates(0, 100_000, 10_000, 1_000, 50_000, 100)
STAKE, MONEY = 20 * USDC, 30 * USDC
DEPTH = 2
"""How many steps may be under way at once, one within another."""


class Finding(BaseException):
    """Something is wrong with the market: nothing may stop this on its way out."""


def key(number: int) -> LocalAccount:
    """A fixed account for each number."""
    return Account.from_key(number.to_bytes(32))


class World:
    """Everything there is. `random` decides all; nothing else may."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.folder, self.random = seed, folder, Random(seed)
        self.faults = Faults.drawn(self.random)
        self.time, self.step = START, 0
        self.trace: list[str] = []
        self.counts: Counter[str] = Counter()
        self.busy: list[str] = []
        """Threads with a step under way, the innermost last."""
        self.later: list[tuple[str, str, Any]] = []
        """Requests that are still on their way."""
        self.lost_orders: set[str] = set()
        """Accepted after the backup that was restored: the one way to lose an order."""
        oracles = tuple(key(number) for number in (11, 12, 13))
        self.chain = SimulatedChain(DOMAIN, tuple(one.address for one in oracles), now=START)
        self.chain.mining = False
        self.chain.state.claim_window, self.chain.state.dispute_window = 240, 300
        self.operator = key(1)
        self.market = MarketProcess("market", self, self._skew(), operator=self.operator.address)
        self.interleaved: Callable[[], None] = lambda: None
        self.renters = [self._renter(key(number)) for number in (21, 22)]
        bad = self.random.choice(["honest", "honest", "liar", "silent", "hoarder"])
        habits = ["honest", "honest", "honest", bad]
        self.providers = [self._provider(place, habit) for place, habit in enumerate(habits)]
        bad = self.random.choice(["honest", "honest", "liar", "silent"])
        self.oracles = [
            OracleProcess(f"oracle-{place}", self, self._skew(), account=one, habit=habit, entropy=self.random)
            for place, (one, habit) in enumerate(zip(oracles, ["honest", "honest", bad], strict=True))
        ]
        for renter in self.renters:
            self.chain.state.free[renter.account.address] = MONEY
        for provider in self.providers:
            self.chain.state.active[provider.account.address] = STAKE
        self.funded = MONEY * len(self.renters) + STAKE * len(self.providers)
        self.processes: list[Process] = [self.market, *self.providers, *self.oracles]
        for process in self.processes:
            process.start()
        self.chain.mine_at(self.time)

    def _skew(self) -> int:
        most = int(self.faults.rates["skew"])
        return self.random.randint(-most, most)

    def _renter(self, account: LocalAccount) -> Renter:
        hand = Hand(self.chain, account.address, self.now)
        return Renter(account, self.connect(None), self.chain, hand, self.operator.address, self.random)

    def _provider(self, place: int, habit: str) -> ProviderProcess:
        profile = NodeProfile(
            region="eu", cpu=Cpu(architecture="x86_64", cores=4), memory_mb=8192, disk_mb=1000,
            runtimes={"python": RUNTIME}, sandbox_digests={"wasm": sandbox_digest()},
        )  # fmt: skip
        units = self.random.choice([1, 2, 3])
        return ProviderProcess(
            f"provider-{place}", self, self._skew(), account=key(31 + place), agent=key(41 + place),
            offer=Offer(RATES, units, 900, profile), market=self.operator.address, habit=habit,
        )  # fmt: skip

    # --- what processes are given ---------------------------------------------------------------------------------

    def now(self) -> int:
        """Unix seconds by a clock that is right."""
        return self.time

    def connect(self, process: Process | None) -> MarketClient:
        """A client of the market; of a process, or of a person."""
        return client_over(Wire(self.faults, lambda *request: self._deliver(process, *request), self.later))

    def pause(self, process: Process) -> None:
        """Where a thread waits, others may go on: one takes a step now, or not. Raises Crash where that kills it."""
        if process is self.market and self.market.store.is_open:
            raise Finding("the market waits for a network in the middle of a transaction")
        if len(self.busy) <= DEPTH and self.faults.strikes("interleaved"):
            before = process.starts
            self.interleaved()
            self.require_alive(process, before)

    def require_alive(self, process: Process, starts: int) -> None:
        """Raises Crash where the process was killed since it had been started so often."""
        if process.starts != starts:
            raise Crash(process.name)

    def _deliver(self, sender: Process | None, method: str, path: str, sent: Any) -> Any:
        market, before = self.market.starts, sender.starts if sender is not None else 0
        try:
            found = answer(self.market.market, method, path, sent)
        except Crash as crash:
            self._restart(self.market, crash, market)
            raise ServiceUnavailable("The market has ended in the middle of it.") from None
        finally:
            if sender is not None:
                self.require_alive(sender, before)
        return found

    def arrive(self) -> None:
        """One of the requests that are on their way arrives, in any order; nobody waits for its answer."""
        if self.later:
            request = self.later.pop(self.random.randrange(len(self.later)))
            self._deliver(None, *request)

    # --- steps ----------------------------------------------------------------------------------------------------

    def take(self, thread: str, name: str, process: Process | None, work: Callable[[], object]) -> None:
        """One step of one thread, unless it has one under way; with what became of it in the trace. Raises Finding."""
        if thread in self.busy:
            return
        starts, self.busy = process.starts if process is not None else 0, [*self.busy, thread]
        try:
            work()
            outcome = "done"
        except Crash as crash:
            outcome = self._restart(process, crash, starts)
        except MarketError as error:
            outcome = error.code
        except DiskFull as error:
            outcome = str(error)
            if process is not None and process is not self.market and process.starts == starts:
                process.start()  # a daemon ends, and its supervisor starts it again; the market's worker goes on
        except Exception as error:
            raise Finding(f"{thread}/{name}: {type(error).__name__}: {error}") from error
        finally:
            self.busy = [one for one in self.busy if one != thread]
        self.note(f"{thread}/{name}: {outcome}")

    def _restart(self, process: Process | None, crash: Crash, starts: int) -> str:
        if process is None or crash.process != process.name:
            raise crash
        if process.starts == starts:
            process.start()
        return "crash"

    def note(self, text: str) -> None:
        """Put it into the trace."""
        self.trace.append(f"{self.step:>4} {self.time - START:>6}s {text}")

    def trace_hash(self) -> str:
        """Of all that happened, and of what came of it: equal for equal seeds."""
        head = self.chain.blocks[-1].ref.hash
        return sha256("\n".join([*self.trace, head, str(sorted(self.faults.counts.items()))]).encode()).hexdigest()

    # --- what happens by itself -----------------------------------------------------------------------------------

    def mine(self) -> None:
        """The next block, with what waits for it."""
        self.chain.mine_at(self.time)

    def reorganise(self) -> None:
        """Some blocks at the end are replaced by others."""
        depth = self.random.randint(1, min(4, len(self.chain.blocks) - 2))
        lost = self.chain.replace(depth, lambda: self.random.random() < 0.7)
        self.faults.counts["reorganised"] += 1
        self.note(f"chain: {depth} blocks replaced, {lost} transactions lost")

    def change_fee(self) -> None:
        """What the next blocks cost."""
        self.chain.base_fee = self.random.choice([1, 1, 2, 3])
        self.faults.counts["fee"] += 1

    @property
    def _backup(self) -> Path:
        return self.folder / "backup.db"

    def back_up(self) -> None:
        """Copy the market's database, as its operator does from time to time."""
        copy_database(self.market.path, self._backup)

    def restore(self) -> None:
        """The market's machine is lost; its last backup goes on."""
        if not self._backup.exists():
            return
        self.market.stop()
        restore_database(self._backup, self.market.path)
        self.market.start()
        self.faults.counts["restored"] += 1
        with self.market.database.read() as tx:
            for renter in self.renters:
                self.lost_orders |= {one for one in renter.accepted if tx.bids.get(one) is None}

    def close(self) -> None:
        """Let go of all files."""
        for process in self.processes:
            process.stop()
