"""Who clears holds a lock, among threads, and on PostgreSQL among processes: of two rounds at once one is in vain."""

from threading import Event, Thread

import pytest

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
