"""`hive dev` and what goes with it: the faucet, the PATH, advice that names the wallet again."""

import os
import sys

import pytest

from marketplace.cli import dev, faucet
from marketplace.cli.context import Market, named_wallet
from marketplace.errors import InsufficientFunds
from tests.unit.cli.conftest import ACCOUNT


def test_the_faucet_is_for_the_local_market_only(hive):
    ran = hive("faucet", ACCOUNT)
    assert ran.code == 6 and "no test money at http://market.test (named by COMPUTEHIVE_URL)" in " ".join(
        ran.err.split()
    )


def test_without_any_market_the_faucet_says_how_to_start_one(hive, monkeypatch):
    monkeypatch.delenv("COMPUTEHIVE_URL")
    ran = hive("faucet", ACCOUNT)
    assert ran.code == 12 and "hive dev" in ran.err


@pytest.mark.parametrize(("local", "hint"), [(object(), "`hive faucet --wallet mine`"), (None, "Send USDC")])
def test_a_lack_of_money_names_the_faucet_on_the_local_market(local, hint):
    with (
        pytest.raises(InsufficientFunds) as caught,
        faucet.faucet_hint(Market("http://market", "--url", local), "mine"),
    ):
        raise InsufficientFunds("Too little.", hint="Send USDC to that address first.")
    assert hint in caught.value.hint


def test_a_named_wallet_is_named_again():
    assert (named_wallet(None), named_wallet("mine"), named_wallet("my own")) == (
        "",
        " --wallet mine",
        " --wallet 'my own'",
    )


def test_missing_money_names_the_wallet_in_the_deposit(hive, market, runnable):
    market.answers[("GET", f"/api/v1/accounts/{ACCOUNT}")] = {"free": "250000", "bidFree": "250000"}
    ran = hive("run", runnable, "--yes", "--max-price", "1.5", "--wallet", "default")
    assert "`hive deposit 1.250000 --wallet default`" in ran.err


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A folder with `python` and `hive` in it, of which this process is the python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("python", "hive"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", "/nowhere")
    return folder


def test_a_hive_off_the_path_is_put_on_it(installed, monkeypatch):
    assert dev.path_advice() == [f"export PATH={installed}:$PATH"]
    monkeypatch.setenv("PATH", f"/nowhere{os.pathsep}{installed}")
    assert dev.path_advice() == []


def test_another_hive_on_the_path_does_not_count(installed, monkeypatch, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (installed / "hive").rename(other / "hive")
    monkeypatch.setenv("PATH", str(other))
    assert dev.path_advice() == []  # there is no `hive` here to be put on the PATH
    (installed / "hive").write_text("")
    assert dev.path_advice() == [f"export PATH={installed}:$PATH"]
