"""Many threads write together: each is answered for what it brought, and nobody before it is stored."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from marketplace.errors import NotFound, ServiceUnavailable
from marketplace.services.group_commit import MOST_AT_ONCE, GroupCommit
from tests.fakes.waiting import wait_for

SECONDS = 20


class Disk:
    """Keeps what is written, in the groups in which it came; the first write lasts until it is let go."""

    def __init__(self) -> None:
        self.groups: list[list[object]] = []
        self.is_free, self.has_begun = threading.Event(), threading.Event()

    def write(self, items):
        self.groups.append(list(items))
        self.has_begun.set()
        assert self.is_free.wait(SECONDS)
        return [f"stored {item}" for item in items]


@pytest.fixture
def pool():
    with ThreadPoolExecutor(16) as threads:
        yield threads


def begin(pool, group, write, first, others):
    """Futures: `first` is being written alone, and `others` have come meanwhile, in their order."""
    disk = Disk()
    futures = [pool.submit(group.submit, first, disk.write)]
    assert disk.has_begun.wait(SECONDS)
    for at, items in enumerate(others, 1):
        futures.append(pool.submit(group.submit, items, write))
        wait_for(lambda so_many=at: len(group._queue) == so_many)
    assert not any(one.done() for one in futures), "nobody is answered while nothing is stored"
    disk.is_free.set()
    return futures


def results(futures):
    return [one.exception(SECONDS) or one.result(SECONDS) for one in futures]


def test_who_comes_while_a_write_is_under_way_is_written_with_all_who_wait(pool):
    disk, group = Disk(), GroupCommit()
    disk.is_free.set()
    futures = begin(pool, group, disk.write, ["a"], [["b"], ["c", "d"], ["e"]])
    assert results(futures) == [["stored a"], ["stored b"], ["stored c", "stored d"], ["stored e"]]
    assert [sorted(one) for one in disk.groups] == [["b", "c", "d", "e"]]


def test_a_write_that_is_refused_is_refused_to_its_whole_group_and_to_no_later_one(pool):
    disk, group = Disk(), GroupCommit()
    disk.is_free.set()

    def refuse(items):
        raise ServiceUnavailable("The database does not answer.")

    assert [type(one) for one in results(begin(pool, group, refuse, ["a"], [["b"], ["c"]]))] == [
        list, ServiceUnavailable, ServiceUnavailable,
    ]  # fmt: skip
    assert group.submit(["d"], disk.write) == ["stored d"]


def test_a_defect_that_one_item_meets_does_not_fail_the_others(pool):
    stored = []

    def write(items):
        if "bad" in items:
            raise ZeroDivisionError(str(items))
        stored.extend(items)
        return items

    futures = begin(pool, GroupCommit(), write, ["a"], [["b"], ["bad"], ["c"]])
    assert [type(one) for one in results(futures)] == [list, list, ZeroDivisionError, list]
    assert sorted(stored) == ["b", "c"]


def test_nobody_waits_for_more_items_than_a_group_may_have_and_more_come_alone(pool):
    disk, group = Disk(), GroupCommit()
    disk.is_free.set()
    many, few = [0] * (MOST_AT_ONCE - 1), [1, 1]
    results(begin(pool, group, disk.write, ["a"], [many, few]))
    assert sorted(map(len, disk.groups)) == [2, MOST_AT_ONCE - 1]
    assert len(group.submit([0] * (MOST_AT_ONCE + 1), disk.write)) == MOST_AT_ONCE + 1


def test_many_threads_are_each_told_of_their_own(pool):
    group = GroupCommit()

    def write(items):
        return [ServiceUnavailable("x") if item % 7 == 0 else item * 2 for item in items]

    def bring(number):
        (outcome,) = group.submit([number], write)
        return isinstance(outcome, ServiceUnavailable) if number % 7 == 0 else outcome == number * 2

    assert all(pool.map(bring, range(2_000)))


def test_an_end_of_the_writing_thread_is_no_defect_to_be_tried_again_and_leaves_nobody_waiting(pool):
    tried = []

    def write(items):
        tried.append(items)
        raise KeyboardInterrupt

    futures = begin(pool, GroupCommit(), write, ["a"], [["b"], ["c"]])
    assert [type(one) for one in results(futures)] == [list, KeyboardInterrupt, KeyboardInterrupt]
    assert len(tried) == 1


def test_a_refusal_names_its_own_class():
    with pytest.raises(NotFound):
        GroupCommit().submit([1], lambda items: (_ for _ in ()).throw(NotFound("node", "0x")))
