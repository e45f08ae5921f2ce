"""`hive provider selftest` before there is anything to test: what it takes along, and what it cannot start without."""

import signal

import pytest

from agent.settings import ProviderSettings
from marketplace.cli.selftest import MACHINE, plan_of
from scripts import toolchain


@pytest.fixture
def temporary(home, tmp_path, monkeypatch):
    """Where temporary files go. No market is named, and there is no wallet."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.delenv("COMPUTEHIVE_URL")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_without_a_chain_to_start_it_says_what_to_do_and_leaves_nothing(hive, temporary, monkeypatch):
    monkeypatch.setattr(toolchain, "GANACHE", temporary / "no-ganache")
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    ran = hive("provider", "selftest")
    assert ran.code == 12 and "ganache" in ran.err and "make setup" in ran.err
    assert list(temporary.iterdir()) == []
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_folder_that_is_not_empty_is_not_emptied(hive, temporary, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    assert hive("provider", "selftest", "--keep", str(tmp_path / "mine")).code == 2
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "all of it"


def test_wrong_setting_is_refused_by_name(hive, temporary, monkeypatch):
    monkeypatch.setenv("COMPUTEHIVE_AGENT_UNITS", "many")
    ran = hive("provider", "selftest")
    assert ran.code == 12 and "COMPUTEHIVE_AGENT_UNITS" in ran.err


def test_provider_of_the_private_market_has_this_machines_settings_but_no_keys_of_the_real_one(tmp_path):
    settings = ProviderSettings(
        rpc_url="http://real", address_book=tmp_path, keystore=tmp_path / "real.json", password="secret",
        agent_keystore=tmp_path / "hot.json", data=tmp_path, region="eu", units=3, gfuel_rate=77, zone="a",
        privacy_zones="eu-gdpr", claim_margin_seconds=0,
    )  # fmt: skip
    (machine,) = plan_of(settings).providers
    assert (machine.name, machine.region, machine.units, machine.rates) == (MACHINE, "eu", 3, settings.rates)
    assert (machine.settings["ZONE"], machine.settings["PRIVACY_ZONES"], machine.settings["CLAIM_MARGIN_SECONDS"]) == (
        "a", "eu-gdpr", "0",
    )  # fmt: skip
    assert not {"KEYSTORE", "AGENT_KEYSTORE", "PASSWORD", "DATA", "URL", "RPC_URL"} & machine.settings.keys()
