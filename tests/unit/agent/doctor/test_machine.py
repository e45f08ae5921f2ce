"""What the doctor makes of a machine's readings."""

from types import SimpleNamespace

import psutil
import pytest

from agent.doctor import machine
from agent.doctor.finding import Health
from agent.doctor.machine import (
    check_disk,
    check_gpus,
    check_heat,
    check_memory,
    check_power,
    check_runtimes,
    check_swap,
    check_units,
)
from agent.inventory import GpuSurvey
from marketplace.errors import AgentError
from marketplace.protocol.profile import Gpu

MB = 1_000_000


def test_more_units_than_cores_share_them():
    assert check_units(2, 2).health is Health.OK
    found = check_units(5, 2)
    assert found.health is Health.WARN and "COMPUTEHIVE_AGENT_UNITS=2" in found.remedy


@pytest.mark.parametrize(
    ("memory_mb", "units", "health", "said"),
    [(2_048, 4, Health.OK, "512 MB a unit"), (2_048, 5, Health.WARN, "COMPUTEHIVE_AGENT_UNITS=4"),
     (500, 1, Health.WARN, "which this machine has not"), (512, 1, Health.OK, "512 MB")],
)  # fmt: skip
def test_unit_must_have_the_memory_of_a_usual_job(memory_mb, units, health, said):
    found = check_memory(memory_mb, units)
    assert found.health is health and said in found.found + found.remedy


@pytest.mark.parametrize(
    ("total", "percent", "health"), [(0, 0, Health.OK), (1_000, 24, Health.OK), (1_000, 25, Health.WARN)]
)
def test_machine_that_lives_on_swap_is_warned_of(total, percent, health):
    assert check_swap(lambda: SimpleNamespace(total=total * MB, percent=percent)).health is health


@pytest.mark.parametrize(
    ("used_mb", "free_mb", "health"),
    [(1, 999, Health.FAIL), (1, 1_000, Health.OK), (94_000, 6_000, Health.OK), (95_000, 5_000, Health.WARN)],
)
def test_disk_must_have_room_and_is_warned_of_before_it_is_full(tmp_path, used_mb, free_mb, health):
    asked = []

    def read(folder):
        asked.append(folder)
        return SimpleNamespace(used=used_mb * MB, free=free_mb * MB)

    assert check_disk(tmp_path / "not" / "yet", read).health is health
    assert asked == [tmp_path]


@pytest.mark.parametrize(
    ("plugged", "health"), [(True, Health.OK), (None, Health.OK), (False, Health.WARN)]
)  # psutil says None where it cannot tell
def test_battery_is_warned_of_while_nothing_charges_it(plugged, health):
    battery = SimpleNamespace(percent=61.4, power_plugged=plugged)
    assert check_power(lambda: battery).health is health
    assert check_power(lambda: None).found == "no battery"


def sensor(current, high, label=""):
    return SimpleNamespace(label=label, current=current, high=high, critical=high)


def test_heat_is_judged_by_each_sensors_own_mark():
    cool = {"coretemp": [sensor(70.0, 80.0, "Package"), sensor(99.0, None)], "acpitz": [sensor(40.0, 0.0)]}
    assert check_heat(lambda: cool).found == "99 °C at most"
    hot = check_heat(lambda: cool | {"nvme": [sensor(84.9, 84.8)]})
    assert hot.health is Health.WARN and hot.found == "nvme 85 °C"


def test_system_without_sensors_says_that_none_tells(monkeypatch):
    monkeypatch.delattr(psutil, "sensors_temperatures", raising=False)
    monkeypatch.delattr(psutil, "sensors_battery", raising=False)
    assert (check_heat().found, check_power().found) == ("no sensor tells", "no battery")


def test_lost_gpu_beside_a_healthy_one_is_warned_of(monkeypatch):
    survey = GpuSurvey((Gpu(model="H100", memory_mb=80_000),), "GPU 1 is left out: GPU is lost")
    monkeypatch.setattr(machine, "survey_gpus", lambda: survey)
    found = check_gpus()
    assert found.health is Health.WARN and "H100 80000 MB; GPU 1 is left out" in found.found


def test_runtime_that_is_not_installed_is_warned_of_with_the_way_to_get_it(monkeypatch):
    class Missing:
        name, version = "python", "3"

        @property
        def digest(self):
            raise AgentError("not installed.", hint="Install it.")

    monkeypatch.setattr(machine, "RUNTIMES", {"python": Missing()})
    (found,) = check_runtimes()
    assert (found.health, found.name, found.remedy) == (Health.WARN, "runtime python", "Install it.")
