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


def test_verdicts_given_in_the_open_are_asked_for_again_sealed_and_nothing_else_is_lost(tmp_path):
    """From the third version to the fourth: what is still to be judged is, by the rules of today."""
    former = tmp_path / "former"
    former.mkdir()
    for _, file in migrations()[:3]:
        (former / file.name).write_text(file.read_text())
    migrate(tmp_path / "market.db", former)
    connection = sqlite3.connect(tmp_path / "market.db")
    for number, (verification, closed) in enumerate([(0, None), (1, None), (2, None), (0, 9)]):
        _former_lease(connection, f"0x{number}", verification, closed)
    for state in ("proposed", "settling", "settled"):
        connection.execute("INSERT INTO batches VALUES (?, '[]', ?, '', 1, 1)", (state, state))
    connection.commit()
    connection.close()
    migrate(tmp_path / "market.db")
    with Database(tmp_path / "market.db").read() as tx:
        assert [one.lease_id for one in tx.seals.unconcluded()] == ["0x0", "0x1"]
        assert tx.seals.judgement("0x0").attested_at == 5
        assert tx.evidence.verdicts("0x0") == [] and tx.seals.of_lease("0x0") == []
        assert {digest: tx.batches.get(digest).state.value for digest in ("proposed", "settling", "settled")} == {
            "proposed": "failed",
            "settling": "settling",
            "settled": "settled",
        }


def _former_lease(connection: sqlite3.Connection, lease_id: str, verification: int, closed: int | None) -> None:
    """As much of an attested and judged lease as the migration looks at."""
    rows = {
        "bids": {"bid_hash": lease_id, "bid": f'{{"verification": {verification}}}', "job_spec": "{}"},
        "leases": {"lease_id": lease_id, "bid_hash": lease_id, "closed_block": closed},
        "attestations": {"lease_id": lease_id, "attestation": "{}", "manifest": "{}", "received_at": 5},
        "verdicts": {"lease_id": lease_id, "oracle": "0xo", "verdict": "{}"},
    }
    for table, given in rows.items():
        columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
        needed = {
            name: 0 if kind == "INTEGER" else "" for _, name, kind, required, *_, key in columns if required and not key
        }
        values = needed | given
        names = ", ".join(f'"{name}"' for name in values)
        connection.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(values))})", [*values.values()])
