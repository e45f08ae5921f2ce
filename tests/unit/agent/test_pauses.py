"""When a machine takes no new leases for a while: its hours, its disk, its battery, its heat."""

from datetime import datetime, time
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import psutil
import pytest
from structlog.testing import capture_logs

from agent import vitals
from agent.pauses import LOOK_SECONDS, Pauses
from agent.schedule import Day, Hours, is_open
from agent.vitals import BATTERY, DISK, HEAT, Caution, Heat, Vitals, find_worries, read_heats, read_vitals
from tests.unit.agent.played_provider import make_provider
from tests.unit.clearing.market import NOW

PARIS = "Europe/Paris"
NIGHTS = Hours(days=(Day.FRI,), opens=time(22), closes=time(6), time_zone=PARIS)
CAUTION = Caution(min_free_disk_mb=1_000, min_battery_percent=40, max_celsius=90)


def at(text: str, zone: str = PARIS) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


# --- hours ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2026-11-20T21:59", False), ("2026-11-20T22:00", True), ("2026-11-21T05:59", True),
        ("2026-11-21T06:00", False), ("2026-11-21T22:30", False), ("2026-11-20T05:00", False),
    ],
)  # fmt: skip
def test_night_belongs_to_the_day_on_which_it_begins(when, expected):
    assert NIGHTS.holds(at(when)) is expected


def test_hours_are_those_of_the_clock_on_the_wall_in_summer_and_in_winter():
    office = Hours(opens=time(9), closes=time(17), time_zone=PARIS)
    assert office.holds(at("2026-07-01T09:00")) and office.holds(at("2026-12-01T09:00"))
    assert office.holds(at("2026-07-01T07:30", "UTC")) and not office.holds(at("2026-12-01T07:30", "UTC"))


def test_midnight_to_midnight_is_the_whole_day():
    weekend = Hours(days=(Day.SAT, Day.SUN), time_zone=PARIS)
    assert weekend.holds(at("2026-11-21T00:00")) and weekend.holds(at("2026-11-22T23:59:59"))
    assert not weekend.holds(at("2026-11-20T23:59:59")) and not weekend.holds(at("2026-11-23T00:00"))


def test_without_hours_it_is_always_open_and_with_several_any_will_do():
    assert is_open((), NOW)
    noon = Hours(opens=time(12), closes=time(13), time_zone=PARIS)
    assert is_open((noon, NIGHTS), at("2026-11-20T23:00")) and is_open((noon, NIGHTS), at("2026-11-20T12:30"))
    assert not is_open((noon, NIGHTS), at("2026-11-20T14:00"))


# --- the machine ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "kinds"),
    [
        (Vitals(), set()),
        (Vitals(free_disk_mb=1_000, battery_percent=40, heats=(Heat("cpu", 89.9),)), set()),
        (Vitals(free_disk_mb=999), {DISK}),
        (Vitals(battery_percent=39.9), {BATTERY}),
        (Vitals(heats=(Heat("cpu", 50), Heat("gpu", 90))), {HEAT}),
        (Vitals(heats=(Heat("nvme", 80, critical=80),)), {HEAT}),
        (Vitals(free_disk_mb=0, battery_percent=0, heats=(Heat("cpu", 99),)), {DISK, BATTERY, HEAT}),
    ],
)
def test_machine_in_need_takes_nothing_new(found, kinds):
    assert set(find_worries(found, CAUTION)) == kinds


def test_each_caution_can_be_turned_off():
    worst = Vitals(free_disk_mb=0, battery_percent=0, heats=(Heat("cpu", 140, critical=100),))
    assert find_worries(worst, Caution()) == {}


