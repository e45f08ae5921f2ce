"""The wasm sandbox: compile once, run deterministically, report exactly how it ended.

The same module on the same task gives the same outputs, the same logs and the same fuel, on any machine with the same
wasmtime and the same configuration: both are in `sandbox_descriptor`, whose digest every attestation carries.
"""

import platform
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import wasmtime

from agent.sandbox.linking import define_wasi, is_offered
from agent.sandbox.printed import Printed
from agent.sandbox.snapshots import Snapshots
from agent.sandbox.stopping import Interrupter, run_aside
from agent.sandbox.types import Limits, RunResult, Task, Usage
from agent.sandbox.vfs import OutputLimitReached
from agent.sandbox.wasi import ProcessExit, WasiHost
from marketplace.errors import InvalidModule, TooLarge
from marketplace.protocol.canonical import json_digest, sha256_digest
from marketplace.protocol.enums import ExitKind

PROFILE_VERSION = 2
"""Raised whenever a change here could change a result or its fuel."""
MAX_MODULE_BYTES = 64_000_000
MAX_TABLE_ELEMENTS = 1_000_000
TICK_SECONDS = 0.05
"""How exactly the wall-clock bound is kept."""
MEMORY_HEADROOM = 1_048_576
"""A trap with less than this (or an eighth of the ceiling) left to grow is reported as the memory limit."""
_FEATURES = {
    "wasm_simd": True,
    "wasm_bulk_memory": True,
    "wasm_reference_types": True,
    "wasm_multi_value": True,
    "wasm_tail_call": False,
    "wasm_threads": False,
    "wasm_relaxed_simd": False,
    "wasm_memory64": False,
    "wasm_multi_memory": False,
    "wasm_gc": False,
    "wasm_function_references": False,
    "wasm_exceptions": False,
    "wasm_stack_switching": False,
    "wasm_custom_page_sizes": False,
    "wasm_wide_arithmetic": False,
    "shared_memory": False,
    "cranelift_nan_canonicalization": True,
    "max_wasm_stack": 1_048_576,
}
"""Every switch of the engine that a result or its fuel could depend on. What is off is off because it is not yet
known to repeat on every machine, or because its memory is not bounded by `Limits` (collected heaps)."""
_BASELINES = {
    ("Linux", "x86_64"): ("x86_64-unknown-linux-gnu", ("sse3", "ssse3", "sse41", "sse42", "popcnt")),
    ("Linux", "aarch64"): ("aarch64-unknown-linux-gnu", ()),
    ("Darwin", "x86_64"): ("x86_64-apple-darwin", ("sse3", "ssse3", "sse41", "sse42", "popcnt")),
    ("Darwin", "arm64"): ("aarch64-apple-darwin", ()),
}
"""The instruction sets that machine code is made for: not what this processor happens to have, since how deep a
program can recurse follows from the machine code. x86-64 is taken at level v2 (2009); v4 would be 5 % faster."""
_TARGET, _CPU_FEATURES = _BASELINES.get((platform.system(), platform.machine()), ("", ()))
_MAGIC, _CORE_VERSION = b"\x00asm", b"\x01\x00\x00\x00"


def sandbox_descriptor() -> dict[str, object]:
    """What a result depends on besides module and task."""
    return {
        "sandbox": "wasm",
        "profile": PROFILE_VERSION,
        "wasmtime": version("wasmtime"),
        "architecture": platform.machine(),
        "target": _TARGET or "native",
        "cpuFeatures": list(_CPU_FEATURES),
        "features": _FEATURES,
    }


def sandbox_digest() -> str:
    """`Attestation.sandboxDigest`: oracles re-run only what ran in a sandbox like theirs."""
    return json_digest(sandbox_descriptor())


def engine_config(*, consume_fuel: bool = True) -> wasmtime.Config:
    """Every switch of the engine. Without fuel only to measure what counting it costs: no job runs so."""
    config = wasmtime.Config()
    config.consume_fuel = consume_fuel
    config.epoch_interruption = True
    for name, value in _FEATURES.items():
        setattr(config, name, value)
    if _TARGET:
        config.target = _TARGET
    for feature in _CPU_FEATURES:
        config.cranelift_flag_enable(f"has_{feature}")
    return config


