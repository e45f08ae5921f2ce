"""How old a replica's view is at most, how parties are remembered, and what is refused before any server is asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.adapters.store import Database
from marketplace.adapters.store.replicas import Marks, Replica
from marketplace.api import views
from marketplace.api.views import Seen
from marketplace.domain.views import View
from marketplace.errors import SettingsError
from tests.fakes.databases import needs_postgres

STEPS = st.lists(st.tuples(st.floats(0.01, 10), st.integers(0, 5)), min_size=1, max_size=40)


@given(STEPS, st.integers(0, 250), st.floats(0, 20))
def test_a_view_is_never_taken_for_newer_than_it_is(steps, position, limit):
    """The primary moves by each step's count in each step's seconds; what it has passed is as old as that moment."""
    now, here = 0.0, 0
    marks, history = Marks(lambda: now), []
    for seconds, count in steps:
        now, here = now + seconds, here + count
        marks.add(now, here)
        history.append((now, here))
    left_at = next((at for at, mark in history if mark > position), None)
    reached = any(mark <= position for _, mark in history)
    age = marks.age(position)
    assert (age is not None) == reached
    if left_at is not None and age is not None:
        assert age >= now - left_at
    assert marks.is_within(position, limit) == (age is not None and age <= limit)


def test_a_primary_whose_history_goes_back_is_another_one():
    marks = Marks(lambda: 10.0)
    marks.add(1.0, 500)
    marks.add(9.0, 100)
    assert marks.age(200) == 1.0, "what the first one had says nothing of the second"
    assert marks.age(50) is None


def test_a_party_is_remembered_with_the_newest_and_who_was_silent_longest_is_forgotten(monkeypatch):
    monkeypatch.setattr(views, "MOST_PARTIES", 2)
    seen = Seen()
    seen.note("a", 7)
    seen.note("a", 5)
    assert seen.of("a") == 7
    seen.note("b", 1)
    seen.note("a", 8)
    seen.note("c", 2)
    assert [seen.of(each) for each in "abc"] == [8, 0, 2]


def test_a_market_on_sqlite_has_no_replicas(tmp_path):
    with pytest.raises(SettingsError, match="SQLite has no replicas"):
        Database(tmp_path / "market.db", replicas=["postgresql://db/hive"])


@needs_postgres
@pytest.mark.parametrize("url", ["sqlite:///market.db", "mysql://user:secret@db/hive", "postgresql://db", "nonsense"])
def test_an_address_that_is_no_replicas_is_refused_by_its_place_and_not_repeated(url):
    with pytest.raises(SettingsError, match="READ_DATABASE_URL: address 2 ") as caught:
        Replica(url, 2)
    assert "secret" not in str(caught.value)


def test_without_replicas_every_view_is_the_primarys_and_has_no_position(tmp_path):
    store = Database(tmp_path / "market.db")
    view = View(needs=5)
    with store.viewing(view), store.look() as tx:
        assert tx.asks.live() == []
    assert (view.shown, view.is_old, store.position, store.replicas(), store.views()) == (0, False, 0, (), {})
    store.close()
