"""The eight bids of the story: what each runs, what it reserves, how it must end."""

from dataclasses import dataclass
from pathlib import Path

from marketplace.protocol.metering import Resources
from marketplace.protocol.units import FUEL_PER_GFUEL

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
BUILT = ROOT / "build" / "examples"
PROGRAMS = Path(__file__).with_name("programs")
POWER = EXAMPLES / "data" / "rack_power.csv"
CAP_FACTOR = 3
"""How many times the price it is quoted a renter is ready to pay at most, where the story names no cap."""


@dataclass(frozen=True, slots=True)
class DemoJob:
    """One bid. `max_price` in micro-USDC; `ends` is the state it must end in."""

    key: str
    title: str
    renter: str
    program: Path
    ends: str
    resources: Resources
    inputs: tuple[Path, ...] = ()
    args: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    max_price: int | None = None


def reserve(
    fuel_gfuel: float, *, seconds: int = 60, memory_mb: int = 256, egress_mb: int = 2, gpus: int = 0
) -> Resources:
    """What a bid reserves, on one vCPU."""
    return Resources(gpus, 1, memory_mb, seconds, int(fuel_gfuel * FUEL_PER_GFUEL), egress_mb)


JOBS = (
    DemoJob(
        "raytrace",
        "Ray trace a hive of glass and honey (C, heavy)",
        "Ben",
        BUILT / "raytrace.wasm",
        ends="paid",
        resources=reserve(16, seconds=120),
        args=("hive.png", "480", "300", "8"),
    ),
    DemoJob(
        "analyse",
        "Find broken sensors in 1,152 readings (Python)",
        "Ada",
        EXAMPLES / "analyse.py",
        ends="paid",
        resources=reserve(4),
        inputs=(POWER,),
    ),
    DemoJob(
        "woodcut",
        "Turn a painting into a woodcut (C)",
        "Ada",
        BUILT / "woodcut.wasm",
        ends="paid",
        resources=reserve(6),
        inputs=(BUILT / "picture.ppm",),
        args=("picture.ppm", "woodcut.png"),
    ),
    DemoJob(
        "wordcount",
        "Count words of the Gettysburg Address (JavaScript)",
        "Ben",
        EXAMPLES / "wordcount.js",
        ends="paid",
        resources=reserve(1),
        inputs=(EXAMPLES / "data" / "gettysburg.txt",),
        args=("gettysburg.txt",),
    ),
    DemoJob(
        "runaway",
        "A program that loops for ever",
        "Ben",
        BUILT / "loop.wasm",
        ends="failed",
        resources=reserve(1),
    ),
    DemoJob(
        "forged",
        "Add up a ledger in us-south, where Cedar is alone",
        "Ada",
        PROGRAMS / "ledger_total.py",
        ends="fraud",
        resources=reserve(3),
        inputs=(POWER,),
        args=("rack_power.csv",),
        regions=("us-south",),
    ),
    DemoJob(
        "eightgpus",
        "The same analysis on eight GPUs, which nobody has",
        "Ben",
        EXAMPLES / "analyse.py",
        ends="queued",
        resources=reserve(4, gpus=8),
        inputs=(POWER,),
        max_price=5_000_000,
    ),
    DemoJob(
        "stingy",
        "The woodcut again, for a hundredth of a cent at most",
        "Ada",
        BUILT / "woodcut.wasm",
        ends="cancelled",
        resources=reserve(6),
        inputs=(BUILT / "picture.ppm",),
        args=("picture.ppm", "again.png"),
        max_price=100,
    ),
)
