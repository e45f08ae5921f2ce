"""The drill: a market at work is backed up, goes on, is lost with its disk, and is restored from the older backup."""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from marketplace.cli.localmarket import PASSWORD, LocalMarket
from marketplace.cli.localplan import HIVE
from marketplace.client.waiting import wait_until
from marketplace.devnet import free_port
from marketplace.domain.chain import LeaseOpened
from marketplace.errors import NotFound, ServiceUnavailable
from marketplace.protocol.jobspec import Requirements
from tests.integration.local import (
    MARKET,
    RESOURCES,
    assert_every_micro_usdc_is_accounted_for,
    finish,
    is_open,
    plan,
    submit,
)

LONG = "total = 0\nfor i in range(3_000_000): total += i * i\nprint(total)"
NOWHERE = Requirements(regions=("nowhere",))
COMMAND_SECONDS = 120


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    with LocalMarket(plan(), tmp_path_factory.mktemp("market")) as market:
        market.start()
        yield market


def hive_market(market: LocalMarket, *words: object, **changes: object) -> subprocess.CompletedProcess[str]:
    """`hive market …` with the settings of the market's own process, but for `changes`."""
    settings = {
        "RPC_URL": market.devnet.rpc_url,
        "ADDRESS_BOOK": str(market.devnet.address_book),
        "OPERATOR_KEYSTORE": str(market.wallets[MARKET].path),
        "PASSWORD": PASSWORD,
        "DATA_DIR": str(market.folder / "market"),
        "PORT": market.url.rpartition(":")[2],
    }
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COMPUTEHIVE_")}
    environment |= {f"COMPUTEHIVE_MARKET_{name}": str(value) for name, value in (settings | changes).items()}
    return subprocess.run(
        [*HIVE, "market", *map(str, words)], env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS
    )


def rows(market: LocalMarket, query: str) -> list[tuple]:
    with closing(sqlite3.connect(market.folder / "market" / "market.db")) as database:
        return database.execute(query).fetchall()


def transactions_of_the_market(market: LocalMarket) -> int:
    return market.contracts().web3.eth.get_transaction_count(market.addresses[MARKET])


def calls_of_the_market(market: LocalMarket) -> list[str]:
    """What each of its transactions says, none of them failed."""
    eth = market.contracts().web3.eth
    blocks = (eth.get_block(number, full_transactions=True) for number in range(eth.block_number + 1))
    own = [one for block in blocks for one in block["transactions"] if one["from"] == market.addresses[MARKET]]
    assert all(eth.get_transaction_receipt(one["hash"])["status"] == 1 for one in own)
    return [one["input"].hex() for one in own]


def leases_on_chain(market: LocalMarket) -> list[LeaseOpened]:
    reader = market.reader()
    events = reader.events(market.book.deployed_at_block, reader.head().number)
    return [event for event in events if isinstance(event, LeaseOpened)]


def back_up(market: LocalMarket, folder: Path) -> None:
    ran = hive_market(market, "backup", folder)
    assert ran.returncode == 0, ran.stderr
    assert "Backed up to" in ran.stderr


def lose(market: LocalMarket) -> None:
    """Process and disk, with no word to anybody."""
    market.process(MARKET).kill()
    shutil.rmtree(market.folder / "market")


@pytest.mark.timeout(550)
def test_a_market_restored_from_an_old_backup_has_all_that_is_on_chain_and_sends_nothing_twice(market, tmp_path):
    """What was paid stays paid once, what ran is paid, what was opened meanwhile is known; an unfilled bid is lost."""
    before = submit(market, tmp_path, "print('before')")
    assert finish(market, before, timeout=120)["state"] == "paid"
    during = submit(market, tmp_path, LONG, resources=replace(RESOURCES, fuel=300_000_000_000, seconds=200))
    with market.client() as client:
        wait_until(lambda: client.job(during)["leases"] != [], timeout=60, what="The lease of the job")
    back_up(market, tmp_path / "backup")

    after = submit(market, tmp_path, "print('after')")
    assert finish(market, after, timeout=120)["state"] == "paid"
    unfilled = submit(market, tmp_path, "print('never')", requirements=NOWHERE)
    lose(market)
    opened, sent = leases_on_chain(market), transactions_of_the_market(market)

    ran = hive_market(market, "restore", tmp_path / "backup")
    assert ran.returncode == 0, ran.stderr
    assert f"of {len(opened)} leases what the chain says" in ran.stderr
    assert transactions_of_the_market(market) == sent, "a restore sends nothing"
    market.process(MARKET).start()
    with market.client() as client:
        wait_until(lambda: is_served(client), timeout=90, what="The restored market")
        for job_id in (after, unfilled):  # the lease of the first is known, its job specification is not
            with pytest.raises(NotFound):
                client.job(job_id)
        assert client.job(before)["state"] == "paid"
    job = finish(market, during, timeout=240)
    assert (job["state"], len(job["leases"])) == ("paid", 1)
    (lease,) = (event for event in opened if event.bid_hash == after)
    stage = rows(market, f"SELECT stage, paid IS NOT NULL FROM leases WHERE lease_id = '{lease.lease_id}'")
    assert stage == [("paid", 1)]

    again = submit(market, tmp_path, "print('again')")
    assert finish(market, again, timeout=120)["state"] == "paid"
    assert sorted(event.bid_hash for event in leases_on_chain(market)) == sorted([before, during, after, again])
    assert not any(is_open(market.reader(), event.lease_id) for event in leases_on_chain(market))
    hashes = [tx_hash for (tx_hash,) in rows(market, "SELECT tx_hash FROM outbox WHERE tx_hash != ''")]
    assert len(set(hashes)) == len(hashes)
    sent_by_both = calls_of_the_market(market)
    assert len(sent_by_both) == transactions_of_the_market(market) <= 2 * len(leases_on_chain(market))
    assert len(set(sent_by_both)) == len(sent_by_both), "the lost market and the restored one did the same"
    assert_every_micro_usdc_is_accounted_for(market)
    ran = hive_market(market, "rebuild", "--verify")
    assert ran.returncode == 0 and "Equal" in ran.stderr, ran.stderr


@pytest.mark.timeout(300)
def test_a_running_market_is_not_restored_over_and_a_drill_beside_it_proves_its_backup(market, tmp_path):
    back_up(market, tmp_path / "backup")
    ran = hive_market(market, "restore", tmp_path / "backup")
    assert ran.returncode == 6 and "answers at" in ran.stderr
    ran = hive_market(market, "restore", tmp_path / "backup", DATA_DIR=tmp_path / "drill", PORT=free_port())
    assert ran.returncode == 0 and "Equal" in ran.stderr, ran.stderr
    with closing(sqlite3.connect(tmp_path / "drill" / "market.db")) as database:
        ((name,),) = database.execute("SELECT name FROM history").fetchall()
    assert name, "ids of events are other ones from here on"


def is_served(client) -> bool:
    try:
        return client.health()["status"] == "ok"
    except ServiceUnavailable:
        return False
