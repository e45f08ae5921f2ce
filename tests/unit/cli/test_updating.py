"""`hive provider update`: looks anywhere, replaces only what may be replaced."""

import json
import sys

import pytest

from agent.update.installation import Installation
from marketplace.cli.main import main
from marketplace.errors import AgentError, InputError, SettingsError
from tests.unit.agent.update.maker import Maker, lock_of, make_keys, pin_of, played_wheel, serve


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return folder, make_keys(folder)


@pytest.fixture
def served(tmp_path, keys, monkeypatch):
    """Version 0.9.0 is offered, and this machine pins its makers."""
    maker = Maker(tmp_path / "maker", *keys)
    maker.found()
    maker.release(played_wheel(tmp_path / "wheels", "0.9.0"), lock_of(tmp_path))
    with serve(maker.repository.public) as found:
        pin = pin_of(maker, found, tmp_path)
        for name, value in (("UPDATE_ROOT", pin.root), ("UPDATE_URL", pin.url), ("DATA", tmp_path / "data")):
            monkeypatch.setenv(f"COMPUTEHIVE_AGENT_{name}", str(value))
        monkeypatch.setenv("COMPUTEHIVE_HOME", str(tmp_path / "home"))
        yield found


@pytest.fixture
def two(tmp_path, monkeypatch):
    """This program is 0.1.0 of an installation that also has 0.9.0."""
    made = Installation.make(tmp_path / "app")
    for version in ("0.1.0", "0.9.0"):
        made.folder_of(version).mkdir()
        made.mark_ready(version)
    made.switch_to("0.1.0", is_on_trial=False)
    monkeypatch.setattr(sys, "prefix", str(made.root / "versions" / "0.1.0"))
    return made


def hive(*words) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["provider", "update", *words])
    return ended.value.code or 0


def test_check_says_what_is_newest_and_until_when_that_holds(served, capsys):
    assert hive("--check", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["version"], found["isNewer"], found["isReady"]) == ("0.9.0", True, False)
    assert found["verifiedAt"] < found["validUntil"] <= found["verifiedAt"] + 7 * 86_400
    assert hive("--check") == 0
    assert "Version 0.9.0 of " in capsys.readouterr().out


def test_what_a_package_manager_installed_is_left_to_it(served, capsys):
    """This checkout's environment is no installation of versions either."""
    for words in ([], ["--rollback"]):
        assert hive(*words) == AgentError.exit_code
        assert "by the package manager, the image, or the checkout" in " ".join(capsys.readouterr().err.split())
    assert served.requests == []


def test_update_switches_at_once_where_no_daemon_works_and_rollback_goes_back(served, two, capsys):
    assert hive() == 0
    assert "0.9.0 is the one that is started next" in capsys.readouterr().out
    assert (two.current, two.previous) == ("0.9.0", "0.1.0")
    assert hive("--rollback") == 0
    assert (two.current, two.why_aside("0.9.0")) == ("0.1.0", "its owner went back from it")
    assert hive() == 0
    assert (two.current, two.why_aside("0.9.0")) == ("0.9.0", ""), "said by hand, it is tried again"


def test_without_a_root_nothing_is_looked_for(served, monkeypatch, capsys):
    monkeypatch.delenv("COMPUTEHIVE_AGENT_UPDATE_ROOT")
    assert hive("--check") == SettingsError.exit_code
    assert "COMPUTEHIVE_AGENT_UPDATE_ROOT is not set" in " ".join(capsys.readouterr().err.split())
    assert served.requests == []


def test_one_thing_at_a_time(served, capsys):
    assert hive("--check", "--rollback") == InputError.exit_code
