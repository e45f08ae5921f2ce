"""The daemon's part: off it asks nobody, on it leaves in order before another version takes its place."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from threading import Event

import pytest

from agent.drain import NOTE, SUCCESSOR, request_drain
from agent.journal import Journal, WorkState
from agent.settings import ProviderSettings
from agent.update.keeper import FIRST_LOOK_SECONDS, Updates, keep_updated, require_pin, start_helper
from marketplace.errors import SettingsError, VersionSwitched
from tests.unit.agent.played_provider import make_provider, seen
from tests.unit.agent.test_work import ended, lease_event
from tests.unit.clearing.market import NOW

ROOT = Path(__file__).resolve().parents[4]
READY = {"version": "0.2.0", "isNewer": True, "isReady": True, "aside": ""}


def settings_of(folder, **given) -> ProviderSettings:
    stated = {"update_root": folder / "root.json", "update_url": "http://127.0.0.1:9/releases"} | given
    return ProviderSettings(rpc_url="", address_book=Path(), keystore=Path(), data=folder, **stated)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Helpers:
    """Real processes that say what a test has them say; which arguments they were given."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.script = ""

    def __call__(self, arguments):
        self.asked.append(arguments)
        return subprocess.Popen(
            [sys.executable, "-c", self.script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip

    def says(self, document) -> None:
        self.script = f"print({json.dumps(document)!r})"


@pytest.fixture
def helpers():
    return Helpers()


@pytest.fixture
def make(tmp_path, two, helpers):
    """The daemon's updates, with a clock that a test sets; all of it ended with the test."""
    made = []

    def updates(mode="on", *, journal=None, supervised=True, heard=True, **given):
        is_heard = Event()
        if heard:
            is_heard.set()
        own = journal or Journal(tmp_path / "provider.sqlite")
        found = Updates(
            settings_of(tmp_path, self_update=mode, **given), own, two if supervised else None,
            is_heard=is_heard, now=Clock(), draw=random.Random(1), start=helpers,
        )  # fmt: skip
        made.append((found, own))
        return found

    yield updates
    for found, own in made:
        found.close()
        own.close()


def look(updates) -> None:
    """A look that is due, to its end."""
    updates._now.now += 8 * 86_400
    updates.step()
    while updates._helper is not None:
        updates.step()
        time.sleep(0.01)


# --- when it looks ----------------------------------------------------------------------------------------------------


def test_off_starts_no_helper_however_long_it_runs(make, helpers):
    updates = make("off")
    look(updates)
    assert helpers.asked == []


def test_off_brings_neither_steps_nor_the_framework_into_the_daemon(tmp_path):
    code = (
        "import sys, agent.bootstrap, agent.__main__\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('tuf', 'securesystemslib')])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.stdout.strip() == "[]", ran.stderr
    with keep_updated(settings_of(tmp_path, self_update="off"), Event(), is_supervised=False) as steps:
        assert steps == []


def test_first_look_comes_after_a_while_and_the_next_after_the_interval_give_or_take(make, helpers):
    updates = make("check", update_hours=10)
    helpers.says(READY)
    updates._now.now = FIRST_LOOK_SECONDS[0] - 1
    updates.step()
    assert helpers.asked == []
    look(updates)
    assert len(helpers.asked) == 1
    assert 9 * 3_600 <= updates._due - updates._now.now <= 11 * 3_600


@pytest.mark.parametrize(
    ("mode", "supervised", "task"), [("check", True, "look"), ("on", True, "prepare"), ("on", False, "look")]
)
def test_only_a_supervised_daemon_that_is_told_to_prepares(make, helpers, tmp_path, mode, supervised, task):
    updates = make(mode, supervised=supervised)
    helpers.says(READY)
    look(updates)
    ((asked, root, url, data),) = helpers.asked
    assert (asked, root, url, data) == (task, str(tmp_path / "root.json"), "http://127.0.0.1:9/releases", str(tmp_path))


def test_nothing_is_looked_for_before_the_market_has_heard_the_daemon(make, helpers):
    updates = make(heard=False)
    look(updates)
    assert helpers.asked == []


@pytest.mark.parametrize("script", ["import sys; sys.exit('refused')", "raise SystemExit(11)", "raise OSError"])
def test_a_helper_that_fails_changes_nothing_and_is_asked_again_next_time(make, helpers, script):
    updates = make()
    helpers.script = script
    look(updates)
    assert updates._journal.note(NOTE) is None
    helpers.says(READY)
    look(updates)
    assert updates._journal.note(NOTE)["successor"] == "0.2.0"


def test_a_helper_that_hangs_is_ended(make, helpers):
    updates = make()
    helpers.script = "import time; time.sleep(60)"
    updates._now.now += 8 * 86_400
    updates.step()
    helper = updates._helper
    look(updates)
    assert helper.poll() is not None


def test_the_helper_is_this_program_and_is_given_no_password(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPUTEHIVE_AGENT_PASSWORD", "secret")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    helper = start_helper(["look", str(tmp_path / "root.json"), "http://127.0.0.1:9", str(tmp_path)])
    environment = Path(f"/proc/{helper.pid}/environ").read_bytes()
    _, complained = helper.communicate(timeout=60)
    assert "root.json cannot be read" in complained and helper.returncode == SettingsError.exit_code
    assert b"secret" not in environment


# --- when it goes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [READY | {"isNewer": False}, READY | {"isReady": False}, READY | {"aside": "bad"}])
def test_what_is_not_newer_not_prepared_or_set_aside_makes_nobody_leave(make, helpers, told):
    updates = make()
    helpers.says(told)
    look(updates)
    assert updates._journal.note(NOTE) is None


def test_a_daemon_with_a_lease_leaves_only_once_that_is_done_and_posted(market, terms, tmp_path, make, helpers):
    run = ended(blobs={ended().manifest.entries[0].digest: b"x" * 100})
    provider = make_provider(market, tmp_path, runner=lambda given, hooks=None: run)
    provider.keep_ask()
    provider.chain.ask_salt = provider._journal.note("salt") + 1
    event = seen(provider, lease_event(terms))
    updates = make(journal=provider._journal)
    helpers.says(READY)
    look(updates)
    assert not any(provider.leave_in_order() for _ in range(5)), "its lease has not run"
    provider.run_lease(event)
    assert provider._journal.leases(WorkState.ATTESTED)
    assert not any(provider.leave_in_order() for _ in range(5)), "its attestation is not posted"
    assert provider._journal.note(SUCCESSOR) is None
    provider.post_attestations()
    provider._journal.record_blocks(2, "0x2", [], [event.lease_id])
    assert any(provider.leave_in_order() for _ in range(5))
    assert provider._journal.note(SUCCESSOR) == "0.2.0"


def test_an_owner_who_has_it_leave_for_good_goes_before_an_update(make, helpers):
    updates = make()
    request_drain(updates._journal, NOW)
    helpers.says(READY)
    look(updates)
    assert updates._journal.note(NOTE)["successor"] == ""


def test_a_daemon_that_leaves_for_one_version_leaves_for_the_next_one_instead(make, helpers):
    updates = make()
    helpers.says(READY)
    look(updates)
    since = updates._journal.note(NOTE)["since"]
    helpers.says(READY | {"version": "0.3.0"})
    look(updates)
    assert (updates._journal.note(NOTE)["successor"], updates._journal.note(NOTE)["since"]) == ("0.3.0", since)


def test_a_machine_too_short_of_memory_for_a_helper_goes_on(make):
    updates = make()

    def fails(arguments):
        raise OSError(12, "Cannot allocate memory")

    updates._start = fails
    look(updates)
    assert updates._helper is None


def supervised(monkeypatch, two, folder, journal_says):
    """A daemon's whole run under hive-provider-start, in which it left for `journal_says`."""
    monkeypatch.setattr(sys, "prefix", str(two.root / "current"))
    with keep_updated(settings_of(folder, self_update="off"), Event(), is_supervised=True):
        journal = Journal(folder / "provider.sqlite")
        journal.record_note(SUCCESSOR, journal_says)
        journal.close()


def test_a_daemon_that_left_for_another_version_switches_and_says_so_by_its_exit_status(tmp_path, two, monkeypatch):
    with pytest.raises(VersionSwitched) as raised:
        supervised(monkeypatch, two, tmp_path, "0.2.0")
    assert raised.value.exit_code == 14
    assert (two.current, (two.root / "trial").exists()) == ("0.2.0", True)


def test_a_daemon_that_left_for_a_version_that_is_gone_is_started_again_as_it_is(tmp_path, two, monkeypatch):
    (two.folder_of("0.2.0") / "ready").unlink()
    with pytest.raises(VersionSwitched, match=r"0\.2\.0, which is gone: 0\.1\.0 is started again") as raised:
        supervised(monkeypatch, two, tmp_path, "0.2.0")
    assert raised.value.exit_code == 14, "or its service manager would take it to have left for good"
    assert (two.current, (two.root / "trial").exists()) == ("0.1.0", False)


def test_a_daemon_that_was_stopped_or_left_for_good_switches_nothing(tmp_path, two, monkeypatch):
    supervised(monkeypatch, two, tmp_path, "")
    assert two.current == "0.1.0"


def test_a_wish_of_a_run_before_is_forgotten_at_the_start(tmp_path, two, monkeypatch):
    journal = Journal(tmp_path / "provider.sqlite")
    journal.record_note(SUCCESSOR, "0.2.0")
    journal.close()
    monkeypatch.setattr(sys, "prefix", str(two.root / "current"))
    with keep_updated(settings_of(tmp_path, self_update="off"), Event(), is_supervised=True):
        pass
    assert two.current == "0.1.0"


def test_trial_ends_once_the_market_has_heard_the_daemon(make, two):
    two.switch_to("0.2.0", is_on_trial=True)
    unheard = make("off", heard=False)
    unheard.step()
    assert (two.root / "trial").exists()
    unheard._is_heard.set()
    unheard.step()
    assert not (two.root / "trial").exists()


@pytest.mark.parametrize("lacking", ["update_root", "update_url"])
def test_no_key_and_no_place_is_believed_by_default(tmp_path, lacking):
    wanted = settings_of(tmp_path, self_update="check", **{lacking: None if lacking == "update_root" else ""})
    with pytest.raises(SettingsError, match=lacking.upper()):
        require_pin(wanted)
    with pytest.raises(SettingsError), keep_updated(wanted, Event(), is_supervised=False):
        pass
