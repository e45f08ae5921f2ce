"""From a job in hand to its program's end, for a program that does nothing: what starting costs in each sandbox.

Cold: a module that this machine has never seen is compiled. Warm: it is in the cache on disk, as after a restart of the
agent. The same work bare: a native build of the same source, started as a process, beside the module in the sandbox.
"""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import wasmtime

from agent.adapters import Job
from agent.adapters.wasm import WasmAdapter
from agent.runtimes import RUNTIMES, ModuleCache
from agent.sandbox import Limits, Sandbox
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.jobspec import JobSpec
from scripts.bench.agent.timing import milliseconds, summary
from scripts.toolchain import BUILD, ROOT

REPEATS = 20
LIMITS = Limits(fuel=10**12, memory_bytes=256_000_000, wall_seconds=120, egress_bytes=10_000_000)
TRACE = ("hive.png", "240", "150", "8")
"""Arguments of the ray tracer: about a second of work."""
FUNCTIONS = 2_000
"""Of the module that does nothing: as much code as a small program in C has."""


def report() -> tuple[list[str], dict[str, float]]:
    """Lines for people, and figures by name."""
    with tempfile.TemporaryDirectory() as folder:
        cold, warm, held = _module_starts(Path(folder))
        python = _python_starts(Path(folder))
    inside, bare = _beside_bare()
    ratio = statistics.median(inside) / statistics.median(bare)
    lines = [
        "Starts",
        summary("wasm, cold: compiled", cold),
        summary("wasm, warm: out of the cache on disk", warm),
        summary("wasm, held in memory", held),
        summary("Python script, warm: its interpreter boots", python),
        summary("ray tracer in the sandbox", inside),
        summary("ray tracer bare, a native process", bare),
        f"{'in the sandbox / bare':<46}{ratio:10.2f}",
    ]
    figures = {
        "wasm_cold_start_ms": statistics.median(cold),
        "wasm_warm_start_ms": statistics.median(warm),
        "wasm_held_start_ms": statistics.median(held),
        "python_warm_start_ms": statistics.median(python),
        "sandbox_to_bare_ratio": ratio,
    }
    return lines, figures


def _module_starts(folder: Path) -> tuple[list[float], list[float], list[float]]:
    sandbox = Sandbox()
    modules = iter([_idle_module(number) for number in range(REPEATS)])
    cold = milliseconds(lambda: _run(WasmAdapter(sandbox, ModuleCache(sandbox, folder)), next(modules)), REPEATS)
    module = _idle_module(0)
    warm = milliseconds(lambda: _run(WasmAdapter(sandbox, ModuleCache(sandbox, folder)), module), REPEATS)
    adapter = WasmAdapter(sandbox, ModuleCache(sandbox, folder))
    _run(adapter, module)
    return cold, warm, milliseconds(lambda: _run(adapter, module), REPEATS)


def _idle_module(number: int) -> bytes:
    """A module that ends at once, with code that is never called; each number is a module of its own."""
    idle = "\n".join(
        f"(func (param i32) (result i32) (i32.mul (i32.add (local.get 0) (i32.const {number + at})) (i32.const 3)))"
        for at in range(FUNCTIONS)
    )
    return bytes(wasmtime.wat2wasm(f'(module (memory (export "memory") 1) (func (export "_start")) {idle})'))


def _run(adapter: WasmAdapter, wasm: bytes, args: tuple[str, ...] = ()) -> None:
    digest = sha256_digest(wasm)
    program = {"kind": "module", "digest": digest, "size": len(wasm)}
    spec = JobSpec.parse({"program": program, "args": args})
    result = adapter.run(Job(spec, {}, {digest: wasm}.__getitem__), LIMITS)
    assert result.exit_kind is ExitKind.EXITED, result.detail


def _python_starts(folder: Path) -> list[float]:
    sandbox = Sandbox()
    adapter = WasmAdapter(sandbox, ModuleCache(sandbox))
    adapter.warm()
    script = b"print('started')"
    program = {"kind": "runtime", "name": "python", "digest": RUNTIMES["python"].digest, "script": "s.py"}
    entry = {"path": "s.py", "digest": sha256_digest(script), "size": len(script)}
    job = Job(JobSpec.parse({"program": program, "inputs": [entry]}), {"s.py": script}, {}.__getitem__)
    return milliseconds(lambda: adapter.run(job, LIMITS), REPEATS)


def _beside_bare() -> tuple[list[float], list[float]]:
    wasm = (BUILD / "examples" / "raytrace.wasm").read_bytes()
    sandbox = Sandbox()
    adapter = WasmAdapter(sandbox, ModuleCache(sandbox))
    _run(adapter, wasm, TRACE)
    with tempfile.TemporaryDirectory() as folder:
        native = Path(folder) / "raytrace"
        source = ROOT / "examples" / "raytrace" / "raytrace.c"
        compile_ = [sys.executable, "-m", "ziglang", "cc", "-O2", "-s", str(source), "-o", str(native)]
        subprocess.run(compile_, check=True, timeout=300, cwd=folder)
        run = [native, *TRACE]
        bare = milliseconds(lambda: subprocess.run(run, cwd=folder, check=True, timeout=120, capture_output=True), 5)
    return milliseconds(lambda: _run(adapter, wasm, TRACE), 5), bare
