"""The doctor as a whole: every check in one list, and none that stops the others."""

import pytest

from agent import doctor
from agent.doctor import Health
from marketplace.errors import ChainUnavailable
from marketplace.protocol.units import MICRO_PER_USDC
from tests.unit.agent.doctor.conftest import NOW, play_chain

CHECKS = [
    "cpu", "units", "memory", "swap", "disk", "power", "heat", "gpu", "runtime python", "runtime javascript", "keys",
    "data folder", "journal", "last job", "benchmark", "market", "clock of the market",
    "oracles' sandbox", "rates", "clock", "stake", "gas",
]  # fmt: skip


@pytest.fixture
def findings(settings, monkeypatch):
    """What the doctor says with this chain, by name."""

    def run(chain=None, options=""):
        monkeypatch.setattr(doctor, "open_chain", lambda settings: chain or play_chain())
        return {each.name: each for each in doctor.examine(settings, options, lambda: NOW)}

    return run


def test_every_check_is_made_once_and_in_order(findings):
    assert list(findings()) == CHECKS


def test_everything_that_is_not_well_has_a_remedy(findings, market):
    market.answers.clear()
    found = findings(play_chain(stake=0, gas=0, timestamp=2**40)).values()
    unwell = [each for each in found if each.health is not Health.OK]
    assert {"market", "stake", "gas", "clock", "benchmark"} <= {each.name for each in unwell}
    assert [each.name for each in unwell if not each.remedy] == []


def test_the_advice_to_stake_repeats_the_options_of_the_command_line(findings):
    found = findings(play_chain(stake=0), " --wallet mine")
    assert found["stake"].health is Health.FAIL
    assert "`hive provider stake 50 --wallet mine`" in found["stake"].remedy


def test_a_stake_is_well(findings):
    found = findings(play_chain(50 * MICRO_PER_USDC))
    assert found["stake"].health is found["clock"].health is Health.OK


def test_a_chain_that_is_away_is_a_finding_and_not_an_end(settings, monkeypatch):
    def away(settings):
        raise ChainUnavailable("gone")

    monkeypatch.setattr(doctor, "open_chain", away)
    found = {each.name: each for each in doctor.examine(settings)}
    assert found["chain"].health is Health.FAIL and found["market"].health is Health.OK


def test_a_market_that_is_away_is_a_finding_and_not_an_end(findings, market, settings):
    settings.url = "http://127.0.0.1:1"
    found = findings()
    assert found["market"].health is Health.FAIL and "--url" in found["market"].remedy
    assert found["stake"].health is Health.OK and "rates" not in found


def test_a_keystore_that_is_missing_fails_what_needs_it_and_nothing_else(findings, settings):
    settings.keystore.unlink()
    found = findings()
    failed = {each.name for each in found.values() if each.health is Health.FAIL}
    assert {"keys", "stake", "gas"} <= failed and "clock" not in failed
