"""The workloads themselves. Apart from the rest of the package, whose result a daemon reads: they need numpy, 11 MB."""

from collections.abc import Callable, Sequence
from pathlib import Path

from agent.benchmark import disk, gpu, inference, processor, sandboxed
from agent.benchmark.timing import Row, Workload, measure

WORKLOADS: tuple[Workload, ...] = (
    Workload("sandbox_mfuel_per_second", "sandbox", "loop of integers and memory, as wasm", "Mfuel/s", sandboxed.loop),
    Workload(
        "python_mfuel_per_second", "python", "script: 300,000 words counted, as wasm", "Mfuel/s", sandboxed.python
    ),
    Workload("integer_mops_per_second", "integer", "50 million xorshift64 steps", "Mop/s", processor.integers),
    Workload("float_mflops_per_second", "float", "4 × 25 million a·b+c, double", "Mflop/s", processor.floats),
    Workload("memory_mb_per_second", "memory", "copy of 128 MB, both ways counted", "MB/s", processor.memory),
    Workload("disk_write_mb_per_second", "disk write", "64 MB written and synchronised", "MB/s", disk.write),
    Workload("disk_read_mb_per_second", "disk read", "64 MB read past the cache", "MB/s", disk.read),
    Workload("sha256_mb_per_second", "hash", "SHA-256 of 64 MB", "MB/s", processor.sha256),
    Workload("matmul_mflops_per_second", "matrices", "1024² float32, all cores", "Mflop/s", processor.matmul),
    Workload("inferences_per_minute", "inference", "40 × magika (ONNX), batch of 1", "1/min", inference.inference),
    Workload("gpu_gflops_per_second", "GPU matrices", "20 × 4096² float32", "Gflop/s", gpu.matmul),
)
"""In the order in which they run. One core each where nothing else is said."""


def run_benchmark(workloads: Sequence[Workload], folder: Path, tell: Callable[[str], None]) -> list[Row]:
    """Measure the workloads, one after the other; `tell` hears the name of each before it starts.

    `folder` is the agent's data folder: its disk is measured, and nothing stays in it. Best done while the machine
    does nothing else.
    """
    rows = []
    for workload in workloads:
        tell(workload.name)
        rows.append(measure(workload, folder))
    return rows
