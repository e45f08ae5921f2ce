"""Roles of several processes on one database: each is one's at a time, and nobody's work counts after its time."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from marketplace.adapters.store.duties import Duties, started
from marketplace.adapters.store.engines import url_of
from marketplace.adapters.store.tables import DutyRow
from marketplace.client.waiting import wait_until
from marketplace.domain.outbox import OutboxKind, OutboxState
from marketplace.domain.roles import API, WORKERS, parse_roles
from marketplace.errors import ConflictError, InputError
from marketplace.services.clear_round import run_round
from marketplace.services.show_job import show_job
from marketplace.services.workers import STEPS, Workers
from scripts.toolchain import ROOT
from tests.fakes.databases import BOTH, POSTGRES, database_at, needs_postgres, open_database
from tests.fakes.worker import JOB
from tests.fakes.world import World


@pytest.fixture(params=BOTH)
def two(request, tmp_path):
    """Two processes' views of one database."""
    return [open_database(tmp_path, request.param, duty_seconds=0.3) for _ in range(2)]


def test_a_role_is_one_processs_at_a_time(two):
    assert two[0].take_duty("outbox") and not two[1].take_duty("outbox")
    assert two[0].take_duty("outbox"), "it has it already"
    assert two[1].take_duty("seals"), "another role"


def test_what_a_process_writes_after_another_took_its_role_over_is_refused_whole(two):
    """It was stopped for a while, say, and believes that it goes on where it was."""
    assert two[0].take_duty("outbox")
    time.sleep(0.35)
    with two[0].on_duty("outbox"), two[0].write() as tx:
        tx.outbox.add(OutboxKind.CANCEL, {}, 1)  # late, but nobody else has it
    assert two[1].take_duty("outbox")
    with pytest.raises(ConflictError, match="outbox"), two[0].on_duty("outbox"), two[0].write() as tx:
        tx.outbox.add(OutboxKind.CANCEL, {}, 2)
    with two[0].write() as tx:
        tx.outbox.add(OutboxKind.CANCEL, {}, 3)  # a request's, of no role
    with two[1].read() as tx:
        assert [item.created_at for item in tx.outbox.unfinished()] == [1, 3]


def test_a_role_that_is_renewed_is_kept_beyond_its_time(two):
    assert two[0].take_duty("outbox")
    for _ in range(4):
        time.sleep(0.1)
        assert two[0].renew_duties() == {"outbox"}
    assert not two[1].take_duty("outbox")
    assert two[1].renew_duties() == frozenset()


def test_a_role_that_is_left_is_to_be_had_at_once(two):
    assert two[0].take_duty("outbox")
    two[0].leave_duties()
    assert two[1].take_duty("outbox")


@pytest.mark.parametrize("kind", BOTH)
def test_the_role_of_a_process_that_died_on_this_machine_is_to_be_had_at_once(tmp_path, kind):
    database = open_database(tmp_path, kind)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    space, _, _, unique = Duties().holder.split(" ")
    hold(database, f"{space} {child.pid} {started(child.pid)} {unique}")
    assert not database.take_duty("outbox"), "it lives"
    child.kill()
    child.communicate(timeout=10)
    assert database.take_duty("outbox")


@pytest.mark.parametrize("kind", BOTH)
def test_of_a_process_elsewhere_nothing_is_known_until_its_time_is_over(tmp_path, kind):
    database = open_database(tmp_path, kind)
    hold(database, f"another-machine/1 {2**22} 0.0 unique")
    assert not database.take_duty("outbox")
    hold(database, f"another-machine/1 {2**22} 0.0 unique", until=time.time() - 1)
    assert database.take_duty("outbox")


def hold(database, holder: str, until: float | None = None) -> None:
    with database._session() as session:
        session.merge(DutyRow(role="outbox", holder=holder, until=until or time.time() + 60))


@needs_postgres
@pytest.mark.timeout(240)
def test_of_several_processes_of_which_some_are_killed_every_item_is_done_once(tmp_path):
    database = open_database(tmp_path, POSTGRES)
    address = url_of(database_at(tmp_path, POSTGRES)).render_as_string(hide_password=False)
    workers = {
        name: subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.worker", address, name], cwd=ROOT, stdout=subprocess.PIPE
        )
        for name in ("a", "b", "c")
    }
    try:
        for worker in workers.values():
            assert worker.stdout.readline() == b"ready\n"
        with database.write() as tx:
            items = [tx.outbox.add(OutboxKind.CANCEL, {}, 1) for _ in range(80)]
        wait_until(lambda: len(doers(database)) > 10, timeout=30, what="Some items")
        first = doers(database)[0]
        os.kill(workers[first].pid, signal.SIGSTOP)  # it believes that it has the role when it goes on
        wait_until(lambda: set(doers(database)) - {first}, timeout=30, what="Another's item")
        (second,) = set(doers(database)) - {first}
        os.kill(workers[first].pid, signal.SIGCONT)
        workers[second].kill()
        workers[second].wait(10)
        wait_until(lambda: len(doers(database)) == len(items), timeout=60, what="All items")
    finally:
        for worker in workers.values():
            worker.kill()
            worker.communicate(timeout=10)
    with database.read() as tx:
        assert [one["detail"]["item"] for one in tx.timeline.of(JOB)] == items
        assert {tx.outbox.get(item).state for item in items} == {OutboxState.DONE}
    assert len(set(doers(database))) >= 2


