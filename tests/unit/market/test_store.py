"""The database, either one: all or nothing, one writer, and what was written comes back as it was."""

from threading import Event, Thread

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.pool import NullPool
from sqlmodel import col, select

from marketplace.adapters.store.engines import translated
from marketplace.adapters.store.tables import NodeRow
from marketplace.domain.chain import BlockRef
from marketplace.domain.outbox import OutboxKind
from marketplace.errors import ServiceUnavailable
from marketplace.protocol.enums import CancelKind
from tests.fakes.databases import BOTH, POSTGRES, needs_postgres, open_database
from tests.fakes.postgres import run_sql
from tests.fakes.world import RENTER, World


@pytest.fixture(params=BOTH)
def world(request, tmp_path):
    return World(tmp_path, database=request.param)


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


AWKWARD = {"z": "a\x00b", "a": "\ud800", "wide": 2**200, "whole": 1.0, "large": 1e16, "nested": [{"ü": None}]}


def test_documents_come_back_as_they_were_with_their_keys_in_order(world):
    """JSONB would order the keys anew, and takes neither NUL nor half a surrogate pair."""
    with world.market.store.write() as tx:
        item = tx.outbox.add(OutboxKind.CANCEL, AWKWARD, 1)
    with world.market.store.read() as tx:
        found = tx.outbox.get(item).payload
    assert found == AWKWARD and list(found) == list(AWKWARD)
    assert [type(one) for one in found.values()] == [type(one) for one in AWKWARD.values()]


def test_as_many_blobs_as_a_group_of_orders_can_name_are_looked_up(world):
    """PostgreSQL takes 65,535 values in a statement; seventy jobs may have a thousand inputs each."""
    named = [f"0x{number:064x}" for number in range(70_000)]
    with world.market.store.write() as tx:
        tx.forgetting.doom([named[-1]])
    with world.market.store.read() as tx:
        assert tx.forgetting.find(named) == {named[-1]: None}


def test_whole_numbers_have_64_bits(world):
    with world.market.store.write() as tx:
        tx.blocks.add(BlockRef(2**63 - 1, "0x", 2**63 - 2))
    with world.market.store.read() as tx:
        assert tx.blocks.last() == BlockRef(2**63 - 1, "0x", 2**63 - 2)


def test_text_with_nul_is_looked_for_without_an_error_and_kept_readable(world):
    job_id = world.submit()
    with world.market.store.write() as tx:
        tx.bids.set_reason(job_id, "refused\x00by the node")
    with world.market.store.read() as tx:
        assert tx.bids.get("0x\x00") is None
        assert tx.bids.get(job_id).reason == "refused\ufffdby the node"


def test_a_reader_sees_one_state_however_often_it_looks(world):
    with world.market.store.read() as tx:
        before = tx.rounds.last(), tx.bids.highest_salt(RENTER.address)
        thread = Thread(target=world.submit)
        thread.start()
        thread.join(30)
        assert (tx.rounds.last(), tx.bids.highest_salt(RENTER.address)) == before
    with world.market.store.read() as tx:
        assert tx.bids.highest_salt(RENTER.address) > before[1]


def test_a_writer_sees_what_the_writer_before_it_left(world, tmp_path):
    """Of another process: the second one waits, and reads only after that."""
    first, second = world.market.store, world.restarted().store
    began, seen = Event(), []

    def add_one() -> None:
        began.set()
        with second.write() as tx:
            seen.append(tx.outbox.get(1))

    with first.write() as tx:
        tx.outbox.add(OutboxKind.CANCEL, {}, 1)
        thread = Thread(target=add_one)
        thread.start()
        assert began.wait(10)
        thread.join(0.3)
        assert thread.is_alive() and seen == []
    thread.join(30)
    assert seen[0].kind is OutboxKind.CANCEL


@needs_postgres
def test_a_server_that_went_away_is_said_to_be_and_the_next_transaction_finds_it_again(tmp_path):
    """Sessions that an administrator, or a restart of the server, has ended."""
    database = open_database(tmp_path, POSTGRES)
    with database.read():
        name = database._engine.url.database
    with pytest.raises(ServiceUnavailable), database.write() as tx:
        run_sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        tx.blocks.last()
    with database.write() as tx:
        assert tx.blocks.last() is None


@pytest.mark.parametrize("kind", BOTH)
def test_order_by_text_is_by_bytes_on_both(tmp_path, kind):
    """Addresses are mixed case: a server's own language would sort them otherwise."""
    database = open_database(tmp_path, kind)
    given = ["0xB", "0xa", "0xb", "0xA"]
    with database.write() as tx:
        for name in given:
            tx.asks.seen(name, at=1, drains_by=1)
    with database._reading() as session:
        assert list(session.exec(select(NodeRow.agent).order_by(col(NodeRow.agent)))) == sorted(given)


def test_a_busy_file_is_said_to_be_busy_and_a_broken_statement_is_a_bug(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'market.db'}", connect_args={"timeout": 0.05}, poolclass=NullPool)
    with engine.connect() as first, engine.connect() as second:
        first.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(ServiceUnavailable), translated():
            second.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError), translated():
            first.exec_driver_sql("SELECT * FROM nowhere")


def test_a_row_that_breaks_a_rule_is_a_bug_whatever_its_columns_are_called(tmp_path):
    """Bids have a column `locked`, and so has SQLite's message about it."""
    engine = create_engine(f"sqlite:///{tmp_path / 'market.db'}", poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE bids (locked INTEGER NOT NULL)")
        with pytest.raises(IntegrityError, match="locked"), translated():
            connection.exec_driver_sql("INSERT INTO bids VALUES (NULL)")
