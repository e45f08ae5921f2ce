"""scripts/send_deployment.py on a chain that it takes for a real one: what the dry run predicted is what lies there."""

import json

import pytest
from eth_account import Account

from marketplace.adapters.chain import AddressBook
from scripts.dry_run import address_after
from scripts.networks import PROFILES
from scripts.send_deployment import main

PASSWORD = "correct horse"
ORACLES = ["0x" + f"{number:040x}" for number in (3, 4)]


@pytest.fixture
def deploying(chain, tmp_path, monkeypatch):
    """A funded key in a keystore, a profile of this chain, and the command line to deploy with."""
    payer = Account.create()
    chain.devnet.fund_gas(payer.address, 10)
    (tmp_path / "payer.json").write_text(json.dumps(Account.encrypt(payer.key, PASSWORD, iterations=2)))
    (tmp_path / "password").write_text(PASSWORD + "\n")
    profile = json.loads((PROFILES / "base.json").read_text()) | {"network": "mine", "chainId": 1337}
    profile["token"]["address"] = chain.book.contracts["USDC"]
    (tmp_path / "mine.json").write_text(json.dumps(profile))
    monkeypatch.setenv("HIVE_DEPLOYER_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("HIVE_DEPLOYMENTS_FOLDER", str(tmp_path / "books"))
    words = [str(tmp_path / "mine.json"), "--rpc", chain.devnet.rpc_url, "--keystore", str(tmp_path / "payer.json")]
    words += ["--governor", ORACLES[0], "--treasury", ORACLES[1], "--threshold", "2"]
    return payer, words + [word for oracle in ORACLES for word in ("--oracle", oracle)]


def test_what_is_sent_lies_where_the_dry_run_says_and_belongs_to_the_timelock(chain, deploying, tmp_path):
    payer, words = deploying
    assert main(words) == 0
    book = AddressBook.load(tmp_path / "books" / "mine.json")
    assert book.contracts["Timelock"] == address_after(payer.address, 0)
    assert book.contracts["Escrow"] == address_after(payer.address, 3)
    assert book.contracts["USDC"] == chain.book.contracts["USDC"]
    owner = chain.devnet.rpc("eth_call", {"to": book.contracts["Escrow"], "data": "0x8da5cb5b"}, "latest")
    assert owner[-40:] == book.contracts["Timelock"][2:].lower()
    sent = book.contracts.keys() - {"USDC"}
    assert int(chain.devnet.rpc("eth_getTransactionCount", payer.address, "latest"), 16) == len(sent)


def test_nothing_is_sent_to_another_chain_or_without_a_keystore(chain, deploying, capsys):
    payer, words = deploying
    assert main(["base", *words[1:]]) == 1
    assert "nothing sent: Base is chain 8453; this RPC serves chain 1337." in capsys.readouterr().err
    words[words.index("--keystore") + 1] = "nowhere.json"
    assert main(words) == 1
    assert "nothing sent: There is no keystore nowhere.json." in capsys.readouterr().err
    assert int(chain.devnet.rpc("eth_getTransactionCount", payer.address, "latest"), 16) == 0
