"""A market of several processes on one PostgreSQL: one serves, two share the work, and one of these is killed."""

import pytest

from marketplace.cli.localmarket import LocalMarket
from marketplace.client.waiting import wait_until
from marketplace.domain.chain import LeaseOpened
from tests.fakes.databases import POSTGRES, close_databases, database_at, needs_postgres
from tests.fakes.postgres import run_sql
from tests.integration.local import assert_every_micro_usdc_is_accounted_for, finish, is_open, plan, submit

WORKERS = ("worker-a", "worker-b")
ROLES = ("outbox", "clearing", "follower", "seals", "settlement")

pytestmark = needs_postgres


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    yield database_at(tmp_path_factory.mktemp("database"), POSTGRES)
    close_databases()


@pytest.fixture(scope="module")
def market(database, tmp_path_factory):
    made = plan(market_settings={"DATABASE_URL": database}, workers=WORKERS)
    with LocalMarket(made, tmp_path_factory.mktemp("market")) as market:
        market.start()
        yield market


def rows(database: str, query: str) -> list[tuple]:
    return run_sql(query, database.partition("?")[0].rpartition("/")[2])


def holders(pids: dict[int, str], database: str) -> dict[str, str]:
    """Which process has each role."""
    found = rows(database, "SELECT role, split_part(holder, ' ', 2) FROM duties WHERE until > 0")
    return {role: pids.get(int(pid), "somebody else") for role, pid in found}


@pytest.mark.timeout(400)
def test_jobs_are_paid_once_each_whoever_of_the_workers_is_killed(market, database, tmp_path):
    """The whole life of a job, then of one in whose middle the process ends that sends its transactions."""
    pids = {market.process(name).command_pid: name for name in WORKERS}
    jobs = [submit(market, tmp_path, "print('whole')")]
    assert finish(market, jobs[0], timeout=120)["state"] == "paid"
    assert set(holders(pids, database).values()) <= set(WORKERS), "the process that serves has none"

    jobs.append(submit(market, tmp_path, "print(sum(i * i for i in range(300_000)))"))
    wait_until(
        lambda: rows(database, "SELECT count(*) FROM matches")[0][0] == 2, timeout=60, what="The second job's round"
    )
    victim = holders(pids, database)["outbox"]
    market.process(victim).kill()
    jobs.append(submit(market, tmp_path, "print('meanwhile')"))
    for job_id in jobs[1:]:
        assert finish(market, job_id, timeout=120)["state"] == "paid"
    (other,) = set(WORKERS) - {victim}
    wait_until(lambda: {holders(pids, database)[role] for role in ROLES} == {other}, timeout=30, what="The other")

    opened = [event for event in chain_events(market) if isinstance(event, LeaseOpened)]
    assert len(opened) == len(jobs) and not any(is_open(market.reader(), event.lease_id) for event in opened)
    sent = rows(database, "SELECT kind, state, tx_hash FROM outbox")
    assert {state for _, state, _ in sent} == {"done"}
    assert len({tx_hash for *_, tx_hash in sent}) == len(sent)
    assert_every_micro_usdc_is_accounted_for(market)


def chain_events(market) -> list:
    reader = market.reader()
    return reader.events(market.book.deployed_at_block, reader.head().number)
