"""The first NVIDIA GPU, through PyTorch or CuPy where one of them is installed: ComputeHive itself needs neither."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.benchmark.timing import Repetition, timed
from agent.inventory import survey_gpus
from marketplace.errors import AgentError

MATRIX, PRODUCTS = 4_096, 20
GFLOP = 1_000_000_000
_HINT = "Install PyTorch or CuPy for this machine's driver, where the GPU's speed is to be shown."


@contextmanager
def matmul(_: Path) -> Iterator[Repetition]:
    """Products of single-precision matrices on the GPU. Raises AgentError where there is none, or no way to use it."""
    survey = survey_gpus()
    if not survey.gpus:
        raise AgentError(f"{survey.note}.")
    multiply, wait = find_library(importlib.import_module)
    yield repeated(multiply, wait)


def repeated(multiply: Callable[[], Any], wait: Callable[[], Any], products: int = PRODUCTS) -> Repetition:
    """A repetition of several products, over when the GPU has done the last."""

    def work() -> None:
        for _ in range(products):
            multiply()
        wait()

    return timed(2 * MATRIX**3 * products / GFLOP, work)


def find_library(load: Callable[[str], Any]) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """How to start one product, and how to wait for all. `load` imports by name. Raises AgentError where neither is."""
    reasons = []
    for name, prepare in (("torch", _torch), ("cupy", _cupy)):
        try:
            return prepare(load(name))
        except ImportError:
            reasons.append(f"{name} is not installed")
        except Exception as error:  # each has errors of its own for a driver that does not fit
            reasons.append(f"{name} cannot use the GPU ({str(error).strip().partition(chr(10))[0]})")
    raise AgentError(f"{', '.join(reasons)}.", hint=_HINT)


def _torch(torch: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
    left, right = (torch.rand((MATRIX, MATRIX), dtype=torch.float32, device="cuda") for _ in range(2))
    torch.cuda.synchronize()
    return lambda: torch.matmul(left, right), torch.cuda.synchronize


def _cupy(cupy: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
    left, right = (cupy.random.random((MATRIX, MATRIX)).astype(cupy.float32) for _ in range(2))
    wait = cupy.cuda.Device().synchronize
    wait()
    return lambda: cupy.matmul(left, right), wait