def doers(database) -> list[str]:
    with database.read() as tx:
        return [one["detail"]["by"] for one in tx.timeline.of(JOB)]


# --- the market's workers ---------------------------------------------------------------------------------------------


def test_every_worker_has_a_step():
    assert tuple(STEPS) == WORKERS


@pytest.mark.parametrize("kind", BOTH)
def test_two_processes_workers_share_the_work_and_one_goes_on_where_the_other_ends(tmp_path, kind):
    world = World(tmp_path, database=kind)
    world.offer()
    first, second = Workers(world.market), Workers(world.restarted(), ["follower", "outbox"])
    first.start()
    wait_until(lambda: len(holders(world)) == len(WORKERS), timeout=20, what="The roles")
    second.start()
    job_id = world.submit()
    wait_until(lambda: show_job(world.market, job_id)["state"] == "running", timeout=30, what="The first lease")
    before = holders(world)
    first.stop()
    wait_until(lambda: holders(world)["outbox"] != before["outbox"], timeout=20, what="The second to take over")
    job_id = world.submit()
    run_round(world.market)
    wait_until(lambda: show_job(world.market, job_id)["state"] == "running", timeout=30, what="The second lease")
    second.stop()
    assert len(set(before.values())) == 1 and holders(world)["clearing"] == before["clearing"]


def holders(world) -> dict[str, str]:
    from sqlmodel import select

    with world.market.store._reading() as session:
        return {row.role: row.holder for row in session.exec(select(DutyRow))}


# --- who is woken -----------------------------------------------------------------------------------------------------


def listening(database):
    """`database`, once it hears of other processes: its first look for what it may have missed is over."""
    heard = threading.Event()
    database.listen(lambda words: heard.set())
    assert not is_postgresql(database) or heard.wait(30)
    return database


def is_postgresql(database) -> bool:
    return database._engine.dialect.name == "postgresql"


def test_what_is_committed_wakes_the_role_that_waits_for_it_in_every_process(two):
    """On SQLite processes do not hear of each other; the looks that go on by themselves find it there."""
    is_heard = is_postgresql(two[0])
    waiting = [listening(one).subscribe("outbox") for one in two]
    others = [one.subscribe("settlement") for one in two]
    with two[0].write() as tx:
        tx.outbox.add(OutboxKind.CANCEL, {}, 1)
    assert waiting[0].wait(5)
    assert waiting[1].wait(5 if is_heard else 0.1) == is_heard
    assert not any(woken.is_set() for woken in others)


def test_who_waits_while_a_process_begins_to_hear_of_others_looks_for_what_it_may_have_missed(two):
    woken = two[0].subscribe("settlement")
    assert woken.wait(30 if is_postgresql(two[0]) else 0.1) == is_postgresql(two[0])


def test_the_follower_looks_at_once_when_a_transaction_of_the_markets_own_moves_on(two):
    woken = listening(two[0]).subscribe("follower")
    with two[0].write() as tx:
        tx.outbox.add(OutboxKind.CANCEL, {}, 1)
    assert woken.wait(5)


def test_nobody_is_woken_by_what_is_not_committed(two):
    woken = listening(two[0]).subscribe("outbox")
    with pytest.raises(RuntimeError), two[0].write() as tx:
        tx.outbox.add(OutboxKind.CANCEL, {}, 1)
        raise RuntimeError("half way")
    assert not woken.wait(0.2)


def test_nobody_is_woken_by_what_was_so_already(two):
    with two[0].write() as tx:
        item = tx.outbox.add(OutboxKind.CANCEL, {}, 1)
    woken = listening(two[0]).subscribe("outbox")
    with two[0].write() as tx:
        tx.outbox.update(item, error="")
    assert not woken.wait(0.2)
    with two[0].write() as tx:
        tx.outbox.update(item, error="refused")
    assert woken.wait(5)


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("all", {API, *WORKERS}),
        ("api", {API}),
        ("workers", set(WORKERS)),
        ("follower, outbox", {"follower", "outbox"}),
        ("api,seals", {API, "seals"}),
    ],
)
def test_roles_are_named_alone_or_together(text, roles):
    assert parse_roles(text) == roles


@pytest.mark.parametrize("text", ["", "everything", "api,", "Outbox"])
def test_an_unknown_role_is_refused_with_those_that_there_are(text):
    with pytest.raises(InputError, match="follower"):
        parse_roles(text)
