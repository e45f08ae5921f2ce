"""The market's settings: its own variables, never those of the user at the same machine."""

import os

import pytest

from marketplace.bootstrap import _operator_key
from marketplace.client.keystore import LIGHT_SCRYPT_N, create_keystore
from marketplace.errors import KeystoreError, SettingsError
from marketplace.settings import MarketSettings, load_settings


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("COMPUTEHIVE_")]:
        monkeypatch.delenv(name)
    return monkeypatch


def test_a_users_variable_is_not_taken_for_the_markets_and_the_error_says_so(environment):
    environment.setenv("COMPUTEHIVE_ADDRESS_BOOK", "mine.json")
    with pytest.raises(SettingsError, match="COMPUTEHIVE_MARKET_ADDRESS_BOOK") as caught:
        load_settings(operator_keystore="key.json")
    assert "COMPUTEHIVE_ADDRESS_BOOK is the user's" in caught.value.hint
    environment.setenv("COMPUTEHIVE_RPC_URL", "http://users.node")
    environment.setenv("COMPUTEHIVE_MARKET_ADDRESS_BOOK", "book.json")
    assert load_settings(operator_keystore="key.json").rpc_url == "http://127.0.0.1:8545"


def settings(tmp_path, **more) -> MarketSettings:
    wallet = create_keystore(tmp_path / "key.json", "operator's", scrypt_n=LIGHT_SCRYPT_N)
    return MarketSettings(address_book=tmp_path / "book.json", operator_keystore=wallet.path, **more)


def test_what_an_operator_sets_becomes_the_markets_rules(tmp_path):
    given = {"round_seconds": 1.5, "seal_seconds": 7, "max_blob_bytes": 1_000, "max_streams": 9}
    given |= {"requests_per_minute": 5, "orders_per_minute": 6}
    rules = settings(tmp_path, **given).rules()
    assert {name: getattr(rules, name) for name in given} == given


@pytest.mark.parametrize(
    ("given", "origins"),
    [
        ("*", ("*",)),
        ("", ()),
        ("https://a.example, http://localhost:5173", ("https://a.example", "http://localhost:5173")),
    ],
)
def test_origins_are_a_list_with_commas(tmp_path, given, origins):
    assert settings(tmp_path, cors_origins=given).rules().cors_origins == origins


@pytest.mark.parametrize("given", ["dapp.example", "https://a.example/", "https://a.example/x,*", "a,*"])
def test_an_origin_that_no_browser_would_send_is_refused(environment, given):
    environment.setenv("COMPUTEHIVE_MARKET_ADDRESS_BOOK", "book.json")
    environment.setenv("COMPUTEHIVE_MARKET_CORS_ORIGINS", given)
    with pytest.raises(SettingsError, match="COMPUTEHIVE_MARKET_CORS_ORIGINS"):
        load_settings(operator_keystore="key.json")


def test_a_remedy_is_a_json_list_of_words_and_nothing_by_default(environment, tmp_path):
    assert settings(tmp_path).remedy == ()
    environment.setenv("COMPUTEHIVE_MARKET_REMEDY", '["/bin/page", "a b"]')
    files = {"address_book": tmp_path, "operator_keystore": tmp_path}
    assert load_settings(**files).remedy == ("/bin/page", "a b")


@pytest.mark.parametrize("given", ["/bin/page --urgent", '["/bin/page", 3]', '"/bin/page"', "{}", "7"])
def test_a_remedy_that_is_no_such_list_is_refused_by_its_name(environment, tmp_path, given):
    environment.setenv("COMPUTEHIVE_MARKET_REMEDY", given)
    with pytest.raises(SettingsError, match=r"COMPUTEHIVE_MARKET_REMEDY: .*expected a JSON list"):
        load_settings(address_book=tmp_path, operator_keystore=tmp_path)


