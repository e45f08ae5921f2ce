"""Checks what ComputeHive says of this machine's GPUs, to be run on a machine that has some.

    python -m scripts.check_gpu [--require]

Three things: that the inventory agrees with `nvidia-smi`, a program that is not ours, GPU by GPU (one in MIG mode
without instances is a difference: nothing of it can be rented); that the node profile which follows from it can be
signed (it survives its JSON form, and a second look gives the same); and how fast the first GPU multiplies matrices,
where PyTorch or CuPy is installed.

Exit status: 0 where all of it holds, and on a machine without an NVIDIA driver, which is said and on which nothing is
checked; 1 where something does not hold, also a driver that answers for no GPU. With --require a machine without a
driver is a failure too.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from agent.benchmark.timing import measure
from agent.benchmark.workloads import WORKLOADS
from agent.inventory import survey_gpus, take_inventory
from marketplace.protocol.profile import Gpu, NodeProfile

SMI = "nvidia-smi"
SMI_SECONDS = 30
GPU_FIELD = "gpu_gflops_per_second"
_WHOLE = re.compile(r"^GPU \d+: (.+) \(UUID: [^)]+\)$")
_INSTANCE = re.compile(r"^ +MIG (\S+) +Device +\d+: \(UUID: [^)]+\)$")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was checked; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.check_gpu", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--require", action="store_true", help="fail on a machine without an NVIDIA driver")
    required = parser.parse_args(arguments).require
    survey = survey_gpus()
    if not survey.has_driver:
        print(f"No GPU, nothing was checked: {survey.note}.")
        return 1 if required else 0
    for gpu in survey.gpus:
        print(f"found     {describe(gpu)}")
    problems = [survey.note] if survey.note else []
    problems += compare(survey.gpus, ask_smi()) + check_profile()
    print_speed()
    for problem in problems:
        print(f"PROBLEM   {problem}", file=sys.stderr)
    print("Something does not hold." if problems else "All of it holds.")
    return 1 if problems else 0


def describe(gpu: Gpu) -> str:
    """One GPU in a line."""
    kind = "instance" if gpu.mig else "whole"
    return f"{gpu.model}, {gpu.memory_mb} MB, {kind}, compute {gpu.compute_capability}, driver {gpu.driver}"


def ask_smi() -> str | None:
    """What `nvidia-smi -L` lists; None where the program is not there or fails."""
    try:
        ran = subprocess.run([SMI, "-L"], capture_output=True, text=True, timeout=SMI_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return ran.stdout


def read_smi(text: str) -> list[str]:
    """The GPUs in a list of `nvidia-smi -L`, as `Gpu.model` names them: of one in MIG mode its instances alone."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        whole, instance = _WHOLE.match(line), _INSTANCE.match(line)
        if whole:
            found.append((whole[1], []))
        elif instance and found:
            found[-1][1].append(f"{found[-1][0]} MIG {instance[1]}")
    return [name for model, instances in found for name in instances or [model]]


def compare(gpus: Sequence[Gpu], listed: str | None) -> list[str]:
    """Where the inventory and `nvidia-smi` differ."""
    if listed is None:
        print(f"skipped   {SMI} is not here or fails: the inventory stands alone")
        return []
    ours, theirs = sorted(gpu.model for gpu in gpus), sorted(read_smi(listed))
    if ours != theirs:
        return [f"the inventory has {ours or 'no GPU'}, {SMI} lists {theirs or 'none'}"]
    print(f"agrees    with {SMI}, {len(ours)} in all")
    return []


def check_profile() -> list[str]:
    """What keeps the node profile of this machine from being signed."""
    first, second = (take_inventory("here") for _ in range(2))
    if NodeProfile.parse(first.to_json()) != first:
        return ["the node profile does not survive its JSON form"]
    if first.digest() != second.digest():
        return ["two looks at this machine give two node profiles: every start would sign another ask"]
    print(f"profile   {first.digest()}")
    return []


def print_speed() -> None:
    """The benchmark's own GPU workload; a row that says why where it cannot be run."""
    (workload,) = (each for each in WORKLOADS if each.field == GPU_FIELD)
    with tempfile.TemporaryDirectory() as folder:
        row = measure(workload, Path(folder))
    print(f"speed     {row.note or f'{row.score:,} {row.unit} ({row.work}), spread {row.spread_percent} %'}")


if __name__ == "__main__":
    sys.exit(main())
