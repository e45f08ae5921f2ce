"""What NVIDIA GPUs do now, as NVML, the library of their driver, says. Needs the driver, not CUDA."""

from collections.abc import Callable
from typing import Any

import pynvml
from pydantic import BaseModel

from marketplace.protocol.units import BYTES_PER_MB

_MILLIWATTS = 1_000


class GpuStats(BaseModel):
    """One GPU, a whole one also in MIG mode. None for what it does not say, as in MIG mode its use."""

    id: str
    model: str
    memory_total_mb: int
    memory_used_mb: int
    gpu_percent: int | None
    """Share of the last sample period (1/6 to 1 s) in which a kernel ran."""
    memory_percent: int | None
    """Share in which memory was read or written."""
    temperature_celsius: int | None
    power_watts: float | None


def read_gpu_stats() -> tuple[list[GpuStats], str]:
    """Of every GPU that answers; and for a person why there are none or fewer, empty where all did."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError_LibraryNotFound:
        return [], "no NVIDIA driver on this machine (libnvidia-ml.so.1 not found)"
    except pynvml.NVMLError as error:
        return [], f"the NVIDIA driver does not answer: {error}"
    try:
        return _read_all()
    except pynvml.NVMLError as error:
        return [], f"the NVIDIA driver does not answer: {error}"
    finally:
        pynvml.nvmlShutdown()


def _read_all() -> tuple[list[GpuStats], str]:
    found, problems = [], []
    for index in range(pynvml.nvmlDeviceGetCount()):
        try:
            found.append(_read(pynvml.nvmlDeviceGetHandleByIndex(index)))
        except pynvml.NVMLError as error:
            problems.append(f"GPU {index} is left out: {error}")
    return found, "; ".join(problems)


def _read(handle: Any) -> GpuStats:
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    use = _if_said(lambda: pynvml.nvmlDeviceGetUtilizationRates(handle))
    power = _if_said(lambda: pynvml.nvmlDeviceGetPowerUsage(handle))
    return GpuStats(
        id=_text(pynvml.nvmlDeviceGetUUID(handle)),
        model=_text(pynvml.nvmlDeviceGetName(handle)),
        memory_total_mb=memory.total // BYTES_PER_MB,
        memory_used_mb=memory.used // BYTES_PER_MB,
        gpu_percent=None if use is None else use.gpu,
        memory_percent=None if use is None else use.memory,
        temperature_celsius=_if_said(lambda: pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)),
        power_watts=None if power is None else power / _MILLIWATTS,
    )


def _if_said(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except (pynvml.NVMLError_NotSupported, pynvml.NVMLError_FunctionNotFound, pynvml.NVMLError_NoPermission):
        return None


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
