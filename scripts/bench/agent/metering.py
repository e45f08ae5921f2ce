"""What counting fuel costs a program that does nothing but compute.

The same module runs on two engines with the sandbox's own switches, one with fuel and one without, by turns, so that a
machine that slows down slows down both; of each the least processor time counts. Loops over small blocks are what fuel
costs most: it is counted at every branch.
"""

import time
from dataclasses import dataclass

import wasmtime

from agent.sandbox.wasm import engine_config

FUEL = 2**62
FAR_AWAY = 2**31
"""Ticks until an engine would interrupt a run; nothing ticks here."""
SIEVE = """(module
  (memory (export "memory") 16)
  (func (export "_start") (result i32) (local $round i32) (local $n i32) (local $at i32) (local $found i32)
    (local.set $round (i32.const {rounds}))
    (loop $again
      (memory.fill (i32.const 0) (i32.const 1) (i32.const 1000000))
      (local.set $found (i32.const 0))
      (local.set $n (i32.const 2))
      (loop $next
        (if (i32.load8_u (local.get $n)) (then
          (local.set $found (i32.add (local.get $found) (i32.const 1)))
          (local.set $at (i32.shl (local.get $n) (i32.const 1)))
          (block $done (loop $strike
            (br_if $done (i32.ge_u (local.get $at) (i32.const 1000000)))
            (i32.store8 (local.get $at) (i32.const 0))
            (local.set $at (i32.add (local.get $at) (local.get $n)))
            (br $strike)))))
        (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000000))))
      (br_if $again (local.tee $round (i32.sub (local.get $round) (i32.const 1)))))
    (local.get $found)))"""
"""How many primes there are below a million, by striking out multiples; so many times over."""
PRIMES_BELOW_A_MILLION = 78_498


@dataclass(frozen=True, slots=True)
class Slowdown:
    """Least processor seconds of one run with fuel and without."""

    metered_seconds: float
    plain_seconds: float

    @property
    def ratio(self) -> float:
        """Above 1 where counting costs time."""
        return self.metered_seconds / self.plain_seconds


def metering_slowdown(rounds: int = 20, repeats: int = 5) -> Slowdown:
    """Run the sieve so many rounds long, so many times on either engine.

    Raises RuntimeError where an engine counts other primes than there are: then it has not done the work.
    """
    wasm = bytes(wasmtime.wat2wasm(SIEVE.format(rounds=rounds)))
    metered, plain = (_prepare(wasm, consume_fuel=fuel) for fuel in (True, False))
    times = [(_run_seconds(metered), _run_seconds(plain)) for _ in range(repeats)]
    return Slowdown(min(one for one, _ in times), min(other for _, other in times))


def report() -> tuple[list[str], dict[str, float]]:
    """Lines for people, and figures by name."""
    found = metering_slowdown()
    lines = ["Metering", f"{'a tight loop with fuel / without':<46}{found.ratio:10.2f}"]
    return lines, {"metering_slowdown": found.ratio}


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A compiled module and its engine."""

    engine: wasmtime.Engine
    module: wasmtime.Module
    is_metered: bool


def _prepare(wasm: bytes, *, consume_fuel: bool) -> _Prepared:
    engine = wasmtime.Engine(engine_config(consume_fuel=consume_fuel))
    return _Prepared(engine, wasmtime.Module(engine, wasm), consume_fuel)


def _run_seconds(prepared: _Prepared) -> float:
    store = wasmtime.Store(prepared.engine)
    store.set_epoch_deadline(FAR_AWAY)
    if prepared.is_metered:
        store.set_fuel(FUEL)
    start = wasmtime.Instance(store, prepared.module, []).exports(store)["_start"]
    begun = time.thread_time()
    found = start(store)
    seconds = time.thread_time() - begun
    if found != PRIMES_BELOW_A_MILLION:
        raise RuntimeError(f"The sieve found {found} primes below a million, not {PRIMES_BELOW_A_MILLION}.")
    return seconds
