"""Builds the example programs: C to WebAssembly with zig's clang, WAT with wasmtime, and the input picture.

    python examples/build.py      # writes build/examples/, skips what is up to date

Needs no network: compiler and libc come with the `ziglang` package.
"""

import hashlib
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import wasmtime

EXAMPLES = Path(__file__).resolve().parent
OUTPUT = EXAMPLES.parent / "build" / "examples"
C_FLAGS = ("-target", "wasm32-wasi", "-O2", "-s", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function")
C_PROGRAMS = ("image/woodcut.c", "raytrace/raytrace.c", "bad/outside.c")
WAT_PROGRAMS = tuple(f"bad/{name}.wat" for name in ("loop", "allocate", "flood", "trap", "foreign"))
HEADERS = ("lib/png.h",)
PICTURE = "image/picture.py"
COMPILE_TIMEOUT_SECONDS = 300


def build(output: Path = OUTPUT) -> list[Path]:
    """Make everything that is missing or out of date under `output`; returns what was made."""
    output.mkdir(parents=True, exist_ok=True)
    made = [
        *(_make(output / f"{Path(source).stem}.wasm", (source, *HEADERS), _compile_c) for source in C_PROGRAMS),
        *(_make(output / f"{Path(source).stem}.wasm", (source,), _assemble) for source in WAT_PROGRAMS),
        _make(output / "picture.ppm", (PICTURE,), _paint),
    ]
    return [path for path in made if path]


def _make(target: Path, sources: tuple[str, ...], recipe) -> Path | None:
    """Run `recipe` unless `target` was made from these very sources by these very tools."""
    stamp = target.with_suffix(target.suffix + ".from")
    wanted = _fingerprint(sources)
    if target.exists() and stamp.exists() and stamp.read_text() == wanted:
        return None
    recipe(EXAMPLES / sources[0], target)
    stamp.write_text(wanted)
    return target


def _fingerprint(sources: tuple[str, ...]) -> str:
    digest = hashlib.sha256(repr((version("ziglang"), version("wasmtime"), C_FLAGS)).encode())
    for source in sources:
        digest.update((EXAMPLES / source).read_bytes())
    return digest.hexdigest()


def _compile_c(source: Path, target: Path) -> None:
    cache = str(OUTPUT.parent / "zig")
    subprocess.run(
        [sys.executable, "-m", "ziglang", "cc", *C_FLAGS, str(source), "-o", str(target)],
        env=os.environ | {"ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache},
        check=True,
        timeout=COMPILE_TIMEOUT_SECONDS,
    )


def _assemble(source: Path, target: Path) -> None:
    target.write_bytes(bytes(wasmtime.wat2wasm(source.read_text())))


def _paint(source: Path, target: Path) -> None:
    subprocess.run([sys.executable, str(source), str(target)], check=True, timeout=COMPILE_TIMEOUT_SECONDS)


if __name__ == "__main__":
    for path in build():
        print(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
