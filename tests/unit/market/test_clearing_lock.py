"""Who clears holds a lock, among threads, and on PostgreSQL among processes: of two rounds at once one is in vain."""

import time
from threading import Event, Thread

import pytest

from marketplace.adapters.store.clearing_lock import PATIENCE_SECONDS
from tests.fakes.databases import BOTH, POSTGRES, needs_postgres, open_database


def entered(lock) -> tuple[Thread, Event]:
    """A thread that wants the lock, and whether it has it."""
    has_it = Event()

    def enter() -> None:
        with lock:
            has_it.set()

    thread = Thread(target=enter)
    thread.start()
    return thread, has_it


@pytest.mark.parametrize("kind", BOTH)
def test_one_thread_clears_at_a_time_and_may_begin_again_within(tmp_path, kind):
    lock = open_database(tmp_path, kind).clearing
    with lock:
        with lock:
            pass
        thread, has_it = entered(lock)
        assert not has_it.wait(0.3)
    assert has_it.wait(10)
    thread.join(10)


@needs_postgres
def test_one_process_clears_at_a_time(tmp_path):
    first, second = (open_database(tmp_path, POSTGRES).clearing for _ in range(2))
    with first:
        with first:
            pass
        thread, has_it = entered(second)
        assert not has_it.wait(0.3), "the inner end has not given it up"
    assert has_it.wait(10)
    thread.join(10)


@needs_postgres
def test_a_round_that_fails_leaves_the_lock(tmp_path):
    first, second = (open_database(tmp_path, POSTGRES).clearing for _ in range(2))
    with pytest.raises(RuntimeError), first:
        raise RuntimeError("half way")
    thread, has_it = entered(second)
    assert has_it.wait(10)
    thread.join(10)


@needs_postgres
def test_a_holder_that_stands_still_stops_no_other_for_long(tmp_path):
    """It was stopped, or its machine lost its power: a round beside it is refused where both come to an end."""
    first, second = (open_database(tmp_path, POSTGRES) for _ in range(2))
    with first.clearing:
        began = time.monotonic()
        for _ in range(2):
            with second.clearing:
                waited = time.monotonic() - began
        assert PATIENCE_SECONDS <= waited < 14
        with first._engine.connect() as connection:
            assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "15s", "what others wait stays as it was"
    with second._engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "15s"


@needs_postgres
def test_the_server_is_told_to_end_connections_of_machines_that_are_gone(tmp_path):
    """Over a socket, as here, it shows none of it, so what is asked of it is read off the connection."""
    database = open_database(tmp_path, POSTGRES)
    with database.clearing:
        given = database.clearing._connection.connection.dbapi_connection.info.get_parameters()["options"]
    settings = dict(one.split("=") for one in given.split("-c ")[1:])
    idle, interval = (int(settings[f"tcp_keepalives_{name}"].strip(" s")) for name in ("idle", "interval"))
    assert idle + interval * int(settings["tcp_keepalives_count"]) == 15
