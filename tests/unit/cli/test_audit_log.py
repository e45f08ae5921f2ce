"""`hive audit` against a real market: what is kept is checked, and what was rewritten is found."""

import json

import pytest

from marketplace.api.app import build_app
from marketplace.cli import context
from marketplace.cli.output import clock_time
from marketplace.client import MarketClient
from tests.fakes.databases import close_databases, only_sqlite
from tests.fakes.http import AppTransport
from tests.fakes.world import OPERATOR, RENTER, World
from tests.unit.market.test_audit_log import grow, rewrite


@pytest.fixture
def world(tmp_path, home, monkeypatch):
    world = World(tmp_path)
    app = build_app(world.market, with_workers=False)
    monkeypatch.setattr(
        context.Market, "client", lambda self: MarketClient("http://market.test", transport=AppTransport(app))
    )
    yield world
    close_databases()


def test_a_receipt_of_an_order_is_kept_and_verified_offline(hive, world, tmp_path, monkeypatch):
    job, file = world.submit(), tmp_path / "receipt.json"
    shown = hive("audit", "receipt", job, "--out", str(file))
    assert shown.code == 0 and "bid_accepted" in shown.out and RENTER.address in shown.out, shown.err
    monkeypatch.delenv("COMPUTEHIVE_URL")
    told = hive("audit", "verify", str(file), "--operator", OPERATOR.address)
    assert (told.code, told.out) == (0, "Entry 0 (bid_accepted) is in the log of 1 entries.\n"), told.err


def test_a_receipt_that_was_altered_proves_nothing(hive, world, tmp_path):
    file = tmp_path / "receipt.json"
    hive("audit", "receipt", world.submit(), "--out", str(file))
    document = json.loads(file.read_text())
    document["entry"]["at"] += 1
    file.write_text(json.dumps(document))
    told = hive("audit", "verify", str(file))
    assert told.code == 10 and "Entry 0 is not in the log" in told.err


def test_two_heads_are_shown_to_be_of_one_log_that_grew(hive, world, tmp_path):
    first, second, log = (str(tmp_path / name) for name in ("first", "second", "log"))
    grow(world, 3)
    assert hive("audit", "head", "--out", first).code == 0
    grow(world, 4)
    assert hive("audit", "head", "--out", second).code == 0
    told = hive("audit", "verify", second, first)
    assert told.out == "The log of 3 entries is the beginning of the one of 7.\n", told.err
    assert hive("audit", "download", log).code == 0
    told = hive("audit", "verify", log, first, second, "--json")
    assert told.json["verified"][0] == "All 7 entries are those that the operator signed for."


@pytest.mark.parametrize("command", [["head"], ["receipt"]])
def test_people_read_the_time_and_programs_its_seconds(hive, world, command):
    job = world.submit()
    given = ["audit", *command, *([job] if command == ["receipt"] else [])]
    document = hive(*given, "--json").json
    seconds = document["head"]["signedAt"] if command == ["head"] else document["entry"]["at"]
    assert int(seconds) == world.chain.time
    shown = hive(*given).out
    assert clock_time(int(seconds)) in shown and str(seconds) not in shown


@only_sqlite
def test_a_rewritten_history_is_found_by_a_kept_head(hive, world, tmp_path):
    first, second, log = (str(tmp_path / name) for name in ("first", "second", "log"))
    grow(world, 3)
    hive("audit", "head", "--out", first)
    rewrite(world, 1, lambda entry: entry.update(kind="bid_accepted"))
    grow(world, 2)
    assert hive("audit", "head", "--out", second).code == 0
    told = hive("audit", "verify", first, second)
    assert told.code == 10 and "it was rewritten" in told.err
    assert hive("audit", "download", log).code == 0
    told = hive("audit", "verify", log, first)
    assert told.code == 10 and "one of them was altered" in told.err


def test_what_was_kept_is_never_written_over(hive, world, tmp_path):
    file = tmp_path / "head"
    hive("audit", "head", "--out", str(file))
    kept = file.read_text()
    grow(world, 1)
    told = hive("audit", "head", "--out", str(file))
    assert told.code == 2 and "is there already" in told.err and file.read_text() == kept


@pytest.mark.parametrize("command", [["head", "--out"], ["download"]])
def test_a_file_that_is_there_is_told_of_before_the_market_is_asked(hive, world, tmp_path, monkeypatch, command):
    file = tmp_path / "log"
    file.write_text("kept")
    monkeypatch.setattr(context.Market, "client", lambda self: pytest.fail("asked"))
    told = hive("audit", *command, str(file))
    assert told.code == 2 and "is there already" in told.err and file.read_text() == "kept"


def test_a_disk_that_is_full_leaves_no_half_of_a_log(hive, world, tmp_path, monkeypatch):
    def fail(_) -> None:
        raise OSError(28, "No space left on device")

    grow(world, 2)
    folder = tmp_path / "kept"
    folder.mkdir()
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", fail)
        told = hive("audit", "download", str(folder / "log"))
    assert told.code == 2 and "cannot be written" in told.err and list(folder.iterdir()) == []
    assert hive("audit", "download", str(folder / "log")).code == 0


def test_another_markets_log_is_not_this_ones(hive, world, tmp_path):
    file = str(tmp_path / "head")
    hive("audit", "head", "--out", file)
    told = hive("audit", "verify", file, "--operator", RENTER.address)
    assert told.code == 10 and "several markets" in told.err


@pytest.mark.parametrize("content", ["", "[]", "{}", "[" * 200_000, '{"market": 1, "domain": {"chainId": "x"}}'])
def test_a_file_that_is_none_of_these_is_refused_with_what_to_do(hive, world, tmp_path, content):
    file = tmp_path / "file"
    file.write_text(content)
    told = hive("audit", "verify", str(file))
    assert told.code == 2 and "hive audit" in told.err


@pytest.mark.parametrize("subject", ["0x12", "../../config", "0x" + "7g" * 32, "?", ""])
def test_a_subject_that_is_no_hash_is_refused_before_the_market_is_asked(hive, world, monkeypatch, subject):
    monkeypatch.setattr(context.Market, "client", lambda self: pytest.fail("asked"))
    told = hive("audit", "receipt", subject)
    assert told.code == 2 and "64 hex digits" in " ".join(told.err.split())


def test_a_subject_may_be_written_in_capitals(hive, world):
    job = world.submit()
    assert hive("audit", "receipt", "0x" + job[2:].upper()).code == 0


def test_there_is_no_receipt_of_what_is_not_in_the_log(hive, world):
    told = hive("audit", "receipt", "0x" + "77" * 32)
    assert told.code == 5 and "audit log" in told.err