@dataclass(frozen=True, slots=True)
class CompiledModule:
    """Machine code of a validated module, for this sandbox's engine."""

    digest: str
    module: wasmtime.Module


_REQUIRED_EXPORTS = {
    "_start": lambda kind: isinstance(kind, wasmtime.FuncType) and not kind.params and not kind.results,
    "memory": lambda kind: isinstance(kind, wasmtime.MemoryType),
}


class Sandbox:
    """One engine. Compiled modules are its own; runs may go on in several threads at once."""

    def __init__(self) -> None:
        self.engine = wasmtime.Engine(engine_config())
        self._ticker = threading.Thread(target=self._tick, name="sandbox-clock", daemon=True)
        self._ticker.start()

    def _tick(self) -> None:
        while True:
            time.sleep(TICK_SECONDS)
            self.engine.increment_epoch()

    def compile(self, wasm: bytes) -> CompiledModule:
        """Validate and compile. Raises InvalidModule saying what is wrong, TooLarge."""
        validate_header(wasm)
        try:
            module = wasmtime.Module(self.engine, wasm)
        except wasmtime.WasmtimeError as error:
            reason = str(error).strip().splitlines()[-1].strip()
            raise InvalidModule(f"The module does not validate: {reason}") from error
        return self.admit(CompiledModule(sha256_digest(wasm), module))

    def admit(self, compiled: CompiledModule) -> CompiledModule:
        """Check what a module asks for and offers. Raises InvalidModule."""
        imports = compiled.module.imports
        missing = sorted(f"{item.module}.{item.name}" for item in imports if not is_offered(item))
        if missing:
            raise InvalidModule(
                f"The module imports what is not offered: {', '.join(missing)}.",
                hint="Build for WASI preview 1 (wasm32-wasi) without sockets, threads or host functions.",
                missing=missing,
            )
        exports = {item.name: item.type for item in compiled.module.exports}
        lacking = [name for name, fits in _REQUIRED_EXPORTS.items() if not fits(exports.get(name))]
        if lacking:
            raise InvalidModule(
                f"The module does not export {' and '.join(lacking)}.", hint="Build a command, not a library."
            )
        return compiled

    def run(
        self,
        compiled: CompiledModule,
        task: Task,
        limits: Limits,
        stop: threading.Event | None = None,
        snapshots: Snapshots | None = None,
        printed: Printed | None = None,
    ) -> RunResult:
        """Run to the end, to a limit, or until `stop`. Never raises for what the program does.

        `snapshots` sees its files now and then, `printed` what it prints; neither result nor fuel depend on that.
        """
        return run_aside(lambda stopped: self._run(compiled, task, limits, stopped, snapshots, printed), stop)

    def _run(
        self,
        compiled: CompiledModule,
        task: Task,
        limits: Limits,
        stop: threading.Event | None,
        snapshots: Snapshots | None,
        printed: Printed | None,
    ) -> RunResult:
        host = WasiHost(task, limits)
        if printed is not None:
            printed.show(host.stdout.data, host.stderr.data)
        linker = wasmtime.Linker(self.engine)
        define_wasi(linker, host)
        store = wasmtime.Store(self.engine)
        store.set_fuel(limits.fuel)
        store.set_limits(
            memory_size=limits.memory_bytes,
            table_elements=MAX_TABLE_ELEMENTS,
            instances=1,
            tables=16,
            memories=1,
        )
        look = None if snapshots is None else lambda is_last: snapshots.look(host.files, is_last=is_last)
        interrupter = Interrupter(limits.wall_seconds, stop, look)
        interrupter.watch(store)
        instances: list[wasmtime.Instance] = []
        started, cpu_started = time.monotonic(), time.thread_time()
        kind, code, detail = _execute(store, linker, compiled.module, limits, interrupter, instances)
        usage = Usage(cpu_seconds=time.thread_time() - cpu_started, peak_memory_bytes=_memory_bytes(store, instances))
        exited = kind is ExitKind.EXITED
        return RunResult(
            exit_kind=kind,
            exit_code=code,
            fuel_used=limits.fuel - store.get_fuel(),
            wall_seconds=time.monotonic() - started,
            outputs=host.outputs() if exited else {},
            stdout=bytes(host.stdout.data),
            stderr=bytes(host.stderr.data),
            detail=detail,
            usage=usage,
        )


