"""Migrations: from any version that there was, up and down with everything in it, by one process at a time."""

import subprocess
import sys
from contextlib import contextmanager

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import JSON, create_engine, inspect, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from marketplace.adapters.store import Database
from marketplace.adapters.store.engines import open_engine, open_for_migration, url_of
from marketplace.adapters.store.history import apply_scripts, read_version, scripts
from marketplace.adapters.store.migrate import current_revision, migrate, revisions
from marketplace.adapters.store.schema import METADATA, TABLES
from marketplace.errors import InputError, ServiceUnavailable, SettingsError
from marketplace.services.clear_round import run_round
from scripts.toolchain import ROOT
from tests.fakes.databases import BOTH, database_at, empty_database_at, needs_postgres
from tests.fakes.world import World

NEW_IN_11 = {"outbox_hashes", "duties"}
NEW_SINCE = {"forgotten_blobs", "cursors", "log_entries", "log_frontier", "workflows", "workflow_bids"} | {
    "sessions",
    "api_keys",
    "webhooks",
    "deliveries",
    "exits",
    "history",
}
NEWER_COLUMNS = {"bids.not_before", "bids.notice_seconds", "bids.locked", "leases.closed_at"}
"""Which revision 0010 lacks."""
MIGRATE = "import sys; from marketplace.adapters.store import Database; Database(sys.argv[1]).close()"


@pytest.fixture(params=BOTH)
def empty(request, tmp_path):
    """A database without any table."""
    return url_of(empty_database_at(tmp_path, request.param))


@contextmanager
def connected(url):
    """A connection whose transaction comes to nothing."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def contents(url, tables=TABLES, *, without=()) -> dict[str, list[tuple]]:
    """Every row of every table, documents as text."""
    with connected(url) as connection:
        rows = {
            table.name: connection.exec_driver_sql(_query(table, without)).all()
            for table in tables
            if table.name not in NEW_IN_11 | NEW_SINCE
        }
    return {name: [tuple(row) for row in found] for name, found in rows.items()}


def _query(table, without) -> str:
    columns = ", ".join(_as_text(one) for one in table.columns if str(one) not in without)
    return f'SELECT {columns} FROM "{table.name}" ORDER BY 1, 2'


def _as_text(column) -> str:
    return f'CAST("{column.name}" AS TEXT)' if isinstance(column.type, JSON) else f'"{column.name}"'


def differences(connection) -> list:
    """Between the schema that the program declares and the database's; types as this database spells them."""

    def differ(_, __, ___, found, declared) -> bool:
        return found.compile(connection.dialect) != declared.compile(connection.dialect)

    options = {"include_object": lambda _, name, *__: name != "schema_version", "compare_type": differ}
    found = compare_metadata(MigrationContext.configure(connection, opts=options), METADATA)
    flat = [one for each in found for one in (each if isinstance(each, list) else [each])]
    return [one for one in flat if not _is_key_without_null(one)]


def _is_key_without_null(one: tuple) -> bool:
    """SQLite's `INTEGER PRIMARY KEY` is never NULL, and not declared to be."""
    return one[0] == "modify_nullable" and METADATA.tables[one[2]].columns[one[3]].primary_key


def test_the_migrations_make_exactly_the_schema_that_the_program_declares(empty):
    migrate(empty)
    with connected(empty) as connection:
        assert differences(connection) == []


def test_a_difference_between_schema_and_database_would_be_found(empty):
    migrate(empty)
    with connected(empty) as connection:
        connection.execute(text("DROP INDEX bids_by_state"))
        connection.execute(text("ALTER TABLE bids DROP COLUMN not_before"))
        connection.execute(text("ALTER TABLE nodes RENAME COLUMN last_seen TO seen"))
        found = {one[0] for one in differences(connection)}
    assert found == {"add_index", "add_column", "remove_column"}


def test_revisions_are_numbered_without_a_gap_from_where_the_scripts_end():
    assert [int(one) for one in revisions()] == list(range(len(scripts()), len(scripts()) + len(revisions())))


