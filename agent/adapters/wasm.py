"""The `wasm` sandbox: WebAssembly modules and the ready-made runtimes, deterministic, on any machine."""

from dataclasses import replace
from threading import Event

from agent.adapters.interface import Adapter, AdapterSettings, Job
from agent.runtimes import RUNTIMES, ModuleCache
from agent.sandbox import CompiledModule, Limits, RunResult, Sandbox, Task, sandbox_descriptor
from marketplace.errors import InvalidModule, NotFound
from marketplace.protocol.jobspec import JobSpec, ModuleProgram, RuntimeProgram


def open_wasm(settings: AdapterSettings) -> Adapter:
    """The sandbox with every ready-made runtime compiled: now rather than at the first job. On a Ray cluster where the
    settings name one; raises what `open_ray` raises.
    """
    if settings.ray_address:
        from agent.adapters.ray import open_ray

        return open_ray(settings)
    sandbox = Sandbox()
    adapter = WasmAdapter(sandbox, ModuleCache(sandbox))
    adapter.warm()
    return adapter


class WasmAdapter:
    """One engine and its cache of compiled modules."""

    def __init__(self, sandbox: Sandbox, cache: ModuleCache) -> None:
        self._sandbox, self._cache = sandbox, cache

    def warm(self) -> None:
        """Compile every ready-made runtime that is not compiled yet. What is stays on disk until a job wants it."""
        for runtime in RUNTIMES.values():
            if not self._cache.is_stored(runtime.digest):
                self._cache.get(runtime.digest, runtime.wasm)

    def descriptor(self) -> dict[str, object]:
        """Version, architecture and every switch of the engine."""
        return sandbox_descriptor()

    def run(self, job: Job, limits: Limits, stop: Event | None = None) -> RunResult:
        """As `Adapter.run`."""
        module = self._module(job)
        task = replace(build_task(job.spec, dict(job.inputs)), secrets=dict(job.secrets))
        return self._sandbox.run(module, task, limits, stop, job.snapshots, job.printed)

    def _module(self, job: Job) -> CompiledModule:
        program = job.spec.program
        if isinstance(program, ModuleProgram):
            wasm = job.fetch(program.digest)
            if job.spec.privacy is not None:  # named by its ciphertext, and nothing for a cache on disk
                return self._sandbox.compile(wasm)
            return self._cache.get(program.digest, wasm)
        if not isinstance(program, RuntimeProgram):
            raise InvalidModule(f"A program of kind {program.kind!r} is nothing that the wasm sandbox runs.")
        runtime = RUNTIMES.get(program.name)
        if runtime is None or runtime.digest != program.digest:
            raise NotFound("runtime", f"{program.name} {program.digest}")
        return self._cache.find(runtime.digest) or self._cache.get(runtime.digest, runtime.wasm)


def build_task(spec: JobSpec, inputs: dict[str, bytes]) -> Task:
    """The program's world as the specification describes it."""
    env = dict(spec.env)
    if isinstance(spec.program, RuntimeProgram):
        runtime = RUNTIMES[spec.program.name]
        argv, env = runtime.argv(spec.program.script, spec.args), dict(runtime.env) | env
    else:
        argv = ("job", *spec.args)
    seed = bytes.fromhex(spec.determinism.seed[2:])
    return Task(argv=argv, env=env, inputs=inputs, clock=spec.determinism.clock, seed=seed)
