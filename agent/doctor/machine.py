"""The machine: processor, memory, disk, power, GPUs, runtimes. Checks take the readings that they judge."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from agent.doctor.finding import Finding, failed, warned, well
from agent.inventory import read_cpu, read_memory_mb, survey_gpus
from agent.runtimes import RUNTIMES
from marketplace.client.jobs import DEFAULT_RESOURCES
from marketplace.errors import MarketError
from marketplace.protocol.units import BYTES_PER_MB

MIN_DISK_MB = 1_000
FULL_PERCENT = 95
"""A disk fuller than this is soon full: jobs' outputs and the journal wait on it."""
HEAVY_SWAP_PERCENT = 25
"""Of the swap space. Idle pages are swapped out on healthy machines too; this much is memory that jobs miss."""
_UNITS = "COMPUTEHIVE_AGENT_UNITS"


def check_cpu() -> Finding:
    """What processor there is."""
    cpu = read_cpu()
    wide = [name for name in ("avx2", "avx512f") if name in cpu.features]
    return well("cpu", f"{cpu.model or cpu.architecture}, {cpu.cores} cores, {' '.join(wide) or 'no AVX2'}")


def check_units(units: int, cores: int) -> Finding:
    """Jobs at once, against cores: an offer has at least one vCPU a unit, whether there is one or not."""
    found = f"{units} at once on {cores} cores"
    if units > cores:
        return warned(
            "units", found, f"Jobs that share a core may run out of their seconds: {_UNITS}={cores} or fewer."
        )
    return well("units", found)


def check_memory(memory_mb: int, units: int) -> Finding:
    """Memory of a unit, against what a job asks for that says nothing."""
    usual, share = DEFAULT_RESOURCES.memory_mb, memory_mb // units
    found = f"{memory_mb} MB" + (f", {share} MB a unit" if units > 1 else "")
    if memory_mb < usual:
        return warned("memory", found, f"Most jobs ask for {usual} MB, which this machine has not.")
    if share < usual:
        fewer = memory_mb // usual
        return warned("memory", found, f"Most jobs ask for {usual} MB and take several units: {_UNITS}={fewer}.")
    return well("memory", found)


def check_swap(read: Callable[[], Any] = psutil.swap_memory) -> Finding:
    """Whether the machine already works with more memory than it has."""
    swap = read()
    if not swap.total:
        return well("swap", "none")
    found = f"{swap.percent:.0f} % of {swap.total // BYTES_PER_MB} MB in use"
    if swap.percent >= HEAVY_SWAP_PERCENT:
        return warned("swap", found, "Memory is short: jobs will crawl. End other programs, or offer fewer units.")
    return well("swap", found)


def check_disk(folder: Path, read: Callable[[Path], Any] = shutil.disk_usage) -> Finding:
    """Room under the data folder."""
    while not folder.exists():
        folder = folder.parent
    usage = read(folder)
    free, full = usage.free // BYTES_PER_MB, 100 * usage.used / max(1, usage.used + usage.free)
    if free < MIN_DISK_MB:
        return failed("disk", f"{free} MB free", f"Free {MIN_DISK_MB} MB.")
    if full >= FULL_PERCENT:
        return warned("disk", f"{free} MB free, {full:.0f} % full", "Make room before it is full.")
    return well("disk", f"{free} MB free")


def check_power(read: Callable[[], Any] = lambda: _sensors("battery")) -> Finding:
    """Whether the machine will soon switch itself off."""
    battery = read()
    if battery is None:
        return well("power", "no battery")
    if battery.power_plugged is False:
        return warned(
            "power", f"on battery, {battery.percent:.0f} % left", "Plug it in: a job lost half-way is not paid."
        )
    return well("power", "plugged in")


def check_heat(read: Callable[[], Mapping[str, Sequence[Any]] | None] = lambda: _sensors("temperatures")) -> Finding:
    """Whether a sensor is above what its maker calls high: processors slow down then."""
    sensors = [(name, each) for name, found in (read() or {}).items() for each in found]
    hot = [f"{each.label or name} {each.current:.0f} °C" for name, each in sensors if is_hot(each)]
    if hot:
        return warned("heat", ", ".join(hot), "The processor slows down: clean the fans, or offer fewer units.")
    return well("heat", f"{max(each.current for _, each in sensors):.0f} °C at most" if sensors else "no sensor tells")


def _sensors(kind: str) -> Any:
    """What psutil reads of this kind; None on systems where it reads none."""
    read = getattr(psutil, f"sensors_{kind}", None)
    return read() if read else None


def is_hot(sensor: Any) -> bool:
    """Whether a reading is at or above its own mark; sensors without one say 0 or nothing."""
    return bool(sensor.high) and sensor.current >= sensor.high


def check_gpus() -> Finding:
    """Which GPUs there are, or why there are none."""
    survey = survey_gpus()
    named = ", ".join(f"{gpu.model} {gpu.memory_mb} MB" for gpu in survey.gpus)
    if survey.gpus and survey.note:
        return warned("gpu", f"{named}; {survey.note}", "Look into the driver's log (`dmesg`, `nvidia-smi`).")
    return well("gpu", named or f"none: {survey.note}")


def check_runtimes() -> list[Finding]:
    """Whether the ready-made runtimes, which most jobs need, are installed."""
    found = []
    for runtime in RUNTIMES.values():
        try:
            found.append(well(f"runtime {runtime.name}", f"{runtime.version}, {runtime.digest[:12]}…"))
        except MarketError as error:
            found.append(warned(f"runtime {runtime.name}", error.message, error.hint or ""))
    return found


def examine_machine(folder: Path, units: int, *, has_jobs: bool = True) -> list[Finding]:
    """Every check of the machine itself, as it is read now; without those of its room where jobs run elsewhere."""
    room = [check_units(units, read_cpu().cores), check_memory(read_memory_mb(), units)] if has_jobs else []
    gpus = [check_gpus()] if has_jobs else []
    return [
        check_cpu(), *room, check_swap(), check_disk(folder), check_power(), check_heat(), *gpus, *check_runtimes(),
    ]  # fmt: skip
