"""Which market and which wallet a command talks to, and that nothing is spent unasked."""

import json
import os
from pathlib import Path

import pytest
import typer

from marketplace.cli import context
from marketplace.cli.devfile import DevContext, load_dev_context, remove_dev_context, write_dev_context
from marketplace.cli.known import recall_bid, remember_job, resolve_job
from marketplace.client.keystore import LIGHT_SCRYPT_N, KeystoreFolder
from marketplace.errors import ConflictError, InputError, KeystoreError, NotFound, SettingsError

DEAD_PID = 2**22 + 1
"""Above every pid that Linux hands out."""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for name in list(os.environ):
        if name.startswith("COMPUTEHIVE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COMPUTEHIVE_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def dev(home, tmp_path):
    wallets = KeystoreFolder(tmp_path / "dev-wallets")
    wallets.create("renter", "dev", scrypt_n=LIGHT_SCRYPT_N)
    made = DevContext(
        url="http://127.0.0.1:4444",
        rpc_url="http://127.0.0.1:4445",
        chain_id=1337,
        address_book=tmp_path / "book.json",
        wallets=wallets.folder,
        wallet="renter",
        password="dev",
        logs=tmp_path / "logs",
        pid=os.getpid(),
    )
    write_dev_context(home, made)
    return made


def test_no_market_anywhere_says_how_to_name_one():
    with pytest.raises(SettingsError) as caught:
        context.find_market(None)
    assert "hive dev" in caught.value.hint and "COMPUTEHIVE_URL" in caught.value.hint


def test_the_option_goes_before_the_environment_before_dev_before_the_file(home, dev, monkeypatch):
    (home / "config.toml").write_text('url = "http://configured"\n')
    assert context.find_market(None).source == "hive dev"
    monkeypatch.setenv("COMPUTEHIVE_URL", "http://environment")
    assert context.find_market(None).url == "http://environment"
    assert context.find_market("http://option").url == "http://option"
    monkeypatch.delenv("COMPUTEHIVE_URL")
    remove_dev_context(home, os.getpid())
    assert context.find_market(None).url == "http://configured"


def test_the_home_is_the_users_configuration_folder(monkeypatch):
    monkeypatch.delenv("COMPUTEHIVE_HOME")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/somewhere")
    assert context.home() == Path("/somewhere/computehive")


def test_a_dev_market_counts_only_while_it_runs(home, dev):
    assert load_dev_context(home) == dev
    document = json.loads((home / "dev.json").read_text()) | {"pid": DEAD_PID}
    assert not any("_" in name for name in document) and document["rpcUrl"] == dev.rpc_url
    (home / "dev.json").write_text(json.dumps(document))
    assert load_dev_context(home) is None


def test_only_the_process_that_wrote_the_dev_file_takes_it_away(home, dev):
    remove_dev_context(home, DEAD_PID)
    assert load_dev_context(home) is not None
    remove_dev_context(home, os.getpid())
    assert not (home / "dev.json").exists()


@pytest.mark.parametrize(
    ("name", "text"), [("dev.json", "{"), ("dev.json", "{}"), ("dev.json", "[]"), ("config.toml", "url = ")]
)
def test_a_damaged_file_is_named(home, name, text):
    (home / name).write_text(text)
    with pytest.raises(SettingsError, match=name):
        context.find_market(None)


def test_the_development_wallet_opens_without_asking_on_its_own_market_only(dev):
    market = context.find_market(None)
    keystore = context.find_keystore(None, market)
    assert keystore.path == dev.wallet_path
    assert context.unlock(keystore, market).address == keystore.address
    elsewhere = context.Market("https://market.example", "--url", None)
    assert not context.is_development_wallet(keystore, elsewhere)
    remote = context.Market("https://market.example", "--url", dev)
    assert not context.is_development_wallet(keystore, remote)


def test_a_named_wallet_goes_before_the_development_wallet(home, dev):
    mine = KeystoreFolder(home / "keystores").create("mine", "secret", scrypt_n=LIGHT_SCRYPT_N)
    assert context.find_keystore("mine", context.find_market(None)) == mine
    assert context.find_keystore("renter", context.find_market(None)).path == dev.wallet_path


def test_without_a_wallet_the_command_to_make_one_is_named():
    with pytest.raises(KeystoreError) as caught:
        context.find_keystore(None)
    assert "hive wallet new" in caught.value.hint


def test_money_is_committed_only_with_yes_or_a_terminal(monkeypatch):
    context.require_consent("Sign?", yes=True)
    with pytest.raises(SettingsError) as caught:
        context.require_consent("Sign?", yes=False)
    assert "--yes" in caught.value.hint


def test_the_answer_no_signs_nothing(monkeypatch):
    monkeypatch.setattr(context.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(context.sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(context.typer, "confirm", lambda *_, **__: False)
    with pytest.raises(typer.Exit) as caught:
        context.require_consent("Sign?", yes=False)
    assert caught.value.exit_code == 0


class Market:
    """Knows some jobs."""

    def __init__(self, *ids):
        self.ids = ids

    def jobs(self, limit):
        return {"jobs": [{"jobId": job_id} for job_id in self.ids]}


FIRST, SECOND = "0x12345" + "0" * 59, "0x12346" + "0" * 59


def test_a_short_id_names_a_job_of_mine_then_of_the_market():
    assert resolve_job(Market(FIRST), "0x12345") == FIRST
    remember_job(SECOND, {"salt": "1"}, "http://market")
    assert resolve_job(Market(FIRST), "0x1234") == SECOND
    assert recall_bid(SECOND) == {"salt": "1"}
    assert recall_bid(FIRST) is None
    assert resolve_job(Market(), FIRST.upper().replace("X", "x")) == FIRST


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("1234", InputError, "not a job id"),
        ("0xzz12", InputError, "not a job id"),
        ("0x" + "1" * 65, InputError, "not a job id"),
        ("0x12", InputError, "too short"),
        ("0x9999", NotFound, "No job 0x9999"),
        ("0x1234", ConflictError, "2 jobs begin"),
    ],
)
def test_an_id_that_names_no_single_job_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        resolve_job(Market(FIRST, SECOND), given)
