"""`hive market migrate`: up by default, down where told, and what is wrong is said."""

import pytest


@pytest.fixture
def market(monkeypatch, tmp_path):
    for name, value in (("ADDRESS_BOOK", "book.json"), ("OPERATOR_KEYSTORE", "key.json"), ("DATA_DIR", str(tmp_path))):
        monkeypatch.setenv(f"COMPUTEHIVE_MARKET_{name}", value)
    return tmp_path


def test_a_database_is_brought_up_and_down_and_the_revision_named(hive, market):
    for words, revision in (((), "0011"), (("--to", "0010"), "0010"), ((), "0011")):
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