@pytest.mark.parametrize(
    ("kind", "barely", "clearly"),
    [
        (DISK, Vitals(free_disk_mb=1_249), Vitals(free_disk_mb=1_250)),
        (BATTERY, Vitals(battery_percent=44.9), Vitals(battery_percent=45)),
        (HEAT, Vitals(heats=(Heat("cpu", 80),)), Vitals(heats=(Heat("cpu", 79.9),))),
    ],
)
def test_machine_that_is_barely_better_does_not_come_and_go(kind, barely, clearly):
    assert find_worries(barely, CAUTION) == {}
    assert set(find_worries(barely, CAUTION, {kind})) == {kind}
    assert find_worries(clearly, CAUTION, {kind}) == {}


def test_reading_that_is_no_temperature_is_left_out():
    chip = [SimpleNamespace(label="", current=each, critical=wrong) for each, wrong in ((0.0, None), (65_261.8, 0))]
    assert list(read_heats({"acpitz": chip})) == []
    hot = SimpleNamespace(label="Core 0", current=71.0, critical=65_261.8)
    assert list(read_heats({"coretemp": [hot]})) == [Heat("coretemp Core 0", 71.0, None)]


def test_machine_without_sensors_is_judged_by_its_disk_alone(tmp_path, monkeypatch):
    monkeypatch.delattr(psutil, "sensors_temperatures", raising=False)
    monkeypatch.setattr(psutil, "sensors_battery", lambda: (_ for _ in ()).throw(OSError("driver")), raising=False)
    found = read_vitals(tmp_path)
    assert (found.battery_percent, found.heats) == (None, ()) and found.free_disk_mb >= 0


@pytest.mark.parametrize(("plugged", "expected"), [(False, 12), (True, None), (None, None)])
def test_battery_counts_only_while_the_machine_runs_on_it(tmp_path, monkeypatch, plugged, expected):
    battery = SimpleNamespace(percent=12, power_plugged=plugged)
    monkeypatch.setattr(vitals.psutil, "sensors_battery", lambda: battery, raising=False)
    assert read_vitals(tmp_path).battery_percent == expected


# --- the daemon -------------------------------------------------------------------------------------------------------


class Machine:
    """Vitals and a clock that a test changes."""

    def __init__(self, schedule=()):
        self.vitals, self.now = Vitals(free_disk_mb=5_000), at("2026-11-20T23:00")
        self.pauses = Pauses(schedule, CAUTION, lambda: self.vitals, lambda: self.now)

    def after(self, seconds=LOOK_SECONDS) -> bool:
        self.now += seconds
        return self.pauses.is_paused()


def test_pause_is_told_once_with_its_reason_and_so_is_its_end():
    machine = Machine()
    with capture_logs() as lines:
        assert not machine.after()
        machine.vitals = Vitals(free_disk_mb=10)
        assert machine.after() and machine.after()
        machine.vitals = Vitals(free_disk_mb=5_000)
        assert not machine.after() and not machine.after()
    assert [line["event"] for line in lines] == ["no new leases", "offering again"]
    assert "10 MB of disk free" in lines[0]["why"]


def test_machine_is_looked_at_now_and_then_only():
    machine = Machine()
    assert not machine.after()
    machine.vitals = Vitals(free_disk_mb=10)
    assert not machine.after(LOOK_SECONDS - 1) and machine.after(1)


def test_ask_is_taken_back_outside_the_hours_and_posted_again_inside(market, tmp_path):
    machine = Machine((NIGHTS,))
    provider = make_provider(market, tmp_path, pauses=machine.pauses)
    provider.keep_ask()
    machine.now = at("2026-11-21T06:00")
    provider.keep_ask()
    provider.keep_ask()
    assert (len(market.asks), len(market.cancels)) == (1, 1)
    machine.now = at("2026-11-27T22:00")
    provider.keep_ask()
    assert len(market.asks) == 2


def test_daemon_that_starts_in_a_pause_takes_back_what_it_left_standing(market, tmp_path):
    make_provider(market, tmp_path).keep_ask()
    machine = Machine((NIGHTS,))
    machine.now = at("2026-11-23T12:00")
    make_provider(market, tmp_path, pauses=machine.pauses).keep_ask()
    assert (len(market.asks), len(market.cancels)) == (1, 1)
