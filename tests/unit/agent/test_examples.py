"""The example programs: the good ones leave the files they promise, the bad ones end as their page says."""

import importlib.util
import json
import struct
import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path

import pytest

from agent.runtimes import RUNTIMES, ModuleCache
from agent.sandbox import Limits, Sandbox, Task
from marketplace.errors import InvalidModule
from marketplace.protocol.enums import ExitKind

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
LIMITS = Limits(fuel=30 * 10**9, memory_bytes=128_000_000, wall_seconds=60, egress_bytes=2_000_000)
SMALL = Limits(fuel=10**9, memory_bytes=16_000_000, wall_seconds=20, egress_bytes=500_000, log_bytes=200_000)


@pytest.fixture(scope="module")
def built():
    """The folder with everything built; `examples/build.py` skips what is up to date."""
    spec = importlib.util.spec_from_file_location("examples_build", EXAMPLES / "build.py")
    builder = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(builder)
    builder.build()
    assert builder.build() == [], "a second build has nothing to do"
    return builder.OUTPUT


@pytest.fixture(scope="module")
def sandbox():
    return Sandbox()


@pytest.fixture(scope="module")
def cache(sandbox):
    return ModuleCache(sandbox)


@pytest.fixture
def run_program(sandbox, built):
    def run(name, *args, inputs=None, limits=LIMITS):
        compiled = sandbox.compile((built / f"{name}.wasm").read_bytes())
        return sandbox.run(compiled, Task(argv=(name, *args), inputs=inputs or {}), limits)

    return run


def run_script(sandbox, cache, runtime_name, script, *args, inputs):
    runtime = RUNTIMES[runtime_name]
    files = {path.name: path.read_bytes() for path in (EXAMPLES / script, *(EXAMPLES / name for name in inputs))}
    task = Task(argv=runtime.argv(script, args), env=dict(runtime.env), inputs=files)
    return sandbox.run(cache.get(runtime.digest, runtime.wasm), task, LIMITS)


def decode_png(data):
    """(width, height, rows with their filter bytes), after checking signature and every chunk's CRC."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, size, compressed = 8, None, b""
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        assert zlib.crc32(kind + body) == struct.unpack_from(">I", data, at + 8 + length)[0]
        if kind == b"IHDR":
            size = struct.unpack_from(">II", body)
        if kind == b"IDAT":
            compressed += body
        at += 12 + length
    return (*size, zlib.decompress(compressed))


# --- programs that work ------------------------------------------------------------------------------------------


def test_python_example_finds_the_four_wrong_readings(sandbox, cache):
    result = run_script(sandbox, cache, "python", "analyse.py", inputs=["data/rack_power.csv"])
    assert (result.exit_code, result.stderr) == (0, b"")
    assert set(result.outputs) == {"report.csv", "report.md", "chart.svg"}
    assert b"1152 rows, 3 groups by site, 2 columns, 4 outliers" in result.stdout
    assert b"watts of frankfurt is 105758" in result.outputs["report.md"]
    assert ElementTree.fromstring(result.outputs["chart.svg"]).tag.endswith("svg")


def test_python_example_without_a_table_says_so(sandbox, cache):
    result = run_script(sandbox, cache, "python", "analyse.py", inputs=[])
    assert result.exit_code == 1
    assert b"expected one CSV file, found 0" in result.stderr


def test_javascript_example_counts_words(sandbox, cache):
    result = run_script(sandbox, cache, "javascript", "wordcount.js", "gettysburg.txt", inputs=["data/gettysburg.txt"])
    assert (result.exit_code, result.stderr) == (0, b"")
    assert json.loads(result.outputs["words.json"])["that"] == 13
    assert result.stdout.startswith(b"271 words, 138 different\n")


def test_javascript_example_without_its_file_says_so(sandbox, cache):
    result = run_script(sandbox, cache, "javascript", "wordcount.js", "absent.txt", inputs=[])
    assert (result.exit_code, result.stderr) == (1, b"wordcount: cannot read absent.txt\n")


def test_woodcut_turns_a_picture_into_a_png_of_the_same_size(run_program, built):
    picture = (built / "picture.ppm").read_bytes()
    result = run_program("woodcut", "picture.ppm", "woodcut.png", inputs={"picture.ppm": picture})
    assert (result.exit_code, result.stderr) == (0, b"")
    width, height, rows = decode_png(result.outputs["woodcut.png"])
    assert (width, height, len(rows)) == (480, 320, (3 * 480 + 1) * 320)


@pytest.mark.parametrize("picture", [b"", b"P3\n1 1\n255\n0 0 0", b"P6\n2 2\n255\nabc", b"P6\n99999 1\n255\n"])
def test_woodcut_refuses_what_is_no_picture(run_program, picture):
    result = run_program("woodcut", "p", "w.png", inputs={"p": picture})
    assert (result.exit_kind, result.exit_code, result.outputs) == (ExitKind.EXITED, 1, {})
    assert result.stderr.startswith(b"woodcut: ")


def test_ray_tracer_paints_the_same_picture_for_the_same_fuel(run_program):
    first, second = (run_program("raytrace", "hive.png", "64", "40", "4") for _ in range(2))
    assert decode_png(first.outputs["hive.png"])[:2] == (64, 40)
    assert (first.outputs, first.fuel_used) == (second.outputs, second.fuel_used)


# --- programs that misbehave -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "detail"),
    [
        ("loop", ExitKind.OUT_OF_FUEL, "all 1000000000 units of fuel"),
        ("allocate", ExitKind.MEMORY_LIMIT, "16000000 bytes of memory"),
        ("flood", ExitKind.OUTPUT_LIMIT, "standard output exceeds its limit"),
        ("trap", ExitKind.TRAP, "integer_division_by_zero in divide, main"),
    ],
)
def test_misbehaving_program_ends_in_its_own_limit(run_program, name, kind, detail):
    result = run_program(name, limits=SMALL)
    assert result.exit_kind is kind
    assert detail in result.detail
    assert result.outputs == {}


def test_no_attempt_to_write_outside_the_directory_succeeds(run_program):
    result = run_program("outside")
    assert (result.exit_kind, result.exit_code, result.outputs) == (ExitKind.EXITED, 0, {})
    assert len(result.stdout.splitlines()) == 11
    assert b"DONE" not in result.stdout


def test_program_with_foreign_imports_is_refused_with_each_named(sandbox, built):
    with pytest.raises(InvalidModule, match=r"env\.system, wasi_snapshot_preview1\.sock_open"):
        sandbox.compile((built / "foreign.wasm").read_bytes())
