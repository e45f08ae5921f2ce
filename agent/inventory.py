"""What this machine is: processor, memory, disk, NVIDIA GPUs, as the profile that an ask names by its digest.

    python -m agent.inventory      # print it

GPUs come from NVML, the library of the NVIDIA driver. A machine without that driver has no GPUs and says why;
so does one whose driver is broken: the rest of the profile stands.
"""

import json
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import pynvml

from agent.stated import Stated
from marketplace.protocol.profile import Benchmark, Cpu, Gpu, NodeProfile, Tee
from marketplace.protocol.units import BYTES_PER_MB

_CPUINFO = Path("/proc/cpuinfo")
_CGROUP = Path("/sys/fs/cgroup")
_FEATURE_PREFIXES = ("avx", "amx", "sse", "sve")
_FEATURES = frozenset((
    "aes", "asimd", "asimddp", "asimdhp", "atomics", "bf16", "bmi1", "bmi2", "crc32", "f16c", "fma", "gfni",
    "i8mm", "pclmulqdq", "pmull", "popcnt", "sha1", "sha2", "sha3", "sha512", "sha_ni", "sme", "sme2", "ssse3",
    "vaes", "vpclmulqdq",
))  # fmt: skip
"""Instruction sets that a program may be built for. Other flags help nobody choose a node."""
_TEE_DEVICES: dict[Tee, tuple[str, ...]] = {
    "sgx": ("sgx_enclave", "isgx"),
    "tdx": ("tdx_guest", "tdx-guest"),
    "sev-snp": ("sev-guest",),
}
"""Devices of SGX enclaves (in the kernel, and before it was), and of guests that can have TDX or SEV-SNP reports."""
_GB_IN_MB = 1_000


@dataclass(frozen=True, slots=True)
class GpuSurvey:
    """GPUs found, and why there are none or fewer."""

    gpus: tuple[Gpu, ...] = ()
    note: str = ""
    """For a person; empty where every GPU answered."""
    ids: tuple[str, ...] = ()
    """Of each GPU, as the driver and container engines know it."""
    has_driver: bool = True


def take_inventory(
    region: str,
    *,
    runtimes: dict[str, str] | None = None,
    sandboxes: tuple[str, ...] = ("wasm",),
    data_folder: Path | None = None,
    stated: Stated | None = None,
    preemptible_jobs: bool = False,
    benchmark: Benchmark | None = None,
) -> NodeProfile:
    """The profile of this machine.

    Equal from one start of the agent to the next unless the machine changes, since asks name its digest: free
    disk space is rounded down to a power of two of GB.

    Parameters
    ----------
    region
        Where the machine stands, such as "eu-de"; the provider's word.
    runtimes
        Ready-made runtimes it carries, digest by name.
    sandboxes
        Ways of running jobs that it has.
    data_folder
        Where jobs' files will lie (default: the working directory); its disk is the one that counts.
    stated
        What no inventory finds out.
    preemptible_jobs
        Whether it takes jobs that a better bid may end.
    benchmark
        What was measured on it, as it is stored: measuring anew at each start would change the digest.
    """
    stated = stated or Stated()
    return NodeProfile(
        region=region,
        cpu=read_cpu(),
        memory_mb=read_memory_mb(),
        disk_mb=read_disk_mb(data_folder or Path.cwd()),
        gpus=survey_gpus().gpus,
        sandboxes=sandboxes,
        runtimes=runtimes or {},
        carbon_grams_per_kwh=stated.carbon_grams_per_kwh,
        privacy_zones=stated.privacy_zones,
        tees=read_tees(),
        zone=stated.zone,
        rack=stated.rack,
        fixed_cost_per_hour=stated.fixed_cost_per_hour,
        preemptible_jobs=preemptible_jobs,
        benchmark=benchmark,
    )


def read_tees(devices: Path = Path("/dev")) -> tuple[Tee, ...]:
    """Trusted execution environments whose devices are here, as Linux names them."""
    return tuple(tee for tee, names in _TEE_DEVICES.items() if any((devices / name).exists() for name in names))


# --- processor, memory, disk -------------------------------------------------------------------------------------


def read_cpu() -> Cpu:
    """The processor, and the cores that this process may use."""
    text = _CPUINFO.read_text(errors="replace") if _CPUINFO.exists() else ""
    model, features = parse_cpuinfo(text)
    return Cpu(
        model=(model or platform.processor())[:128],
        architecture=platform.machine() or "unknown",
        cores=_usable_cores(),
        features=features,
    )


def parse_cpuinfo(text: str) -> tuple[str, tuple[str, ...]]:
    """Model name and instruction sets in the text of `/proc/cpuinfo`.

    Only what every core has is listed: a program may land on any of them. ARM kernels name no model.
    """
    model, common = "", None
    for line in text.splitlines():
        key, _, value = (part.strip() for part in line.partition(":"))
        if key == "model name" and not model:
            model = value
        if key in ("flags", "Features"):
            flags = frozenset(value.split())
            common = flags if common is None else common & flags
    chosen = {flag for flag in common or () if flag in _FEATURES or flag.startswith(_FEATURE_PREFIXES)}
    return model, tuple(sorted(chosen))


