"""Processor and memory outside the sandbox: integers, floats, copying, hashing, matrices.

Loops are compiled by numba, so that the machine is measured and not the interpreter.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from agent.benchmark.timing import Repetition, timed
from marketplace.protocol.units import BYTES_PER_MB

MILLION = 1_000_000
INTEGER_STEPS, INTEGER_OPS_A_STEP = 50 * MILLION, 7
FLOAT_STEPS, FLOAT_LANES = 25 * MILLION, 4
"""A multiplication and an addition in each lane: one after the other in a lane, beside each other across lanes."""
COPY_MB, HASH_MB = 128, 64
MATRIX = 1_024


@contextmanager
def integers(_: Path) -> Iterator[Repetition]:
    """Marsaglia's xorshift64 (J. Stat. Software 8(14), 2003), each number added up: 3 shifts, 3 xors, 1 addition."""
    loop = _compiled(_xorshift)
    yield timed(INTEGER_STEPS * INTEGER_OPS_A_STEP / MILLION, lambda: loop(np.uint64(88172645463325252), INTEGER_STEPS))


@contextmanager
def floats(_: Path) -> Iterator[Repetition]:
    """Four chains of double-precision multiplications and additions that stay near 1."""
    loop = _compiled(_multiply_add)
    yield timed(FLOAT_STEPS * FLOAT_LANES * 2 / MILLION, lambda: loop(1.0, FLOAT_STEPS))


@contextmanager
def memory(_: Path) -> Iterator[Repetition]:
    """One array copied over another, as in STREAM's Copy; both directions count."""
    source = np.ones(COPY_MB * BYTES_PER_MB, dtype=np.uint8)
    target = np.zeros_like(source)
    yield timed(2 * COPY_MB, lambda: np.copyto(target, source))


@contextmanager
def sha256(_: Path) -> Iterator[Repetition]:
    """SHA-256 of a buffer, as every blob and result is named."""
    data = bytes(HASH_MB * BYTES_PER_MB)
    yield timed(HASH_MB, lambda: hashlib.sha256(data).digest())


@contextmanager
def matmul(_: Path) -> Iterator[Repetition]:
    """A product of two square single-precision matrices: 2·n³ operations."""
    draw = np.random.default_rng(1)
    left, right = (draw.random((MATRIX, MATRIX), dtype=np.float32) for _ in range(2))
    target = np.empty_like(left)
    yield timed(2 * MATRIX**3 / MILLION, lambda: np.matmul(left, right, out=target))


def _xorshift(state: np.uint64, steps: int) -> np.uint64:
    total = np.uint64(0)
    for _ in range(steps):
        state ^= state << np.uint64(13)
        state ^= state >> np.uint64(7)
        state ^= state << np.uint64(17)
        total += state
    return total


def _multiply_add(start: float, steps: int) -> float:
    a, b, c, d = start, start + 0.1, start + 0.2, start + 0.3
    for _ in range(steps):
        a = a * 0.999 + 0.001
        b = b * 0.999 + 0.001
        c = c * 0.999 + 0.001
        d = d * 0.999 + 0.001
    return a + b + c + d


def _compiled(loop: Callable) -> Callable:
    from numba import njit  # takes a second to load: for nobody but the benchmark

    return njit(loop)
