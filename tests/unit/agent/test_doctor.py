"""What the doctor says of this machine as a provider, and what it advises."""

from types import SimpleNamespace

import pytest

from agent import doctor
from agent.doctor import Health
from marketplace.client.keystore import LIGHT_SCRYPT_N, create_keystore
from marketplace.errors import ChainUnavailable
from marketplace.protocol.units import MICRO_PER_USDC


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "_market", lambda url: doctor.Finding("market", Health.OK, url))
    wallet = create_keystore(tmp_path / "mine.json", "pw", scrypt_n=LIGHT_SCRYPT_N)
    return SimpleNamespace(data=tmp_path / "data", url="http://market", keystore=wallet.path)


def play_chain(monkeypatch, stake: int) -> None:
    chain = SimpleNamespace(
        head=lambda: SimpleNamespace(timestamp=0), stake=lambda address: SimpleNamespace(available=stake, active=stake)
    )
    monkeypatch.setattr(doctor, "open_chain", lambda settings: chain)


def test_the_advice_to_stake_repeats_the_options_of_the_command_line(settings, monkeypatch):
    play_chain(monkeypatch, 0)
    found = {each.name: each for each in doctor.examine(settings, " --wallet mine")}
    assert found["stake"].health is Health.FAIL
    assert "`hive provider stake 50 --wallet mine`" in found["stake"].remedy


def test_a_stake_is_well(settings, monkeypatch):
    play_chain(monkeypatch, 50 * MICRO_PER_USDC)
    found = {each.name: each for each in doctor.examine(settings)}
    assert found["stake"].health is found["clock"].health is Health.OK


def test_a_chain_that_is_away_is_a_finding_and_not_an_end(settings, monkeypatch):
    def away(settings):
        raise ChainUnavailable("gone")

    monkeypatch.setattr(doctor, "open_chain", away)
    assert [each.health for each in doctor.examine(settings) if each.name == "chain"] == [Health.FAIL]


def test_a_trusted_environment_is_offered_only_with_what_its_evidence_needs(settings, monkeypatch, tmp_path):
    play_chain(monkeypatch, 50 * MICRO_PER_USDC)
    monkeypatch.setattr(doctor, "read_tees", lambda: ("sgx", "tdx", "sev-snp"))
    settings.tee_collateral = None
    found = {each.name: each for each in doctor.examine(settings)}
    assert found["tee tdx"].health is Health.WARN and "TEE_COLLATERAL" in found["tee tdx"].remedy
    settings.tee_collateral = tmp_path / "collateral.json"
    found = {each.name: each for each in doctor.examine(settings)}
    told = {name: found[f"tee {name}"].found for name in ("sgx", "tdx", "sev-snp")}
    assert (told["tdx"], told["sev-snp"]) == ("offered", "offered") and told["sgx"].startswith("not offered")
