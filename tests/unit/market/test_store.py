"""The database: migrated by number, equal to the tables that the program declares, all or nothing."""

import sqlite3

import pytest
from sqlalchemy import create_engine, inspect
from sqlmodel import SQLModel

from marketplace.adapters.store import Database
from marketplace.adapters.store.migrate import migrate, migrations
from marketplace.errors import SettingsError
from marketplace.protocol.enums import CancelKind
from tests.fakes.world import RENTER


def test_the_migrations_make_exactly_the_declared_tables(tmp_path):
    migrate(tmp_path / "market.db")
    found = inspect(create_engine(f"sqlite:///{tmp_path / 'market.db'}"))
    declared = {table.name: {column.name for column in table.columns} for table in SQLModel.metadata.sorted_tables}
    actual = {name: {column["name"] for column in found.get_columns(name)} for name in found.get_table_names()}
    actual.pop("schema_version")
    assert actual == declared
    for table in SQLModel.metadata.sorted_tables:
        nullable = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        keys = found.get_pk_constraint(table.name)["constrained_columns"]
        assert {column.name for column in table.primary_key.columns} == set(keys)
        for column in table.columns:
            assert column.primary_key or nullable[column.name] == column.nullable, (table.name, column.name)


def test_migrating_twice_changes_nothing(tmp_path):
    assert migrate(tmp_path / "market.db") == migrate(tmp_path / "market.db") == len(migrations())


def test_each_migration_is_applied_once_and_whole(tmp_path):
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_one.sql").write_text("CREATE TABLE one (id INTEGER);\n")
    (folder / "0002_two.sql").write_text("CREATE TABLE two (id INTEGER);\nCREATE TABLE one (id INTEGER);\n")
    with pytest.raises(sqlite3.OperationalError):
        migrate(tmp_path / "market.db", folder)
    with sqlite3.connect(tmp_path / "market.db") as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert connection.execute("SELECT max(version) FROM schema_version").fetchone() == (1,)
    connection.close()
    assert "two" not in tables


def test_a_database_of_a_newer_program_is_left_alone(tmp_path):
    migrate(tmp_path / "market.db")
    with sqlite3.connect(tmp_path / "market.db") as connection:
        connection.execute("INSERT INTO schema_version VALUES (999, 0)")
    connection.close()
    with pytest.raises(SettingsError, match="999"):
        Database(tmp_path / "market.db")


def test_a_write_that_fails_leaves_nothing(world):
    with pytest.raises(RuntimeError, match="half way"), world.market.store.write() as tx:
        tx.blocks.add_cancellation(RENTER.address, CancelKind.BID, 5, block=None)
        raise RuntimeError("half way")
    with world.market.store.read() as tx:
        assert not tx.blocks.is_cancelled(world.bid(salt=5))


def test_a_second_write_inside_a_write_is_a_bug_and_says_so(world):
    with world.market.store.write(), pytest.raises(RuntimeError), world.market.store.write():
        pass


@pytest.mark.parametrize(
    ("kind", "bids", "asks"),
    [(CancelKind.BID, {7}, set()), (CancelKind.BIDS_BEFORE, {5, 6}, set()), (CancelKind.ASKS_BEFORE, set(), {5, 6})],
)
def test_a_cancel_is_kept_with_what_it_voids(world, kind, bids, asks):
    with world.market.store.write() as tx:
        tx.blocks.add_cancellation(RENTER.address, kind, 7, block=None)
    with world.market.store.read() as tx:
        assert {salt for salt in (5, 6, 7, 8) if tx.blocks.is_cancelled(world.bid(salt=salt))} == bids
        mine = [world.ask(provider=RENTER.address, salt=salt) for salt in (5, 6, 7, 8)]
        assert {ask.salt for ask in mine if tx.blocks.is_cancelled(ask)} == asks
        assert not tx.blocks.is_cancelled(world.ask(salt=5)), "another provider's"