def test_migrating_twice_changes_nothing(empty):
    assert migrate(empty) == migrate(empty) == revisions()[-1]


def test_processes_that_start_at_once_migrate_once(empty):
    address = empty.render_as_string(hide_password=False)
    command = [sys.executable, "-c", MIGRATE, address]
    started = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) for _ in range(2)]
    ended = [(one.communicate(timeout=90)[1], one.returncode) for one in started]
    assert [code for _, code in ended] == [0, 0], ended
    with open_for_migration(empty) as connection:
        assert current_revision(connection) == revisions()[-1]
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1


@pytest.mark.parametrize("version", range(3, 11))
def test_what_any_former_program_kept_in_its_database_is_there_afterwards(tmp_path, version):
    """The third version began anew, so what is kept is kept since then."""
    url = url_of(tmp_path / "market.db")
    former_database(tmp_path, version)
    with open_for_migration(url) as connection:
        insert(connection, "nodes", agent="0xa", last_seen=7)
        spec = '{"args":["a\\u0000b"],"schedule":{"notBefore":2000,"preemptionNoticeSeconds":null}}'
        insert(connection, "bids", bid_hash="0xb", bid='{"z":1,"a":18446744073709551615}', job_spec=spec)
        insert(connection, "outbox", tx_hash="0x2", replaced='["0x1"]', payload="{}", state="sent", kind="open")
    migrate(url)
    with open_for_migration(url) as connection:
        assert connection.exec_driver_sql("SELECT agent, last_seen FROM nodes").all() == [("0xa", 7)]
        assert connection.exec_driver_sql("SELECT bid, job_spec, not_before FROM bids").all() == [
            ('{"z":1,"a":18446744073709551615}', spec, 2000)
        ]
        assert read_version(connection) == int(revisions()[-1]), "what an older program looks at"
    database = Database(tmp_path / "market.db")
    with database.read() as tx:
        assert {tx.outbox.of_transaction(one).id for one in ("0x1", "0x2")} == {1}
        assert tx.outbox.of_transaction("0x3") is None
    database.close()


@pytest.mark.parametrize("kind", BOTH)
def test_down_and_up_again_with_a_market_in_it_loses_nothing(tmp_path, kind):
    world = World(tmp_path, database=kind)
    world.attest(world.open_lease())
    world.submit(world.bid(max_price=1))
    run_round(world.market)
    url = url_of(database_at(tmp_path, kind))
    before = contents(url)
    known = contents(url, without=NEWER_COLUMNS)
    assert all(before[name] for name in ("bids", "asks", "rounds", "outbox", "matches", "leases", "attestations"))
    world.market.store.close()
    assert migrate(url, "0010") == "0010"
    assert contents(url, without=NEWER_COLUMNS) == known
    migrate(url)
    assert contents(url) == before
    with world.restarted().store.read() as tx:
        item = tx.outbox.get(1)
        assert item.tx_hash and tx.outbox.of_transaction(item.tx_hash) == item


def test_nothing_leads_back_behind_the_first_revision_and_none_is_guessed(empty):
    migrate(empty)
    with pytest.raises(InputError, match="0009"):
        migrate(empty, "0009")
    assert migrate(empty) == revisions()[-1]


@pytest.mark.parametrize("kind", BOTH)
def test_a_database_of_a_newer_program_is_left_alone(tmp_path, kind):
    where = database_at(tmp_path, kind)
    migrate(url_of(where))
    with open_for_migration(url_of(where)) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0999'")
    with pytest.raises(SettingsError, match="0999"):
        Database(where)


def test_an_sqlite_database_of_a_newer_program_without_alembic_is_left_alone(tmp_path):
    former_database(tmp_path, 10)
    with open_for_migration(url_of(tmp_path / "market.db")) as connection:
        connection.exec_driver_sql("INSERT INTO schema_version VALUES (999, 0)")
    with pytest.raises(SettingsError, match="999"):
        Database(tmp_path / "market.db")