def validate_header(wasm: bytes) -> None:
    """Raises InvalidModule for bytes that are not a core module, TooLarge."""
    if len(wasm) > MAX_MODULE_BYTES:
        raise TooLarge("The module", len(wasm), MAX_MODULE_BYTES)
    if wasm[:4] != _MAGIC:
        raise InvalidModule(f"Not WebAssembly: the bytes begin with {wasm[:4]!r}, not with {_MAGIC!r}.")
    if wasm[4:8] != _CORE_VERSION:
        raise InvalidModule(
            "A WebAssembly component, or a version this sandbox does not know.",
            hint="Build a core module for WASI preview 1.",
        )


def _execute(
    store: wasmtime.Store, linker: wasmtime.Linker, module: wasmtime.Module, limits: Limits, interrupter: Interrupter,
    instances: list[wasmtime.Instance],
) -> tuple[ExitKind, int, str]:  # fmt: skip
    """The end of a run; whatever it is, `instances` then holds the program, if it was started."""
    try:
        instances.append(linker.instantiate(store, module))
        instances[0].exports(store)["_start"](store)
    except ProcessExit as exit_:
        return ExitKind.EXITED, exit_.code & 0x7FFFFFFF, ""
    except OutputLimitReached as error:
        return ExitKind.OUTPUT_LIMIT, 0, str(error)
    except MemoryError:
        return ExitKind.SANDBOX_ERROR, 0, "this machine has too little memory for the job"
    except wasmtime.Trap as trap:
        return _describe_trap(trap, limits, _memory_bytes(store, instances) or 0)
    except wasmtime.WasmtimeError as error:
        if interrupter.ended is ExitKind.TIMEOUT:
            return ExitKind.TIMEOUT, 0, f"still running after {limits.wall_seconds:g} s"
        if interrupter.ended is ExitKind.EVICTED:
            return ExitKind.EVICTED, 0, "stopped by its machine"
        text = str(error).strip()
        if "memory" in text and ("limit" in text or "minimum" in text):
            return (
                ExitKind.MEMORY_LIMIT,
                0,
                f"the module asks for more than {limits.memory_bytes} bytes of memory",
            )
        return ExitKind.TRAP, 0, text
    except Exception as error:  # of the host's own calls: whatever it is, the program brought it about
        return ExitKind.SANDBOX_ERROR, 0, f"the sandbox failed: {type(error).__name__}: {error}"
    return ExitKind.EXITED, 0, ""


def _memory_bytes(store: wasmtime.Store, instances: Sequence[wasmtime.Instance]) -> int | None:
    """Linear memory at the end, which is the most that it was: it never shrinks. None where nothing was started."""
    return instances[0].exports(store)["memory"].data_len(store) if instances else None


def _describe_trap(trap: wasmtime.Trap, limits: Limits, size: int) -> tuple[ExitKind, int, str]:
    code = trap.trap_code
    if code is wasmtime.TrapCode.OUT_OF_FUEL:
        return ExitKind.OUT_OF_FUEL, 0, f"all {limits.fuel} units of fuel were used"
    frames = ", ".join(frame.func_name or f"function {frame.func_index}" for frame in trap.frames[:8])
    detail = f"{code.name.lower() if code else 'trap'} in {frames or 'the module'}"
    if limits.memory_bytes - size < max(MEMORY_HEADROOM, limits.memory_bytes // 8):
        return ExitKind.MEMORY_LIMIT, 0, f"the {limits.memory_bytes} bytes of memory were used up; {detail}"
    return ExitKind.TRAP, 0, detail
