"""`hive market migrate|backup|restore`: what they do to a database that no service uses, and what is wrong is said."""

import json
from pathlib import Path

import pytest

from marketplace.adapters.chain import contracts
from marketplace.adapters.store.migrate import revisions
from marketplace.client.keystore import LIGHT_SCRYPT_N, KeystoreFolder

ABI_FOLDER = Path(contracts.__file__).with_name("abi")


@pytest.fixture
def market(monkeypatch, tmp_path):
    for name, value in (("ADDRESS_BOOK", "book.json"), ("OPERATOR_KEYSTORE", "key.json"), ("DATA_DIR", str(tmp_path))):
        monkeypatch.setenv(f"COMPUTEHIVE_MARKET_{name}", value)
    return tmp_path


def test_a_database_is_brought_up_and_down_and_the_revision_named(hive, market):
    newest = revisions()[-1]
    for words, revision in (((), newest), (("--to", "0010"), "0010"), ((), newest)):
        ran = hive("market", "migrate", *words)
        assert ran.code == 0 and revision in ran.err
    assert (market / "market.db").exists()


def test_an_unknown_revision_is_refused_with_those_there_are(hive, market):
    ran = hive("market", "migrate", "--to", "0009")
    assert ran.code == 2 and "0010, 0011" in ran.err


def test_another_database_is_refused_without_its_password_being_shown(hive, market, monkeypatch):
    monkeypatch.setenv("COMPUTEHIVE_MARKET_DATABASE_URL", "mysql://market:its-password@db/hive")
    ran = hive("market", "migrate")
    assert ran.code == 12 and "postgresql" in ran.err
    assert "its-password" not in ran.err + ran.out


@pytest.fixture
def known(market, monkeypatch, tmp_path):
    """The market's data folder, with an address book and an operator's keystore; the chain is away."""
    deployed = {path.stem: "0x" + "11" * 20 for path in ABI_FOLDER.glob("*.json")}
    book = {"network": "none", "chainId": 1337, "deployedAtBlock": 1, "contracts": deployed}
    (tmp_path / "book.json").write_text(json.dumps(book))
    operator = KeystoreFolder(tmp_path / "wallets").create("operator", "secret", scrypt_n=LIGHT_SCRYPT_N)
    settings = {"ADDRESS_BOOK": tmp_path / "book.json", "OPERATOR_KEYSTORE": operator.path}
    settings |= {"DATA_DIR": tmp_path / "data", "PORT": 1, "PASSWORD": "secret", "RPC_URL": "http://127.0.0.1:1"}
    for name, value in settings.items():
        monkeypatch.setenv(f"COMPUTEHIVE_MARKET_{name}", str(value))
    return tmp_path / "data"


def test_a_backup_needs_no_chain_and_says_what_it_has(hive, known, tmp_path):
    assert hive("market", "migrate").code == 0
    ran = hive("market", "backup", str(tmp_path / "backup"))
    assert ran.code == 0 and "knows no block of the chain, and 0 blobs" in " ".join(ran.err.split())
    assert json.loads((tmp_path / "backup" / "manifest.json").read_text())["identity"]["chain_id"] == 1337


def test_without_a_database_there_is_nothing_to_back_up(hive, known, tmp_path):
    ran = hive("market", "backup", str(tmp_path / "backup"))
    assert ran.code == 5 and not (tmp_path / "backup").exists()


def test_a_database_is_never_restored_over(hive, known, tmp_path):
    hive("market", "migrate")
    hive("market", "backup", str(tmp_path / "backup"))
    before = (known / "market.db").read_bytes()
    ran = hive("market", "restore", str(tmp_path / "backup"))
    assert ran.code == 6 and "has a market's database" in " ".join(ran.err.split())
    assert (known / "market.db").read_bytes() == before
    (known / "market.db").rename(known / "market.db-wal")
    assert hive("market", "restore", str(tmp_path / "backup")).code == 6, "a journal left behind is another database's"


def test_a_restore_that_cannot_read_the_chain_leaves_the_folder_as_it_was(hive, known, tmp_path):
    hive("market", "migrate")
    hive("market", "backup", str(tmp_path / "backup"))
    for path in known.iterdir():
        path.unlink()
    ran = hive("market", "restore", str(tmp_path / "backup"))
    assert ran.code == 8
    assert list(known.iterdir()) == []


@pytest.mark.parametrize("command, tool", [("backup", "pg_dump"), ("restore", "pg_restore")])
def test_another_database_than_sqlite_is_referred_to_its_own_tools(hive, known, monkeypatch, tmp_path, command, tool):
    monkeypatch.setenv("COMPUTEHIVE_MARKET_DATABASE_URL", "postgresql+psycopg://market:its-password@db/hive")
    ran = hive("market", command, str(tmp_path / "backup"))
    assert ran.code == 12 and tool in ran.err and "its-password" not in ran.err


def test_a_database_is_copied_table_by_table_and_what_it_says_is_what_is_there(hive, known, tmp_path):
    assert hive("market", "migrate").code == 0
    ran = hive("market", "copy", "--to", f"sqlite:///{tmp_path}/copy.db", "--json")
    tables = {one["table"]: one["rows"] for one in json.loads(ran.out)}
    assert ran.code == 0 and tables["bids"] == 0 and {"asks", "leases", "timeline"} <= tables.keys()
    assert (tmp_path / "copy.db").exists()


def test_where_there_is_no_database_there_is_nothing_to_copy(hive, known, tmp_path):
    assert hive("market", "copy", "--to", f"sqlite:///{tmp_path}/copy.db").code == 5
    assert not (tmp_path / "copy.db").exists()


def test_forgetting_needs_the_chain_and_says_that_it_is_away(hive, known):
    ran = hive("market", "prune", "--dry-run")
    assert ran.code == 8 and "node does not answer" in ran.err
