"""Where a part of the bench plays: a market's service in a process of its own, on a chain in memory or on ganache."""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from eth_account import Account

from marketplace.devnet import Devnet, ManagedProcess, free_port
from marketplace.protocol.canonical import sha256_digest
from scripts.bench import leases
from scripts.bench.service.fakes import DOMAIN
from scripts.bench.service.load import Line, Load, Refused, Request, send_all
from scripts.bench.service.memory import RULES
from scripts.bench.service.people import BLOBS, Signers
from scripts.toolchain import BUILD

FOLDER = BUILD / "bench" / "service"
READY_SECONDS, WARM_SECONDS = 120, 300
PASSWORD = "bench"
READY, LIVE = "/api/v1/health/ready", "/api/v1/health/live"


@dataclass
class Stage:
    """A service that answers, and those who may sign for it."""

    signers: Signers
    port: int
    service: ManagedProcess
    folder: Path
    chain: psutil.Process | None = None
    chain_alone_per_second: float = 0.0
    """Jobs a second that ganache itself opens and settles in batches, nobody else at work."""

    def line(self) -> Line:
        """A connection to it."""
        return Line(self.port)

    def process(self) -> psutil.Process:
        """The service itself."""
        return psutil.Process(_require_pid(self.service))

    def send_all(self, requests: Sequence[Request], connections: int) -> Load:
        """`load.send_all` to it, with the service's own processor time, all of its threads'."""
        before = self.process().cpu_times()
        load = send_all(self.port, requests, connections)
        after = self.process().cpu_times()
        return replace(load, processor_seconds=after.user + after.system - before.user - before.system)

    def next_salts(self) -> list[int]:
        """Of each renter."""
        line = self.line()
        keys = map(self.signers.renter, range(self.signers.renters))
        return [int(line.get(f"/api/v1/accounts/{key.address}")["nextSalt"]) for key in keys]

    def prepare(self, path: str = READY) -> None:
        """Wait until it is ready, or what `path` says, and upload what jobs are made of."""
        self.wait_ready(path)
        line = self.line()
        for data in BLOBS:
            line.send(Request("PUT", f"/api/v1/blobs/{sha256_digest(data)}", data, "application/octet-stream"))

    def warm(self) -> None:
        """Every provider offers, and one job is cleared: the first round compiles, or loads what was compiled."""
        line = self.line()
        for number in range(self.signers.providers):
            line.send(self.signers.ask(number))
        line.send(self.signers.bids(1, self.next_salts())[0])
        self.service.wait_ready(lambda: line.get("/api/v1/cluster/status")["rounds"] > 0, WARM_SECONDS)

    def wait_ready(self, path: str = READY) -> None:
        """Until `path` answers. Raises ProcessFailed where the service ends before."""
        self.service.wait_ready(lambda: self._answers(path), READY_SECONDS)

    def _answers(self, path: str) -> bool:
        try:
            self.line().get(path)
        except (OSError, Refused):
            return False
        return True


@contextmanager
def in_memory(
    name: str, renters: int, providers: int, database: str = "", roles: str = "all", replica: str = ""
) -> Iterator[Stage]:
    """A service on a chain in its own memory; one without workers is never ready, and used as soon as it lives."""
    folder, port = _fresh(name), free_port()
    words = [folder, port, renters, providers, roles, *filter(None, [database, replica])]
    command = [sys.executable, "-m", "scripts.bench.service.memory", *map(str, words)]
    signers = Signers(DOMAIN, leases.key_of("operator", 0).address, renters, providers)
    with ManagedProcess("market", command, folder / "market.log", env=_environment()) as service:
        stage = Stage(signers, port, service, folder)
        stage.prepare(READY if roles == "all" else LIVE)
        yield stage


@contextmanager
def on_ganache(name: str, *, batches: int = 0) -> Iterator[Stage]:
    """The service that operators start, on ganache with the contracts; at first `batches` of 96 leases without it."""
    folder = _fresh(name)
    with Devnet(folder / "chain") as chain:
        world = TimedMarket(chain)
        alone = world.jobs_per_second(batches) if batches else 0.0
        signers = Signers(world.domain, world.operator.address, leases.PARTIES, leases.PARTIES)
        port = free_port()
        with _start_service(chain, world, folder, port) as service:
            process = psutil.Process(_require_pid(chain._ganache))
            stage = Stage(signers, port, service, folder, process, alone)
            stage.prepare()
            yield stage


def restart(stage: Stage) -> None:
    """Kill the service as a crash would, and start the very same again; does not wait."""
    stage.service.kill()
    stage.service.start()


class TimedMarket(leases.Market):
    """Knows how long the chain took of what it was sent."""

    waited = 0.0

    def send(self, function, key=None):
        begun = time.perf_counter()
        receipt = super().send(function, key)
        self.waited += time.perf_counter() - begun
        return receipt

    def jobs_per_second(self, batches: int, size: int = 96) -> float:
        """Opened and settled in batches, by the chain's own time: signing is not counted."""
        self.run(size)
        self.waited = 0.0
        for _ in range(batches):
            self.run(size)
        return batches * size / self.waited


def _start_service(chain: Devnet, world: leases.Market, folder: Path, port: int) -> ManagedProcess:
    keystore, password = folder / "operator.json", folder / "password"
    keystore.write_text(json.dumps(Account.encrypt(world.operator.key, PASSWORD, iterations=2)))
    password.write_text(PASSWORD)
    keystore.chmod(0o600)
    settings = {name.upper(): str(value) for name, value in RULES.items()} | {
        "ADDRESS_BOOK": str(chain.address_book),
        "RPC_URL": chain.rpc_url,
        "OPERATOR_KEYSTORE": str(keystore),
        "PASSWORD_FILE": str(password),
        "DATA_DIR": str(folder / "market"),
        "PORT": str(port),
        "LOG_LEVEL": "warning",
    }
    environment = _environment() | {f"COMPUTEHIVE_MARKET_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "marketplace.api"]
    return ManagedProcess("market", command, folder / "market.log", env=environment)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("COMPUTEHIVE_MARKET_")}


def _fresh(name: str) -> Path:
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _require_pid(process: ManagedProcess) -> int:
    pid = process.command_pid
    if pid is None:
        raise RuntimeError(f"The process {process.name} cannot be found on this system.")
    return pid
