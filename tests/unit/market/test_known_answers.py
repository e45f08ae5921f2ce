"""What is asked again and again is made once, and never answered from a state that is over, whoever wrote."""

from threading import Thread

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from marketplace.errors import WrongSigner
from marketplace.services.known_answers import MOST_ANSWERS, KnownAnswers
from marketplace.services.show_lease import list_batches, list_claims, list_leases
from marketplace.services.show_market import show_cluster
from marketplace.services.show_oracles import list_reveals
from marketplace.services.workers import ASK_THE_DATABASE_ALONE, Workers
from tests.fakes.databases import BOTH
from tests.fakes.world import ORACLES, RENTER, World


@pytest.fixture(params=BOTH)
def world(request, tmp_path):
    return World(tmp_path, database=request.param)


def see_life(market, at: int = 1) -> None:
    with market.store.write() as tx:
        tx.asks.seen(RENTER.address, at)


def test_an_answer_is_made_once_as_long_as_nothing_is_committed(world):
    made = []
    for _ in range(3):
        assert world.market.answer("key", lambda: made.append(1) or len(made)) == 1
    assert world.market.answer("another", lambda: "other") == "other"


@pytest.mark.parametrize("by", ["this process", "another process"])
def test_an_answer_is_over_with_the_next_commit_whoever_wrote(world, by):
    writer = world.market if by == "this process" else world.restarted()
    assert world.market.answer("key", lambda: "before") == "before"
    see_life(writer)
    assert world.market.answer("key", lambda: "after") == "after"


def test_a_write_that_came_to_nothing_is_no_commit(world):
    before = world.market.store.version()
    with pytest.raises(RuntimeError), world.market.store.write() as tx:
        tx.asks.seen(RENTER.address, 1)
        raise RuntimeError("half way")
    with world.market.store.read() as tx:
        assert tx.asks.last_seen(RENTER.address) == 0
    see_life(world.market)
    assert world.market.store.version() != before


def test_what_is_not_committed_yet_is_in_no_answer(world):
    """Nor does an answer that is made beside it outlive the commit."""

    def read() -> int:
        with world.market.store.read() as tx:
            return tx.asks.last_seen(RENTER.address)

    seen = []
    with world.market.store.write() as tx:
        tx.asks.seen(RENTER.address, 7)
        other = Thread(target=lambda: seen.append(world.market.answer("seen", read)))
        other.start()
        other.join(30)
    assert seen == [0]
    assert world.market.answer("seen", read) == 7


def test_an_answer_is_over_with_its_second(world):
    assert world.market.answer("key", lambda: "before") == "before"
    world.chain.mine(1)
    assert world.market.answer("key", lambda: "after") == "after"


def test_what_cannot_be_made_is_tried_again_and_only_so_much_is_kept():
    answers = KnownAnswers()
    with pytest.raises(ZeroDivisionError):
        answers.get(1, "key", lambda: 1 // 0)
    assert answers.get(1, "key", lambda: None) is None
    assert answers.get(1, "key", lambda: "again") is None, "nothing is an answer, too"
    for number in range(2 * MOST_ANSWERS):
        answers.get(1, number, lambda: "first")
    assert [answers.get(1, number, lambda: "second") for number in (0, 2 * MOST_ANSWERS - 1)] == ["first", "second"]


def test_an_answer_that_was_begun_before_a_commit_is_not_given_after_it():
    answers = KnownAnswers()

    def slow() -> str:
        assert answers.get(2, "key", lambda: "new") == "new"  # another thread, after the commit
        return "old"

    assert answers.get(1, "key", slow) == "old"
    assert answers.get(2, "key", lambda: "newer") in ("new", "newer")


def test_lists_are_as_new_as_the_database(world):
    """Each of them twice before the work begins, and again whenever something happened."""
    oracle = ORACLES[0].address

    def look() -> list[int]:
        market = world.market
        lists = list_leases(market)["leases"], list_claims(market, oracle)["claims"]
        lists += list_reveals(market, oracle)["reveals"], list_batches(market, oracle)["batches"]
        return [show_cluster(market)["rounds"], *map(len, lists)]

    assert look() == look() == [0, 0, 0, 0, 0]
    lease_id = world.open_lease()
    assert look() == look() == [1, 1, 0, 0, 0]
    world.attest(lease_id)
    assert look() == look() == [1, 1, 1, 0, 0]


def test_who_is_no_oracle_is_refused_whatever_is_known(world):
    list_claims(world.market, ORACLES[0].address)
    for ask in (list_claims, list_reveals, list_batches):
        with pytest.raises(WrongSigner):
            ask(world.market, RENTER.address)


@pytest.mark.parametrize("role", sorted(ASK_THE_DATABASE_ALONE))
def test_a_worker_that_found_nothing_looks_again_once_something_was_written_or_the_second_is_over(world, role, request):
    workers, read = Workers(world.market, [role]), []
    workers._look(role)
    told = Session, "do_orm_execute", read.append
    event.listen(*told)
    request.addfinalizer(lambda: event.remove(*told))

    def looks() -> bool:
        before = len(read)
        workers._look(role)
        return len(read) > before

    assert not looks()
    see_life(world.market)
    assert looks() and not looks()
    world.chain.mine(1)
    assert looks() and not looks()
