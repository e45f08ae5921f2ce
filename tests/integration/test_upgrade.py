"""A rolling restart on one database: the new process starts beside the old one, which is stopped; no order is lost."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import pytest

from marketplace.cli.localmarket import LocalMarket
from marketplace.cli.localplan import HIVE
from marketplace.client import MarketClient
from marketplace.client.jobs import build_bid, prepare_job, runtimes_of, upload_job
from marketplace.client.waiting import wait_until
from marketplace.devnet import ManagedProcess, free_port
from marketplace.domain.roles import WORKERS
from marketplace.errors import ServiceUnavailable
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.jobspec import JobSpec, Requirements
from marketplace.protocol.messages import Bid
from tests.integration.local import MARKET, RENTER, RESOURCES, plan_with_one_oracle

NOWHERE = Requirements(regions=("nowhere",))
PAUSE_SECONDS = 0.05
ENOUGH = 5
"""Orders at each stage of the restart."""


@pytest.fixture
def market(tmp_path):
    with LocalMarket(plan_with_one_oracle(), tmp_path / "market") as market:
        market.start()
        yield market


@dataclass
class Poster:
    """A client that places one bid after the other, each until it is acknowledged by one of the market's addresses."""

    market: LocalMarket
    urls: list[str]
    bids: list[Bid]
    spec: JobSpec
    domain: Domain
    acknowledged: list[str] = field(default_factory=list)
    refused: int = 0
    stopping: Event = field(default_factory=Event)

    def run(self) -> None:
        for bid in self.bids:
            signature = bid.sign(self.domain, self.market.keys[RENTER])
            while not self._posted(bid, signature) and not self.stopping.is_set():
                self.refused += 1
                self.urls.append(self.urls.pop(0))
            if self.stopping.wait(PAUSE_SECONDS):
                return

    def _posted(self, bid: Bid, signature: str) -> bool:
        try:
            with MarketClient(self.urls[0], timeout=20) as client:
                self.acknowledged.append(client.submit_job(bid, signature, self.spec)["jobId"])
            return True
        except ServiceUnavailable:
            return False

    def wait_for_more(self) -> None:
        until = len(self.acknowledged) + ENOUGH
        wait_until(lambda: len(self.acknowledged) >= until, timeout=90, what="More orders")


@contextmanager
def posting(market: LocalMarket, folder: Path, urls: list[str]) -> Iterator[Poster]:
    program = folder / "never.py"
    program.write_text("print('never')")
    with market.client() as client:
        config = client.config()
        job = prepare_job(program, (), runtimes=runtimes_of(config), requirements=NOWHERE)
        upload_job(client, job)
        first, domain = client.next_salt(market.addresses[RENTER]), client.domain()
    common = {"renter": market.addresses[RENTER], "market": config["market"], "resources": RESOURCES}
    bids = [build_bid(job, max_price=10_000, salt=first + number, **common) for number in range(400)]
    poster = Poster(market, urls, bids, job.spec, domain)
    thread = Thread(target=poster.run)
    thread.start()
    try:
        yield poster
    finally:
        poster.stopping.set()
        thread.join(60)


@pytest.mark.timeout(400)
def test_orders_placed_all_through_a_rolling_restart_are_there_once_each(market, tmp_path):
    port = free_port()
    environment = {**market.process(MARKET)._env, "COMPUTEHIVE_MARKET_PORT": str(port)}
    new = ManagedProcess("new", (*HIVE, "market", "up"), tmp_path / "new.log", env=environment)
    urls = [market.url, f"http://127.0.0.1:{port}"]
    with new, posting(market, tmp_path, urls) as poster:
        with MarketClient(f"http://127.0.0.1:{port}") as client:
            new.wait_ready(lambda: is_served(client), 120)
        poster.wait_for_more()
        os.kill(market.process(MARKET).command_pid, signal.SIGTERM)
        assert market.process(MARKET).wait(60) == 128 + signal.SIGTERM, "ended in order, then by the signal's name"
        poster.wait_for_more()
        wait_until(lambda: roles_of(market, new) == set(WORKERS), timeout=60, what="The new one has all roles")
        placed = [bid_hash for (bid_hash,) in rows(market, "SELECT bid_hash FROM bids")]
        assert len(poster.acknowledged) >= 2 * ENOUGH and poster.refused >= 1, "the old process was really gone"
        assert set(poster.acknowledged) <= set(placed) <= {bid.struct_hash() for bid in poster.bids}
        assert len(set(placed)) == len(placed)


def rows(market: LocalMarket, query: str) -> list[tuple]:
    with closing(sqlite3.connect(market.folder / "market" / "market.db")) as database:
        return database.execute(query).fetchall()


def roles_of(market: LocalMarket, process: ManagedProcess) -> set[str]:
    """What the process does at present."""
    held = rows(market, "SELECT role, holder FROM duties WHERE until > 0")
    return {role for role, holder in held if holder.split(" ")[1] == str(process.command_pid)}


def is_served(client: MarketClient) -> bool:
    try:
        return client.health()["status"] == "ok"
    except ServiceUnavailable:
        return False