def _usable_cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota, _, period = _cgroup_value("cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit():
        cores = min(cores, int(quota) // int(period))
    return max(1, cores)


def read_memory_mb() -> int:
    """Memory that this process may use at most: the machine's, or what its control group allows."""
    total = psutil.virtual_memory().total
    allowed = _cgroup_value("memory.max")
    return (min(total, int(allowed)) if allowed.isdigit() else total) // BYTES_PER_MB


def _cgroup_value(name: str) -> str:
    try:
        return (_CGROUP / name).read_text().strip()
    except OSError:
        return ""  # no control groups of version 2, or the root group, which has no limits


def read_disk_mb(folder: Path) -> int:
    """Free space where `folder` is or will be, rounded down to a power of two of GB (0 below one)."""
    while not folder.exists():
        folder = folder.parent
    return round_down_disk_mb(psutil.disk_usage(str(folder)).free // BYTES_PER_MB)


def round_down_disk_mb(free_mb: int) -> int:
    """The greatest power of two of GB, in MB, that is not above `free_mb`; 0 below 1 GB."""
    whole_gb = free_mb // _GB_IN_MB
    return _GB_IN_MB << (whole_gb.bit_length() - 1) if whole_gb else 0


# --- GPUs --------------------------------------------------------------------------------------------------------


def survey_gpus() -> GpuSurvey:
    """Every NVIDIA GPU that can be rented out; of one in MIG mode, its instances, each as a GPU."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError_LibraryNotFound:
        return GpuSurvey(note="no NVIDIA driver on this machine (libnvidia-ml.so.1 not found)", has_driver=False)
    except pynvml.NVMLError as error:
        return GpuSurvey(note=f"the NVIDIA driver does not answer: {error}")
    try:
        return _survey_devices()
    except pynvml.NVMLError as error:
        return GpuSurvey(note=f"the NVIDIA driver does not answer: {error}")
    finally:
        pynvml.nvmlShutdown()


def _survey_devices() -> GpuSurvey:
    driver = _text(pynvml.nvmlSystemGetDriverVersion())
    found: list[tuple[str, Gpu]] = []
    problems: list[str] = []
    for index in range(pynvml.nvmlDeviceGetCount()):
        try:
            found.extend(_read_device(pynvml.nvmlDeviceGetHandleByIndex(index), driver))
        except pynvml.NVMLError as error:
            problems.append(f"GPU {index} is left out: {error}")
    if not found and not problems:
        problems.append(f"driver {driver} is here, but no GPU")
    return GpuSurvey(tuple(gpu for _, gpu in found), "; ".join(problems), tuple(name for name, _ in found))


def _read_device(handle: object, driver: str) -> list[tuple[str, Gpu]]:
    capability = _compute_capability(handle)
    if not _is_mig(handle):
        return [_gpu(handle, capability, driver, mig=False)]
    return [_gpu(instance, capability, driver, mig=True) for instance in _mig_instances(handle)]


def _gpu(handle: object, capability: str, driver: str, *, mig: bool) -> tuple[str, Gpu]:
    gpu = Gpu(
        model=_text(pynvml.nvmlDeviceGetName(handle)),
        memory_mb=pynvml.nvmlDeviceGetMemoryInfo(handle).total // BYTES_PER_MB,
        mig=mig,
        compute_capability=capability,
        driver=driver,
    )
    return _text(pynvml.nvmlDeviceGetUUID(handle)), gpu


def _compute_capability(handle: object) -> str:
    major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
    return f"{major}.{minor}"


def _is_mig(handle: object) -> bool:
    try:
        current, _pending = pynvml.nvmlDeviceGetMigMode(handle)
    except (pynvml.NVMLError_NotSupported, pynvml.NVMLError_FunctionNotFound):
        return False  # a GPU, or a driver, older than MIG
    return current == pynvml.NVML_DEVICE_MIG_ENABLE


def _mig_instances(handle: object) -> list[object]:
    found = []
    for index in range(pynvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        try:
            found.append(pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index))
        except pynvml.NVMLError_NotFound:
            continue  # the numbering has gaps where instances were destroyed
    return found


def _text(value: str | bytes) -> str:
    """NVML's binding has answered with either, depending on its version."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def main() -> None:
    """Print the profile of this machine as JSON; what is worth knowing about GPUs goes to standard error."""
    survey = survey_gpus()
    if survey.note:
        print(survey.note, file=sys.stderr)
    print(
        json.dumps(
            take_inventory(os.environ.get("COMPUTEHIVE_REGION", "unknown")).to_json(),
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
