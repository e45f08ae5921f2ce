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
from marketplace.protocol.messages import Ask
from marketplace.protocol.metering import Rates
from marketplace.protocol.profile import Cpu, NodeProfile
from tests.simulation.chain import Hand, SimulatedChain
from tests.simulation.disk import copy_database, restore_database
from tests.simulation.faults import Crash, DiskFull, Faults
from tests.simulation.network import MustWait, Wire, answer, client_over
from tests.simulation.oracles import OracleProcess
from tests.simulation.processes import MarketProcess, Process, ProviderProcess
from tests.simulation.renters import RUNTIME, USDC, Renter

START = 1_800_000_000
DOMAIN = Domain(1337, "0x" + "Ee" * 20)
RATES = Rates(0, 100_000, 10_000, 1_000, 50_000, 100)
MONEY = 30 * USDC
STAKES = (20 * USDC, 20 * USDC, 1_500_000)
"""The least covers one lease at the highest price, or some cheap ones."""
DEPTH = 2
"""How many steps may be under way at once, one within another."""
THRESHOLD = {3: 2, 5: 3}
"""How many oracles must agree, by how many there are."""
ASLEEP_SECONDS = (16, 40)
"""How long a process of the market may stand still: longer than its roles are its own."""


class Finding(BaseException):
    """Something is wrong with the market: nothing may stop this on its way out."""


def require(holds: object, problem: str) -> None:
    """Raises Finding unless it holds."""
    if not holds:
        raise Finding(problem)


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
        """Accepted after the backup that was restored: the one way to lose an order, or an ask."""
        oracles = [key(11 + place) for place in range(self.random.choice([3, 3, 3, 5]))]
        addresses, threshold = tuple(one.address for one in oracles), THRESHOLD[len(oracles)]
        self.chain = SimulatedChain(DOMAIN, addresses, threshold, now=START)
        self.chain.mining = False
        self.chain.state.claim_window, self.chain.state.dispute_window = 240, 300
        self.operator = key(1)
        names = ("market", "market-2")[: self.random.choice([1, 1, 2])]
        self.markets = [MarketProcess(name, self, self._skew(), operator=self.operator.address) for name in names]
        self.market = self.markets[0]
        """Of several processes on one database the one that is looked at from outside."""
        self.interleaved: Callable[[], None] = lambda: None
        self.overtaken: Callable[[MarketProcess], None] = lambda asleep: None
        self.renters = [self._renter(key(number)) for number in (21, 22)]
        bad = self.random.choice(["honest", "honest", "liar", "silent", "hoarder"])
        habits = ["honest", "honest", "honest", bad]
        self.providers = [self._provider(place, habit) for place, habit in enumerate(habits)]
        self.oracles = self._oracles(oracles, threshold)
        self.paid_in: Counter[tuple[str, str]] = Counter()
        for renter in self.renters:
            self.chain.state.free[renter.account.address] = MONEY
            self.paid_in[renter.account.address, "free"] = MONEY
        for provider in self.providers:
            stake = self.random.choice(STAKES)
            self.chain.state.active[provider.account.address] = stake
            self.paid_in[provider.account.address, "cover"] = stake
        self.processes: list[Process] = [*self.markets, *self.providers, *self.oracles]
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

    def _oracles(self, accounts: list[LocalAccount], threshold: int) -> list[OracleProcess]:
        """A quorum of honest ones, and a minority that is all bad in one way or honest as well."""
        bad = self.random.choice(["honest", "honest", "liar", "colluder", "silent"])
        habits = ["honest"] * threshold + [bad] * (len(accounts) - threshold)
        liars = frozenset(one.account.address for one in self.providers if one.habit == "liar")
        return [
            OracleProcess(
                f"oracle-{place}", self, self._skew(), account=one, habit=habit, entropy=self.random, friends=liars
            )
            for place, (one, habit) in enumerate(zip(accounts, habits, strict=True))
        ]

    # --- who is who -----------------------------------------------------------------------------------------------

    def habits(self) -> dict[str, str]:
        """How each provider is, by address."""
        return {one.account.address: one.habit for one in self.providers}

    def names(self) -> dict[str, str]:
        """What each party is called, by what its money is kept under."""
        found = {one.account.address: f"renter-{place}" for place, one in enumerate(self.renters)}
        found |= {one.account.address: one.name for one in self.providers}
        members = self.chain.state.committee.members
        found |= {f"member {members.index(one.account.address)}": one.name for one in self.oracles}
        return found | {"treasury": "the treasury"}

    def standing_ask(self, provider: ProviderProcess) -> str | None:
        """The hash of the ask of which the market has told this provider that it stands."""
        assert provider.journal is not None
        note = provider.journal.note("ask")
        placed = Ask.parse(note["ask"]).struct_hash() if note is not None and note["posted"] else None
        return None if placed in self.lost_orders else placed

    # --- what processes are given ---------------------------------------------------------------------------------

    def now(self) -> int:
        """Unix seconds by a clock that is right."""
        return self.time

    def connect(self, process: Process | None) -> MarketClient:
        """A client of the market; of a process, or of a person."""
        name = process.name if process is not None else ""
        return client_over(Wire(self.faults, lambda *request: self._deliver(process, *request), self.later, name))

    def pause(self, process: Process) -> None:
        """Where a thread waits, others may go on: one takes a step now, or not. Raises Crash where that kills it."""
        before = process.starts
        if isinstance(process, MarketProcess):
            require(not process.store.is_open, "the market waits for a network in the middle of a transaction")
            if len(self.markets) > 1 and len(self.busy) <= DEPTH and self.faults.strikes("asleep"):
                self.time += self.random.randint(*ASLEEP_SECONDS)
                self.overtaken(process)
        if len(self.busy) <= DEPTH and self.faults.strikes("interleaved"):
            self.interleaved()
        self.require_alive(process, before)

    def require_alive(self, process: Process, starts: int) -> None:
        """Raises Crash where the process was killed since it had been started so often."""
        if process.starts != starts:
            raise Crash(process.name)

    def _deliver(self, sender: Process | None, method: str, path: str, sent: Any) -> Any:
        market = self.random.choice(self.markets) if len(self.markets) > 1 else self.market
        starts, before = market.starts, sender.starts if sender is not None else 0
        try:
            found = answer(market.market, method, path, sent)
        except Crash as crash:
            self._restart(market, crash, starts)
            raise ServiceUnavailable("The market has ended in the middle of it.") from None
        except MustWait:
            self.later.append((method, path, sent))
            raise ServiceUnavailable("The market did not answer in time.") from None
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
            if process is not None and not isinstance(process, MarketProcess) and process.starts == starts:
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
        before = self._orders()
        for market in self.markets:
            market.stop()
        restore_database(self._backup, self.market.path)
        for market in self.markets:
            market.start()
        self.faults.counts["restored"] += 1
        self.lost_orders |= before - self._orders()

    def _orders(self) -> set[str]:
        return self.market.known("bid_hash", "bids") | self.market.known("ask_hash", "asks")

    def close(self) -> None:
        """Let go of all files."""
        for process in self.processes:
            process.stop()
