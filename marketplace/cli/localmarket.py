"""A whole market on this machine: chain, contracts, service, providers, oracles, wallets, all real and all temporary.

`hive dev` and the demo are this. Every service is a process of its own, started through the same `hive` commands that
operators type; whatever was started ends with `stop`, or when this process dies.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from marketplace.adapters.chain import AddressBook, ChainAccount, ChainReader, Contracts
from marketplace.cli.localplan import GOVERNOR, HIVE, MARKET, TREASURY, WAIT, MarketPlan, ProviderPlan, RenterPlan
from marketplace.client import MarketClient
from marketplace.client.keystore import LIGHT_SCRYPT_N, Keystore, KeystoreFolder
from marketplace.devnet import Deployment, Devnet, ManagedProcess, free_port
from marketplace.devnet.process import ProcessFailed
from marketplace.errors import MarketError

PASSWORD = "dev"
"""Of every wallet here. Public: the chain and its money end with the process."""
READY_SECONDS, COMPILE_SECONDS = 90, 180


@dataclass(slots=True)
class LocalMarket:
    """`start` it, then use it as a context manager that stops it.

    `folder` is emptied first, and keeps logs and wallets afterwards.
    """

    plan: MarketPlan
    folder: Path
    tell: Callable[[str], None] = lambda sentence: None
    wallets: dict[str, Keystore] = field(default_factory=dict)
    keys: dict[str, bytes] = field(default_factory=dict)
    _processes: list[ManagedProcess] = field(default_factory=list)
    _devnet: Devnet | None = None
    _book: AddressBook | None = None
    url: str = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # --- what others need ----------------------------------------------------------------------------------------

    @property
    def devnet(self) -> Devnet:
        """The chain."""
        assert self._devnet is not None, "not started"
        return self._devnet

    @property
    def book(self) -> AddressBook:
        """The contracts."""
        assert self._book is not None, "not started"
        return self._book

    @property
    def addresses(self) -> dict[str, str]:
        """Everybody's address by name."""
        return {name: wallet.address for name, wallet in self.wallets.items()}

    def contracts(self) -> Contracts:
        """Handles to the contracts, one's own connection."""
        return Contracts(self.devnet.rpc_url, self.book)

    def reader(self) -> ChainReader:
        """The contracts' views."""
        return ChainReader(self.contracts())

    def account(self, name: str) -> ChainAccount:
        """Somebody's hand on the contracts."""
        return ChainAccount(self.contracts(), self.keys[name])

    def oracle_bond(self, name: str) -> int:
        """What an oracle has bonded, leaving or not, micro-USDC."""
        active, unbonding, _ = self.contracts().committee.functions.bondOf(self.addresses[name]).call()
        return active + unbonding

    def client(self) -> MarketClient:
        """A connection to the service."""
        return MarketClient(self.url)

    def process(self, name: str) -> ManagedProcess:
        """One service, to be killed and started again in tests of what survives that."""
        return next(process for process in self._processes if process.name == name)

    def log(self, name: str) -> Path:
        """Where a service logs."""
        return self.folder / "logs" / f"{name}.log"

    # --- start and stop ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Bring everything up; returns when the market is ready for a first job, or leaves nothing behind.

        Raises ProcessFailed, SettingsError.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._devnet = Devnet(self.folder / "chain")
        port = self.plan.port or free_port()
        self.url = f"http://127.0.0.1:{port}"
        with ThreadPoolExecutor(8) as pool:
            self.tell("starting a chain and deploying the contracts")
            chain = pool.submit(self._devnet.start)
            self._make_wallets()
            warm_runtimes(self.folder / "logs" / "runtimes.log")
            self._start_services(port)
            chain.result()
            self._deploy()
            self.tell("funding wallets; market, providers and oracles are loading")
            # One after the other: a busy ganache may refuse one of several balances that are set together ("Stack
            # underflow"), and forgets to mine one of two transactions that arrive together.
            for name in self.plan.names:
                self._fund_gas(name)
            for provider in self.plan.providers:
                self._stake(provider)
            for renter in self.plan.renters:
                self._deposit(renter)
            self._wait_ready()

    def stop(self) -> None:
        """End every process, the chain last."""
        with ThreadPoolExecutor(max(1, len(self._processes))) as pool:
            list(pool.map(lambda process: process.stop(), self._processes))
        self._processes.clear()
        if self._devnet is not None:
            self._devnet.stop()
            self._devnet = None

    def require_alive(self) -> None:
        """Raises ProcessFailed, with its log's tail, if a service has ended by itself."""
        for process in self._processes:
            if not process.is_running:
                raise ProcessFailed(f"{process.name} has ended.\n{process.log_tail()}", log=str(process.log))

    def _make_wallets(self) -> None:
        folder = KeystoreFolder(self.folder / "wallets")
        for name in self.plan.names:
            wallet = folder.create(name, PASSWORD, scrypt_n=LIGHT_SCRYPT_N)
            self.wallets[name] = wallet
            self.keys[name] = bytes(wallet.unlock(PASSWORD).key)

    def _deploy(self) -> None:
        money = {each.name: each.stake for each in self.plan.providers}
        money |= {each.name: each.wallet for each in self.plan.renters}
        self._book = self.devnet.deploy(
            Deployment(
                oracles=[self.addresses[name] for name in self.plan.oracles],
                threshold=self.plan.threshold,
                treasury=self.addresses[TREASURY],
                governor=self.addresses[GOVERNOR],
                mint={self.addresses[name]: amount for name, amount in money.items()},
            )
        )

    def _fund_gas(self, name: str) -> None:
        self.devnet.fund_gas(self.addresses[name])

    def _stake(self, provider: ProviderPlan) -> None:
        self.account(provider.name).stake(provider.stake)

    def _deposit(self, renter: RenterPlan) -> None:
        if renter.deposit:
            self.account(renter.name).deposit(renter.deposit)

    # --- services ------------------------------------------------------------------------------------------------

    def _start_services(self, port: int) -> None:
        shared = {
            "RPC_URL": self.devnet.rpc_url,
            "ADDRESS_BOOK": str(self.devnet.address_book),
            "PASSWORD": PASSWORD,
        }
        market = shared | {
            "OPERATOR_KEYSTORE": str(self.wallets[MARKET].path),
            "DATA_DIR": str(self.folder / "market"),
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "ROUND_SECONDS": str(self.plan.round_seconds),
            "WEBHOOK_NETWORKS": "127.0.0.0/8",  # endpoints under development are on this machine
        }
        market |= self.plan.market_settings
        roles = {MARKET: "api" if self.plan.workers else "all"} | dict.fromkeys(self.plan.workers, "workers")
        for name, role in roles.items():
            self._spawn(name, (*HIVE, "market", "up", "--role", role, *WAIT), "COMPUTEHIVE_MARKET_", market)
        for provider in self.plan.providers:
            rates = provider.rates
            settings = self._agent_settings(shared, provider.name) | {
                "REGION": provider.region,
                "PREEMPTIBLE_JOBS": "true",
                "UNITS": str(provider.units),
                "GPU_HOUR_RATE": str(rates.gpu_hour),
                "VCPU_HOUR_RATE": str(rates.vcpu_hour),
                "GB_HOUR_RATE": str(rates.gb_hour),
                "GFUEL_RATE": str(rates.gfuel),
                "EGRESS_GB_RATE": str(rates.egress_gb),
                "MINIMUM_CHARGE": str(rates.minimum),
            }
            settings |= provider.settings
            self._spawn(provider.name, provider.command, "COMPUTEHIVE_AGENT_", settings)
        for oracle in self.plan.oracles:
            settings = self._agent_settings(shared, oracle)
            self._spawn(oracle, (*HIVE, "oracle", "start", *WAIT), "COMPUTEHIVE_AGENT_", settings)

    def _agent_settings(self, shared: Mapping[str, str], name: str) -> dict[str, str]:
        own = {
            "URL": self.url,
            "KEYSTORE": str(self.wallets[name].path),
            "DATA": str(self.folder / "agents" / name),
        }
        return {**shared, **own}

    def _spawn(self, name: str, command: Sequence[str], prefix: str, settings: Mapping[str, str]) -> None:
        """Start a service with exactly these settings: nothing of the user's own environment reaches it."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("COMPUTEHIVE_")}
        if "COMPUTEHIVE_CACHE" in os.environ:
            environment["COMPUTEHIVE_CACHE"] = os.environ["COMPUTEHIVE_CACHE"]
        environment |= {prefix + key: value for key, value in settings.items()}
        environment["COMPUTEHIVE_HOME"] = str(self.folder / "home")
        self._processes.append(ManagedProcess(name, command, self.log(name), env=environment).start())

    def _wait_ready(self) -> None:
        """Until the market answers and every provider's ask stands. Raises ProcessFailed with a log's tail."""
        market = self._processes[0]
        with self.client() as client:
            market.wait_ready(lambda: _answers(client), READY_SECONDS)
            until = time.monotonic() + READY_SECONDS
            for process in self._processes[1:]:
                process.wait_ready(lambda: self._all_offer(client), max(1.0, until - time.monotonic()))

    def _all_offer(self, client: MarketClient) -> bool:
        try:
            return len(client.nodes()) == len(self.plan.providers)
        except MarketError:
            return False


def warm_runtimes(log: Path) -> None:
    """Compile the ready-made runtimes once, rather than in every daemon at the same time. Raises ProcessFailed."""
    with ManagedProcess("runtimes", (sys.executable, "-m", "agent.runtimes", "warm"), log) as process:
        if process.wait(COMPILE_SECONDS):
            raise ProcessFailed(f"The runtimes could not be compiled.\n{process.log_tail()}", log=str(log))


def _answers(client: MarketClient) -> bool:
    try:
        return client.health()["status"] == "ok"
    except MarketError:
        return False
