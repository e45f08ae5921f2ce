"""The audit log: in it with the act or not at all, and never rewritten unnoticed."""

import json
import time
from dataclasses import replace

import pytest
from sqlalchemy import event, text

from marketplace.adapters.store.engines import open_for_migration, url_of
from marketplace.errors import LogMismatch, MarketError, NotFound, ServiceUnavailable
from marketplace.protocol.audit_log import (
    LogEntry,
    LogKind,
    SignedHead,
    parse_hashes,
    require_entry,
    require_growth,
    require_log,
)
from marketplace.protocol.canonical import canonical_json
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.merkle_log import Frontier, hash_leaf
from marketplace.protocol.messages import Cancel
from marketplace.services.audit_log import find_entries, list_entries, prove_entry, prove_growth, show_head
from marketplace.services.cancel_order import cancel_order
from marketplace.services.prune import prune_all
from tests.fakes.databases import BOTH, database_at
from tests.fakes.world import DOMAIN, OPERATOR, RENTER, World
from tests.unit.market.test_prune import age, keeping, paid_lease


@pytest.fixture(params=BOTH)
def world(request, tmp_path) -> World:
    return World(tmp_path, database=request.param)


def entries_of(market) -> list[LogEntry]:
    with market.store.read() as tx:
        return tx.log.page(0, 1_000)


def head_of(market):
    return SignedHead.parse(show_head(market)).require_signed(OPERATOR.address, DOMAIN)


def kinds(world) -> list[str]:
    return [one.kind for one in entries_of(world.market)]


def grow(world, count: int) -> None:
    for number in range(count):
        with world.market.store.write() as tx:
            tx.log.add(LogKind.STARTED, number, "", {"number": number})


def rewrite(world, index: int, alter) -> None:
    """What an operator with the database at hand does: another entry, and every hash that follows from it."""
    entries = [one.to_json() for one in entries_of(world.market)]
    alter(entries[index])
    frontier, rows = Frontier(), []
    for entry in entries:
        canonical = canonical_json(entry)
        frontier, completed = frontier.append(hash_leaf(canonical))
        rows.append({"entry": canonical.decode(), "nodes": b"".join(completed), "position": entry["index"]})
    change = text("UPDATE log_entries SET entry = :entry, nodes = :nodes WHERE position = :position")
    with open_for_migration(url_of(database_at(world.folder, world.database))) as connection:
        connection.execute(change, rows)
        connection.execute(text("UPDATE log_frontier SET peaks = :peaks"), {"peaks": frontier.to_bytes()})


def test_what_a_market_does_is_in_its_log_in_order(world):
    world.open_lease()
    cancelled = world.submit()
    cancel = Cancel(signer=RENTER.address, kind=CancelKind.BID, salt=world.salts[RENTER.address])
    cancel_order(world.market, cancel, cancel.sign(DOMAIN, RENTER.key))
    expected = ["ask_accepted", "bid_accepted", "round_recorded", "transaction_signed", "bid_accepted"]
    assert kinds(world) == [*expected, "order_cancelled"]
    last = entries_of(world.market)[-1]
    assert (last.subject, last.detail) == (cancelled, {"signer": RENTER.address})
    with world.market.store.read() as tx:
        sent = tx.outbox.get(1)
    found = find_entries(world.market, sent.tx_hash)["entries"]
    assert [one["detail"] for one in found] == [{"kind": "open", "outbox": 1, "nonce": sent.nonce}]


def test_an_act_that_is_not_committed_is_not_in_the_log(world):
    with pytest.raises(RuntimeError), world.market.store.write() as tx:
        tx.log.add(LogKind.STARTED, 1)
        raise RuntimeError
    assert kinds(world) == []
    world.submit()
    assert [one.index for one in entries_of(world.market)] == [0]


def test_an_order_that_is_placed_again_is_entered_once(world):
    bid = world.bid()
    assert world.submit(bid) == world.submit(bid)
    assert kinds(world) == ["bid_accepted"]


def test_every_entry_is_proven_by_its_receipt_and_every_log_to_be_the_beginning_of_later_ones(world):
    heads = [head_of(world.market)]
    for _ in range(12):
        grow(world, 1)
        heads.append(head_of(world.market))
    for index in range(12):
        receipt = prove_entry(world.market, index)
        head = SignedHead.parse(receipt).require_signed(OPERATOR.address, DOMAIN)
        require_entry(LogEntry.parse(receipt["entry"]), parse_hashes(receipt["path"], "path"), head)
    for second in heads:
        for first in heads[: second.size + 1]:
            shown = prove_growth(world.market, first.size, second.size)
            require_growth(first, second, parse_hashes(shown["path"], "path"))
    require_log(entries_of(world.market), heads[-1], *heads)


def test_two_processes_of_one_market_write_one_log(world):
    other = World(world.folder, database=world.database)
    for market in (world.market, other.market, world.market):
        with market.store.write() as tx:
            tx.log.add(LogKind.STARTED, 5)
            tx.log.add(LogKind.STARTED, 6)
    assert [one.index for one in entries_of(other.market)] == list(range(6))
    require_log(entries_of(other.market), head_of(world.market))


