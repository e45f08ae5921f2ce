"""`python -m agent try`: one job in this version's sandbox, with the answer that it must give."""

import wasmtime

from agent.sandbox import Limits, Sandbox, Task
from marketplace.errors import SandboxFault
from marketplace.protocol.enums import ExitKind

SAID = "this version runs jobs"
_LIMITS = Limits(fuel=1_000_000, memory_bytes=1_000_000, wall_seconds=60, egress_bytes=10_000)
_PROGRAM = """
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "%s")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const %d))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
"""


def try_sandbox() -> str:
    """What the job printed. Raises SandboxFault where it did not end, or printed anything else."""
    sandbox = Sandbox()
    module = sandbox.compile(bytes(wasmtime.wat2wasm(_PROGRAM % (SAID, len(SAID)))))
    result = sandbox.run(module, Task(argv=("try",)), _LIMITS)
    if result.exit_kind is not ExitKind.EXITED or result.exit_code or result.stdout != SAID.encode():
        raise SandboxFault(f"A job that must print {SAID!r} printed {result.stdout!r}: {result.detail}")
    return SAID