def test_the_operators_key_is_not_tried_with_the_users_password(environment, tmp_path):
    environment.setenv("COMPUTEHIVE_PASSWORD", "operator's")
    with pytest.raises(KeystoreError) as caught:
        _operator_key(settings(tmp_path))
    assert "COMPUTEHIVE_MARKET_PASSWORD_FILE" in caught.value.hint


def test_a_password_file_goes_before_a_password(environment, tmp_path):
    path = tmp_path / "password"
    path.write_text("operator's\n")
    assert _operator_key(settings(tmp_path, password="wrong", password_file=path))


def test_the_database_is_a_file_in_the_data_folder_unless_an_address_is_given(tmp_path):
    required = {"address_book": tmp_path / "book.json", "operator_keystore": tmp_path / "key.json"}
    assert MarketSettings(**required, data_dir=tmp_path).database() == tmp_path / "market.db"
    url = "postgresql+psycopg://market:its-password@db/hive"
    given = MarketSettings(**required, database_url=url)
    assert given.database() == url
    assert "its-password" not in repr(given)


def test_the_databases_url_may_lie_in_a_file_which_goes_first_without_its_line_end(tmp_path):
    file = tmp_path / "url"
    file.write_text("postgresql+psycopg://m:secret@db/hive\n")
    given = settings(tmp_path, database_url="postgresql+psycopg://other@db/hive", database_url_file=file)
    assert given.database() == "postgresql+psycopg://m:secret@db/hive"
    assert "secret" not in repr(given) and not given.is_embedded


@pytest.mark.parametrize(("content", "problem"), [(None, "cannot be read"), (" \n", "is empty")])
def test_a_file_without_the_databases_url_is_refused_by_the_settings_name(tmp_path, content, problem):
    file = tmp_path / "url"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError, match=f"COMPUTEHIVE_MARKET_DATABASE_URL_FILE: .*url {problem}"):
        settings(tmp_path, database_url_file=file).database()


def test_an_unknown_role_is_named_with_its_variable(environment):
    environment.setenv("COMPUTEHIVE_MARKET_ROLES", "api,clearer")
    with pytest.raises(SettingsError, match="COMPUTEHIVE_MARKET_ROLES: 'clearer' is no role") as caught:
        load_settings(address_book="book.json", operator_keystore="key.json")
    assert "follower" in caught.value.message


def test_replicas_and_nats_are_read_from_files_which_go_before_what_is_set(tmp_path):
    required = {"address_book": tmp_path / "book.json", "operator_keystore": tmp_path / "key.json"}
    plain = MarketSettings(**required)
    assert (plain.replicas(), plain.nats()) == ((), None)
    secret = "postgresql://reader:its-password@"
    given = MarketSettings(**required, read_database_url=f"{secret}a/hive {secret}b/hive", nats_url="nats://n")
    assert given.replicas() == (f"{secret}a/hive", f"{secret}b/hive")
    assert given.nats() == "nats://n" and "its-password" not in repr(given)
    urls, nats = tmp_path / "urls", tmp_path / "nats"
    urls.write_text(f"{secret}c/hive\n{secret}d/hive\n")
    nats.write_text("nats://market:its-password@n\n")
    filed = given.model_copy(update={"read_database_url_file": urls, "nats_url_file": nats})
    assert filed.replicas() == (f"{secret}c/hive", f"{secret}d/hive")
    assert filed.nats() == "nats://market:its-password@n"


@pytest.mark.parametrize(("field", "read"), [("read_database_url_file", "replicas"), ("nats_url_file", "nats")])
def test_a_file_of_secrets_that_is_empty_or_not_there_is_named(tmp_path, field, read):
    required = {"address_book": tmp_path / "book.json", "operator_keystore": tmp_path / "key.json"}
    empty = tmp_path / "empty"
    empty.write_text("\n")
    for path, problem in ((empty, "is empty"), (tmp_path / "missing", "cannot be read")):
        settings = MarketSettings(**required, **{field: path})
        with pytest.raises(SettingsError, match=f"COMPUTEHIVE_MARKET_{field.upper()}: .*{problem}"):
            getattr(settings, read)()
