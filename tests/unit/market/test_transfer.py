"""A market moves from one database to the other with everything, counted and compared, and goes on there."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from marketplace.adapters.store import Database, transfer, url_of
from marketplace.adapters.store.engines import open_for_migration
from marketplace.adapters.store.migrate import migrate
from marketplace.adapters.store.schema import METADATA
from marketplace.adapters.store.transfer import LEFT_OUT, CopiedTable, copy_to
from marketplace.errors import ConflictError, ServiceUnavailable
from marketplace.protocol.enums import Outcome
from marketplace.services.verify_ledger import verify_ledger
from tests.fakes.databases import POSTGRES, SQLITE, database_at, empty_database_at, needs_postgres
from tests.fakes.world import World

pytestmark = needs_postgres
WAYS = [(SQLITE, POSTGRES), (POSTGRES, SQLITE), (SQLITE, SQLITE)]


@pytest.fixture(params=WAYS, ids=lambda way: "-to-".join(way))
def way(request, tmp_path_factory):
    """A market that has done something, and an empty database."""
    kind, other = request.param
    world = World(tmp_path_factory.mktemp("old"), database=kind)
    lease_id = world.open_lease()
    world.attest(lease_id, "naïve \0 \U0001f600\n".encode())
    world.judge(lease_id, outcome=int(Outcome.PAID))
    world.sign_batches()
    world.drain()
    folder = tmp_path_factory.mktemp("new")
    return world, url_of(database_at(world.folder, kind)), url_of(empty_database_at(folder, other)), folder, other


def count_of(url) -> dict[str, int]:
    with open_for_migration(url) as connection:
        names = [one.name for one in METADATA.sorted_tables]
        return {name: connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar() for name in names}


def test_every_table_arrives_counted_and_with_the_same_digest_both_ways(way, tmp_path):
    _, source, target, *_ = way
    before = count_of(source)
    copied = copy_to(source, target)
    assert {one.name: one.rows for one in copied} == {name: before[name] for name in before if name not in LEFT_OUT}
    assert {one.name for one in copied if one.rows} >= {"bids", "asks", "leases", "timeline", "transcripts", "verdicts"}
    assert count_of(target)["history"] == 1, "both may go on, and give the same numbers"
    back = copy_to(target, url_of(tmp_path / "back.db"))
    assert back == copied
    assert all(isinstance(one, CopiedTable) and one.digest.startswith("0x") for one in copied)


def test_the_market_goes_on_from_the_copy(way):
    world, source, target, folder, kind = way
    world.market.store.close()
    copy_to(source, target)
    world.folder, world.database = folder, kind
    blobs = world.market.blobs
    world.market = world.restarted()
    assert verify_ledger(world.market).is_equal
    world.market = replace(world.market, blobs=blobs)
    second = world.open_lease()
    with world.market.store.read() as tx:
        assert tx.leases.get(second) is not None and len(tx.leases.open()) == 1


def test_numbers_of_rows_that_are_gone_are_not_given_again(way):
    _, source, target, folder, kind = way
    with open_for_migration(source) as connection:
        last = connection.execute(text("SELECT max(id) FROM timeline")).scalar()
        connection.execute(text("DELETE FROM timeline"))
    copy_to(source, target)
    store = Database(Path(target.database) if kind == SQLITE else database_at(folder, kind))
    try:
        with store.write() as tx:
            tx.timeline.add("0x1", 1, "noted")
            assert tx.timeline.of("0x1")[0]["id"] == last + 1
    finally:
        store.close()


def test_a_target_with_rows_is_left_as_it_is(way):
    _, source, target, *_ = way
    copy_to(source, target)
    before = count_of(target)
    with pytest.raises(ConflictError, match="has rows"):
        copy_to(source, target)
    assert count_of(target) == before


def test_a_row_that_does_not_arrive_undoes_all(way, monkeypatch):
    _, source, target, *_ = way
    lines = transfer._line
    seen: list[object] = []

    def damaged(row):
        seen.append(row)
        return lines(row) if len(seen) != 20 else b"another"

    monkeypatch.setattr(transfer, "_line", damaged)
    with pytest.raises(ServiceUnavailable, match="not the same"):
        copy_to(source, target)
    assert {name: count for name, count in count_of(target).items() if count} == {"log_frontier": 1}, "as it was made"


def test_a_market_at_work_is_not_copied(way):
    world, source, target, *_ = way
    assert world.market.store.take_duty("outbox")
    with pytest.raises(ConflictError, match="outbox"):
        copy_to(source, target)
    with open_for_migration(target) as connection:
        assert "bids" not in inspect(connection).get_table_names()


def test_a_database_of_an_older_revision_is_not_copied(tmp_path):
    old = url_of(tmp_path / "old.db")
    migrate(old, "0011")
    with pytest.raises(ConflictError, match="hive market migrate"):
        copy_to(old, url_of(tmp_path / "new.db"))
    assert not Path(tmp_path / "new.db").exists()


def test_a_database_is_not_copied_to_itself(tmp_path):
    with pytest.raises(ConflictError, match="same database"):
        copy_to(url_of(tmp_path / "a.db"), url_of(tmp_path / "a.db"))