def test_numbered_scripts_are_applied_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "numbered"
    folder.mkdir()
    (folder / "0001_one.sql").write_text("CREATE TABLE one (id INTEGER);\n")
    (folder / "0002_two.sql").write_text("CREATE TABLE two (id INTEGER);\nCREATE TABLE one (id INTEGER);\n")
    url = url_of(tmp_path / "market.db")
    with pytest.raises(OperationalError, match="already exists"), connected(url) as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        apply_scripts(connection, folder)
    with connected(url) as connection:
        assert inspect(connection).get_table_names() == []


def test_a_gap_between_the_numbers_of_scripts_is_a_defect(tmp_path):
    for name in ("0001_one.sql", "0003_three.sql"):
        (tmp_path / name).write_text("")
    with pytest.raises(SettingsError, match="1, 2, 3"):
        scripts(tmp_path)


@pytest.mark.parametrize("wrong", ["mysql://localhost/x", "market.db", "postgresql://localhost", "sqlite://"])
def test_another_database_is_refused_with_what_is_expected(wrong):
    with pytest.raises(SettingsError, match="postgresql"):
        url_of(wrong)


def test_verdicts_given_in_the_open_are_asked_for_again_sealed_and_nothing_else_is_lost(tmp_path):
    """From the third version to the fourth: what is still to be judged is, by the rules of today."""
    former_database(tmp_path, 3)
    with open_for_migration(url_of(tmp_path / "market.db")) as connection:
        for number, (verification, closed) in enumerate([(0, None), (1, None), (2, None), (0, 9)]):
            _former_lease(connection, f"0x{number}", verification, closed)
        for state in ("proposed", "settling", "settled"):
            connection.exec_driver_sql("INSERT INTO batches VALUES (?, '[]', ?, '', 1, 1)", (state, state))
    database = Database(tmp_path / "market.db")
    with database.read() as tx:
        assert tx.seals.to_judge("0xoracle") == ["0x0", "0x1"]
        assert tx.seals.judgement("0x0").attested_at == 5
        assert tx.evidence.verdicts("0x0") == [] and tx.seals.of_lease("0x0") == []
        assert {digest: tx.batches.get(digest).state.value for digest in ("proposed", "settling", "settled")} == {
            "proposed": "failed",
            "settling": "settling",
            "settled": "settled",
        }
    database.close()


@needs_postgres
def test_a_database_that_is_away_is_said_to_be():
    with pytest.raises(ServiceUnavailable, match="refused") as caught:
        migrate(url_of("postgresql://market:its-password@127.0.0.1:1/hive"))
    assert "its-password" not in str(caught.value)


def test_without_a_driver_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(SettingsError, match=r"computehive\[postgres\]"):
        open_engine(url_of("postgresql://localhost/hive"))


def former_database(folder, version: int) -> None:
    """The SQLite file as a program left it that knew so many versions."""
    former = folder / "former"
    former.mkdir()
    for _, file in scripts()[:version]:
        (former / file.name).write_text(file.read_text())
    with open_for_migration(url_of(folder / "market.db")) as connection:
        apply_scripts(connection, former)


def insert(connection, table: str, **given) -> None:
    """A row with something in every column that must have it."""
    columns = connection.exec_driver_sql(f"PRAGMA table_info({table})").all()
    needed = {
        name: 0 if kind == "INTEGER" else "{}" if kind == "JSON" else ""
        for _, name, kind, required, default, key in columns
        if required and not key and default is None
    }
    values = needed | given
    names = ", ".join(f'"{name}"' for name in values)
    marks = ", ".join("?" * len(values))
    connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))


def _former_lease(connection, lease_id: str, verification: int, closed: int | None) -> None:
    """As much of an attested and judged lease as the migration looks at."""
    insert(connection, "bids", bid_hash=lease_id, bid=f'{{"verification": {verification}}}', job_spec="{}")
    insert(connection, "leases", lease_id=lease_id, bid_hash=lease_id, closed_block=closed)
    insert(connection, "attestations", lease_id=lease_id, received_at=5)
    insert(connection, "verdicts", lease_id=lease_id, oracle="0xo")
