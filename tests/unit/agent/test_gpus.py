"""GPUs of one machine among its jobs."""

import threading

import pytest

from agent.adapters.gpus import GpuPool
from marketplace.errors import AgentError


def test_no_two_jobs_at_once_have_the_same_gpu():
    pool = GpuPool(["a", "b", "c"])
    with pool.take(2) as first, pool.take(1) as second:
        assert set(first) | set(second) == {"a", "b", "c"} and not set(first) & set(second)


def test_gpus_come_back_however_the_job_ended():
    pool = GpuPool(["a"])
    with pytest.raises(RuntimeError), pool.take(1):
        raise RuntimeError("the job failed")
    with pool.take(1) as again:
        assert again == ["a"]


def test_job_that_wants_more_than_are_free_is_told_how_many_there_are():
    pool = GpuPool(["a"])
    with pool.take(1), pytest.raises(AgentError, match="1 GPUs; 0 are free"), pool.take(1):
        pass


def test_many_jobs_at_once_never_share():
    pool, seen, errors = GpuPool([str(n) for n in range(8)]), set(), []
    lock = threading.Lock()

    def work():
        for _ in range(200):
            with pool.take(2) as own:
                with lock:
                    errors.extend(seen & set(own))
                    seen.update(own)
                with lock:
                    seen.difference_update(own)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []


def test_job_without_gpus_takes_none():
    with GpuPool([]).take(0) as none:
        assert none == []