def test_an_altered_row_is_found_by_its_receipt_and_by_the_downloaded_log(world):
    grow(world, 7)
    with open_for_migration(url_of(database_at(world.folder, world.database))) as connection:
        entry = connection.execute(text("SELECT entry FROM log_entries WHERE position = 3")).scalar_one()
        altered = {"entry": json.dumps(json.loads(entry) | {"at": 99})}
        connection.execute(text("UPDATE log_entries SET entry = :entry WHERE position = 3"), altered)
    receipt = prove_entry(world.market, 3)
    with pytest.raises(LogMismatch, match="Entry 3"):
        require_entry(LogEntry.parse(receipt["entry"]), parse_hashes(receipt["path"], "path"), head_of(world.market))
    with pytest.raises(LogMismatch, match="altered"):
        require_log(entries_of(world.market), head_of(world.market))


@pytest.mark.parametrize("index", range(7))
def test_a_history_that_is_rewritten_with_all_its_hashes_is_found_by_whoever_kept_a_head(world, index):
    grow(world, 7)
    kept = head_of(world.market)
    rewrite(world, index, lambda entry: entry.update(at=99))
    grow(world, 4)
    now = head_of(world.market)
    require_log(entries_of(world.market), now)  # it is whole by itself: only what was kept tells
    with pytest.raises(LogMismatch, match="first 7 entries"):
        require_log(entries_of(world.market), now, kept)
    path = parse_hashes(prove_growth(world.market, kept.size, now.size)["path"], "path")
    with pytest.raises(LogMismatch, match="rewritten"):
        require_growth(kept, now, path)


def test_a_log_that_was_cut_or_has_a_gap_is_found(world):
    grow(world, 5)
    entries, head = entries_of(world.market), head_of(world.market)
    for wrong in (entries[:-1], entries[1:], [*entries[:2], *entries[3:]], []):
        with pytest.raises(LogMismatch):
            require_log(wrong, head)
    shorter = head.model_copy(update={"size": 3})
    with pytest.raises(LogMismatch, match="cut"):
        require_growth(head, shorter, [])


def test_a_head_that_another_signed_is_none_of_the_market(world):
    grow(world, 1)
    signed = SignedHead.parse(show_head(world.market))
    forged = SignedHead(signed.head, signed.head.sign(DOMAIN, RENTER.key))
    with pytest.raises(LogMismatch, match="was signed by"):
        forged.require_signed(OPERATOR.address, DOMAIN)
    longer = SignedHead(signed.head.model_copy(update={"size": 2}), signed.signature)
    with pytest.raises(MarketError):
        longer.require_signed(OPERATOR.address, DOMAIN)


def test_what_is_not_there_cannot_be_proven(world):
    grow(world, 2)
    for ask in (lambda: prove_entry(world.market, 2), lambda: prove_growth(world.market, 1, 3)):
        with pytest.raises(NotFound):
            ask()
    with pytest.raises(MarketError, match="only grows"):
        prove_growth(world.market, 2, 1)
    assert find_entries(world.market, "0x" + "77" * 32) == {"entries": []}


def test_entries_come_in_pages_that_say_where_the_next_begins(world):
    grow(world, 5)
    first, last = list_entries(world.market, 0, 3), list_entries(world.market, 3, 3)
    assert ([one["index"] for one in first["entries"]], first["next"]) == ([0, 1, 2], 3)
    assert ([one["index"] for one in last["entries"]], last["next"]) == ([3, 4], None)


def test_a_process_without_the_key_says_so_instead_of_an_unsigned_head(world):
    with pytest.raises(ServiceUnavailable, match="no key"):
        show_head(replace(world.market, signer=None))


def test_an_entry_costs_the_same_however_long_the_log_is(world):
    """Rows read and written by a transaction: the frontier once, and the entries themselves."""
    statements = []
    grow(world, 100)
    with world.market.store.write() as tx:
        connection = tx.log._session.connection()
        event.listen(
            connection, "before_cursor_execute", lambda _, __, said, given, ___, many: statements.append((said, many))
        )
        for number in range(50):
            tx.log.add(LogKind.STARTED, number)
    about = [(said.split()[0], many) for said, many in statements if "log_" in said]
    assert about == [("SELECT", False), ("INSERT", True), ("UPDATE", False)]


def test_hashing_an_entry_takes_microseconds():
    """A bound far above the few that were measured: a busy machine passes, a tree that is computed anew does not."""
    frontier = Frontier(2**40 - 1, tuple(bytes([number]) * 32 for number in range(40)))
    started = time.process_time()
    for number in range(2_000):
        frontier, _ = frontier.append(hash_leaf(str(number).encode()))
        frontier.to_bytes()
    assert (time.process_time() - started) / 2_000 < 500e-6


def test_what_retention_forgets_stays_proven(world):
    """Entries and their nodes are never forgotten, also those about orders that are."""
    paid_lease(world)
    kept = [prove_entry(world.market, index) for index in range(len(entries_of(world.market)))]
    before = head_of(world.market)
    age(world, 100)
    keeping(world)
    assert prune_all(world.market).rows
    assert len(entries_of(world.market)) == before.size == len(kept)
    for index, receipt in enumerate(kept):
        shown = prove_entry(world.market, index)
        assert (shown["entry"], shown["path"]) == (receipt["entry"], receipt["path"])
    require_log(entries_of(world.market), head_of(world.market), before)
