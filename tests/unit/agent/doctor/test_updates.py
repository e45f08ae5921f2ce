"""Whether the doctor says that a machine no longer hears of releases; it asks nobody."""

from pathlib import Path

import pytest

from agent.doctor.finding import Health
from agent.doctor.updates import check_updates, examine_updates, judge
from agent.settings import ProviderSettings
from agent.update.seen import Seen, record_seen
from marketplace.errors import SettingsError

NOW, HOUR = 1_800_000_000, 3_600
FRESH = Seen("0.2.0", NOW - HOUR, NOW + 100 * HOUR)


def settings_of(folder, **given) -> ProviderSettings:
    return ProviderSettings(rpc_url="", address_book=Path(), keystore=Path(), data=folder, **given)


def test_a_machine_that_runs_what_is_newest_is_well():
    found = judge(FRESH, "0.2.0", 24, NOW)
    assert (found.health, found.found) == (Health.OK, "version 0.2.0 was verified 1 hours ago; this is 0.2.0")


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (Seen(), "no release was verified yet"),
        (Seen(refused_at=NOW, refusal="It is forged."), "no release was verified yet: It is forged."),
        (Seen("0.2.0", NOW - 73 * HOUR, NOW + HOUR, NOW, "Away."), "73 hours ago, and nothing since: Away."),
        (Seen("0.2.0", NOW - HOUR, NOW), "and nothing since"),
        (Seen("0.3.0", NOW - HOUR, NOW + HOUR), "version 0.3.0 was verified 1 hours ago; this is 0.2.0"),
    ],
)
def test_what_is_amiss_is_warned_of(seen, said):
    found = judge(seen, "0.2.0", 24, NOW)
    assert found.health is Health.WARN and said in found.found and "hive provider update" in found.remedy


def test_what_is_judged_is_what_the_last_look_left(tmp_path):
    stated = settings_of(tmp_path, self_update="on", update_root=tmp_path / "r", update_url="http://127.0.0.1:9")
    record_seen(tmp_path / "update", FRESH)
    (found,) = examine_updates(stated, NOW)
    assert "0.2.0 was verified 1 hours ago" in found.found


def test_nothing_is_said_where_updates_are_off(tmp_path):
    assert examine_updates(settings_of(tmp_path), NOW) == []


def test_updates_without_a_root_fail(tmp_path):
    stated = settings_of(tmp_path, self_update="check")
    assert [each.health for each in examine_updates(stated, NOW)] == [Health.FAIL]
    with pytest.raises(SettingsError, match="UPDATE_ROOT"):
        check_updates(stated, NOW)
