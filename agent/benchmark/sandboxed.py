"""The wasm sandbox itself: fuel a second, which is what is sold."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import wasmtime

from agent.benchmark.timing import Repetition
from agent.runtimes import RUNTIMES, ModuleCache
from agent.sandbox import CompiledModule, Limits, RunResult, Sandbox, Task
from marketplace.errors import SandboxFault
from marketplace.protocol.enums import ExitKind

FUEL_PER_MFUEL = 1_000_000
LOOP_STEPS = 100_000_000
_LIMITS = Limits(fuel=100_000 * FUEL_PER_MFUEL, memory_bytes=512_000_000, wall_seconds=120, egress_bytes=1_000_000)
_LOOP = f"""
(module
  (memory (export "memory") 1)
  (func (export "_start") (local $step i64) (local $x i64) (local $at i32)
    (local.set $x (i64.const 88172645463325252))
    (loop $again
      (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 13))))
      (local.set $x (i64.xor (local.get $x) (i64.shr_u (local.get $x) (i64.const 7))))
      (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 17))))
      (local.set $at (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 65528)))
      (i64.store (local.get $at) (i64.add (i64.load (local.get $at)) (local.get $x)))
      (local.set $step (i64.add (local.get $step) (i64.const 1)))
      (br_if $again (i64.lt_u (local.get $step) (i64.const {LOOP_STEPS}))))))
"""
"""xorshift64, each number added to a place in 64 KiB of memory: what a compiled inner loop is made of."""
_SCRIPT = b"""
counts = {}
for step in range(300_000):
    word = str(step * step % 977)
    counts[word] = counts.get(word, 0) + len(word)
print(sorted(counts.items())[:3])
"""
"""Numbers, strings, a dictionary: what scripts do."""


@contextmanager
def loop(_: Path) -> Iterator[Repetition]:
    """A module of our own, compiled as renters' modules are."""
    sandbox = Sandbox()
    yield _repeated(sandbox, sandbox.compile(wasmtime.wat2wasm(_LOOP)), Task(("loop",)))


@contextmanager
def python(_: Path) -> Iterator[Repetition]:
    """A script in the ready-made Python. Raises AgentError where that is not installed."""
    runtime, sandbox = RUNTIMES["python"], Sandbox()
    compiled = ModuleCache(sandbox).get(runtime.digest, runtime.wasm)
    task = Task(runtime.argv("script.py", ()), env=dict(runtime.env), inputs={"script.py": _SCRIPT})
    yield _repeated(sandbox, compiled, task)


def _repeated(sandbox: Sandbox, compiled: CompiledModule, task: Task) -> Callable[[], float]:
    def repeat() -> float:
        ran = sandbox.run(compiled, task, _LIMITS)
        _require_done(ran)
        return ran.fuel_used / FUEL_PER_MFUEL / max(ran.wall_seconds, 1e-9)

    return repeat


def _require_done(ran: RunResult) -> None:
    if ran.exit_kind is not ExitKind.EXITED or ran.exit_code:
        why = ran.detail or ran.stderr.decode(errors="replace")[-200:]
        raise SandboxFault(f"The workload ended as {ran.exit_kind.name.lower()}, code {ran.exit_code}: {why}")
