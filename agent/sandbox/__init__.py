"""Where other people's programs run: wasm, deterministic, with nothing of the machine in sight."""

from agent.sandbox.types import Limits, RunResult, Task
from agent.sandbox.wasm import CompiledModule, Sandbox, sandbox_descriptor, sandbox_digest

__all__ = ["CompiledModule", "Limits", "RunResult", "Sandbox", "Task", "sandbox_descriptor", "sandbox_digest"]
