"""Whether this machine had better take no new work: its disk is nearly full, its battery nearly empty, or it is hot.

What to do is decided from numbers alone; `read_vitals` fetches them. A machine without a battery or without sensors
gives none, and is judged by the rest.
"""

import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from marketplace.protocol.units import BYTES_PER_MB

DISK, BATTERY, HEAT = "disk", "battery", "heat"
COOLER_BY, FULLER_BY, ROOMIER_BY = 10, 5, 1.25
"""By how much it must be better before the machine offers again, so that it does not come and go: degrees Celsius,
percent of the battery, times the free disk space."""
PLAUSIBLE_CELSIUS = range(1, 151)
"""What else sensors report, zero and 65261 among it, is no temperature."""


@dataclass(frozen=True, slots=True)
class Heat:
    """The sensor that is nearest to its limit, degrees Celsius. `critical` is what its maker states, if anything."""

    sensor: str
    celsius: float
    critical: float | None = None


@dataclass(frozen=True, slots=True)
class Vitals:
    """What this machine reports; None where it has no such thing."""

    free_disk_mb: int | None = None
    battery_percent: float | None = None
    """Of the battery that it runs on: None while it is plugged in."""
    heats: tuple[Heat, ...] = ()


@dataclass(frozen=True, slots=True)
class Caution:
    """When to take no new leases. Zero turns each off."""

    min_free_disk_mb: int = 0
    min_battery_percent: int = 0
    max_celsius: int = 0


def find_worries(vitals: Vitals, caution: Caution, before: Collection[str] = ()) -> dict[str, str]:
    """Why to take no new leases, in words, by kind; empty where nothing speaks against it.

    `before`: the kinds of the last answer. Each of these ends only once the machine is clearly better.
    """
    found = {
        DISK: _disk(vitals, caution, was=DISK in before),
        BATTERY: _battery(vitals, caution, was=BATTERY in before),
        HEAT: _heat(vitals, caution, was=HEAT in before),
    }
    return {kind: reason for kind, reason in found.items() if reason}


def _disk(vitals: Vitals, caution: Caution, *, was: bool) -> str:
    least = caution.min_free_disk_mb * (ROOMIER_BY if was else 1)
    if vitals.free_disk_mb is None or vitals.free_disk_mb >= least:
        return ""
    return f"{vitals.free_disk_mb} MB of disk free, {least:.0f} wanted"


def _battery(vitals: Vitals, caution: Caution, *, was: bool) -> str:
    percent, least = vitals.battery_percent, caution.min_battery_percent
    if percent is None or not least or percent >= least + (FULLER_BY if was else 0):
        return ""
    return f"on battery, at {percent:.0f}%"


def _heat(vitals: Vitals, caution: Caution, *, was: bool) -> str:
    if not caution.max_celsius:
        return ""
    for heat in vitals.heats:
        limit = min(caution.max_celsius, heat.critical or caution.max_celsius) - (COOLER_BY if was else 0)
        if heat.celsius >= limit:
            return f"{heat.sensor} is at {heat.celsius:.0f} °C, {limit:.0f} are the limit"
    return ""


def read_vitals(folder: Path) -> Vitals:
    """This machine's. `folder` is on the disk that counts."""
    return Vitals(_free_disk_mb(folder), _battery_percent(), tuple(read_heats(_sensors("sensors_temperatures") or {})))


def _free_disk_mb(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free // BYTES_PER_MB
    except OSError:
        return None


def _battery_percent() -> float | None:
    battery = _sensors("sensors_battery")
    return None if battery is None or battery.power_plugged is not False else battery.percent


def read_heats(sensors: Mapping[str, Sequence[Any]]) -> Iterator[Heat]:
    """The temperatures in what psutil reports."""
    for chip, readings in sensors.items():
        for each in readings:
            if int(each.current) in PLAUSIBLE_CELSIUS:
                critical = each.critical if each.critical and int(each.critical) in PLAUSIBLE_CELSIUS else None
                yield Heat(f"{chip} {each.label}".strip(), each.current, critical)


def _sensors(name: str) -> Any:
    """Sensors are not there on every system, and their drivers fail in many ways: no reading is no reading."""
    try:
        return getattr(psutil, name)()
    except (AttributeError, OSError, RuntimeError, ValueError, psutil.Error):
        return None
