"""The wasm sandbox: what a program can see, what it may use, how its end is reported, and that it repeats exactly."""

import subprocess
import sys
from pathlib import Path

import pytest
import wasmtime

from agent.runtimes import RUNTIMES, ModuleCache
from agent.sandbox import Limits, Sandbox, Task, sandbox_descriptor
from marketplace.errors import InvalidModule, TooLarge
from marketplace.protocol.enums import ExitKind

LIMITS = Limits(
    fuel=20_000_000_000, memory_bytes=256_000_000, wall_seconds=60, egress_bytes=1_000_000, log_bytes=100_000
)
WASI = '(import "wasi_snapshot_preview1" "{name}" (func ${name} (param {params}) (result i32)))'


@pytest.fixture(scope="module")
def sandbox():
    return Sandbox()


@pytest.fixture(scope="module")
def cache(sandbox):
    return ModuleCache(sandbox)


def run_wat(sandbox, body, limits=LIMITS, imports=""):
    wasm = wasmtime.wat2wasm(f'(module {imports} (memory (export "memory") 1) {body})')
    return sandbox.run(sandbox.compile(bytes(wasm)), Task(argv=("job",)), limits)


def run_script(cache, sandbox, source, *, name="python", inputs=None, limits=LIMITS, args=(), **world):
    runtime = RUNTIMES[name]
    task = Task(
        argv=runtime.argv("main", tuple(args)),
        env=dict(runtime.env),
        inputs={"main": source.encode(), **(inputs or {})},
        **world,
    )
    return sandbox.run(cache.get(runtime.digest, runtime.wasm), task, limits)


# --- what may run at all -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wasm", "problem"),
    [
        (b"", "Not WebAssembly"),
        (b"#!/bin/sh\nrm -rf /", "Not WebAssembly"),
        (b"\x00asm\x0d\x00\x01\x00", "component"),
        (b"\x00asm\x01\x00\x00\x00garbage", "does not validate"),
    ],
)
def test_bytes_that_are_not_a_core_module_are_refused(sandbox, wasm, problem):
    with pytest.raises(InvalidModule, match=problem):
        sandbox.compile(wasm)


def test_module_above_the_size_limit_is_refused(sandbox):
    with pytest.raises(TooLarge):
        sandbox.compile(b"\x00asm" + bytes(64_000_001))


def test_module_that_imports_what_is_not_offered_is_refused_by_name(sandbox):
    wat = '(module (import "env" "system" (func)) (memory (export "memory") 1) (func (export "_start")))'
    with pytest.raises(InvalidModule, match=r"env\.system"):
        sandbox.compile(bytes(wasmtime.wat2wasm(wat)))


def test_module_without_an_entry_point_is_refused(sandbox):
    with pytest.raises(InvalidModule, match="_start"):
        sandbox.compile(bytes(wasmtime.wat2wasm('(module (memory (export "memory") 1))')))


# --- limits ------------------------------------------------------------------------------------------------------


def test_endless_loop_runs_out_of_fuel_and_uses_all_of_it(sandbox):
    limits = Limits(fuel=5_000_000, memory_bytes=1_000_000, wall_seconds=30, egress_bytes=0)
    result = run_wat(sandbox, '(func (export "_start") (loop br 0))', limits)
    assert (result.exit_kind, result.fuel_used) == (ExitKind.OUT_OF_FUEL, 5_000_000)


def test_endless_loop_with_endless_fuel_meets_the_wall_clock(sandbox):
    limits = Limits(fuel=2**62, memory_bytes=1_000_000, wall_seconds=0.2, egress_bytes=0)
    result = run_wat(sandbox, '(func (export "_start") (loop br 0))', limits)
    assert result.exit_kind is ExitKind.TIMEOUT
    assert "0.2 s" in result.detail


def test_growing_memory_without_end_is_reported_as_the_memory_limit(sandbox):
    grow = '(func (export "_start") (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable)'
    limits = Limits(fuel=10**9, memory_bytes=16_000_000, wall_seconds=30, egress_bytes=0)
    assert run_wat(sandbox, grow, limits).exit_kind is ExitKind.MEMORY_LIMIT


def test_module_that_starts_above_the_ceiling_is_reported_as_the_memory_limit(sandbox):
    wasm = wasmtime.wat2wasm('(module (memory (export "memory") 1000) (func (export "_start")))')
    limits = Limits(fuel=10**9, memory_bytes=1_000_000, wall_seconds=30, egress_bytes=0)
    result = sandbox.run(sandbox.compile(bytes(wasm)), Task(argv=("job",)), limits)
    assert result.exit_kind is ExitKind.MEMORY_LIMIT


def test_trap_is_reported_with_its_kind_and_place(sandbox):
    result = run_wat(sandbox, '(func $divide (export "_start") (drop (i32.div_s (i32.const 1) (i32.const 0))))')
    assert result.exit_kind is ExitKind.TRAP
    assert "division_by_zero" in result.detail
    assert "divide" in result.detail


def test_flood_of_output_is_stopped_and_keeps_what_fitted(cache, sandbox):
    result = run_script(cache, sandbox, "while True: print('x' * 1000)")
    assert result.exit_kind is ExitKind.OUTPUT_LIMIT
    assert len(result.stdout) == LIMITS.log_bytes


def test_outputs_and_logs_together_never_exceed_the_reserved_egress(cache, sandbox):
    source = "print('y' * 50_000)\nfor i in range(100):\n  open(f'{i}', 'wb').write(bytes(20_000))"
    result = run_script(cache, sandbox, source)
    assert result.exit_kind is ExitKind.OUTPUT_LIMIT
    assert result.outputs == {}
    assert len(result.stdout) + len(result.stderr) <= LIMITS.egress_bytes


@pytest.mark.parametrize(
    "source", ["open('x','wb').truncate(10**12)", "f=open('x','wb'); f.seek(10**12); f.write(b'1')"]
)
def test_sparse_giant_file_is_stopped_before_it_is_stored(cache, sandbox, source):
    assert run_script(cache, sandbox, source).exit_kind is ExitKind.OUTPUT_LIMIT


def test_countless_empty_files_are_stopped(cache, sandbox):
    result = run_script(cache, sandbox, "for i in range(10**6): open(str(i), 'w').close()")
    assert result.exit_kind is ExitKind.OUTPUT_LIMIT
    assert "1000 files" in result.detail


def test_deleted_files_do_not_count(cache, sandbox):
    source = (
        "import os\nfor i in range(50):\n  open('t','wb').write(bytes(100_000)); os.remove('t')\n"
        "open('r','w').write('ok')"
    )
    result = run_script(cache, sandbox, source)
    assert (result.exit_kind, result.outputs) == (ExitKind.EXITED, {"r": b"ok"})


# --- what a program sees -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../../etc/passwd", "/in/../../etc/passwd", "/proc/self/environ", "/out/../../x"]
)
def test_nothing_outside_the_job_can_be_opened(cache, sandbox, path):
    result = run_script(cache, sandbox, f"open({path!r})")
    assert result.exit_code == 1
    assert b"Error" in result.stderr


@pytest.mark.parametrize(
    "action", ["open('/in/data', 'w')", "os.remove('/in/data')", "os.mkdir('/in/d')", "os.rename('/in/data','x')"]
)
def test_inputs_are_read_only(cache, sandbox, action):
    result = run_script(cache, sandbox, f"import os\n{action}", inputs={"data": b"1"})
    assert b"Read-only" in result.stderr


@pytest.mark.parametrize("action", ["os.symlink('/etc', 'x')", "os.link('data', 'x')"])
def test_links_are_not_offered(cache, sandbox, action):
    assert run_script(cache, sandbox, f"import os\n{action}", inputs={"data": b"1"}).exit_code == 1


def test_there_is_no_network(cache, sandbox):
    result = run_script(cache, sandbox, "import socket\nsocket.create_connection(('127.0.0.1', 80))")
    assert result.exit_code == 1


def test_environment_is_only_what_was_given(cache, sandbox, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_HOST", "1")
    result = run_script(cache, sandbox, "import os\nprint(sorted(os.environ))")
    assert result.stdout == b"['PYTHONDONTWRITEBYTECODE', 'PYTHONUNBUFFERED', 'PYTHONUTF8']\n"


# --- the obvious thing works -------------------------------------------------------------------------------------


def test_script_reads_its_inputs_and_writes_its_outputs_by_plain_names(cache, sandbox):
    source = (
        "import csv, sys, shutil\n"
        "rows = list(csv.reader(open('data.csv')))\n"
        "open('report.txt', 'w').write(f'{len(rows)} rows, {sys.argv[1]}')\n"
        "shutil.copy('data.csv', 'copy.csv')\n"
    )
    result = run_script(cache, sandbox, source, inputs={"data.csv": b"a,b\n1,2\n"}, args=["fast"])
    assert result.outputs == {"report.txt": b"2 rows, fast", "copy.csv": b"a,b\n1,2\n"}
    assert (result.exit_kind, result.exit_code, result.stderr) == (ExitKind.EXITED, 0, b"")


def test_changed_input_is_an_output_and_untouched_input_is_not(cache, sandbox):
    result = run_script(cache, sandbox, "open('a', 'a').write('!')", inputs={"a": b"1", "b": b"2"})
    assert result.outputs == {"a": b"1!"}


def test_exception_reaches_standard_error_and_the_exit_code(cache, sandbox):
    result = run_script(cache, sandbox, "raise SystemExit(7)")
    assert (result.exit_kind, result.exit_code) == (ExitKind.EXITED, 7)
    assert b"ZeroDivisionError" in run_script(cache, sandbox, "1/0").stderr


def test_javascript_reads_and_writes_files(cache, sandbox):
    source = (
        "let t = std.loadFile('data'); let f = std.open('result', 'w'); f.puts(t.toUpperCase()); f.close();"
        "console.log(scriptArgs[1])"
    )
    result = run_script(cache, sandbox, source, name="javascript", inputs={"data": b"abc"}, args=["x"])
    assert (result.outputs, result.stdout) == ({"result": b"ABC"}, b"x\n")


# --- the same on every machine -----------------------------------------------------------------------------------

_NOISY = (
    "import os, random, time, uuid, tempfile, threading\n"
    "print(random.random(), os.urandom(8).hex(), time.time(), time.monotonic(), uuid.uuid4(), hash('x'))\n"
    "print(os.listdir('.'), [os.stat(n).st_ino for n in os.listdir('.')], os.stat('b').st_mtime)\n"
    "time.sleep(100); print(time.time()); print(float('inf') * 0, {'b', 'a', 'c'})\n"
    "open('r', 'w').write(str(random.random()))\n"
)


def test_same_job_repeats_to_the_byte_and_to_the_unit_of_fuel(cache, sandbox):
    first, second = (
        run_script(cache, sandbox, _NOISY, inputs=dict(order), seed=b"s" * 32, clock=10**9)
        for order in ([("a", b"1"), ("b", b"2")], [("b", b"2"), ("a", b"1")])
    )
    assert first.stderr == b""
    assert (first.stdout, first.outputs, first.fuel_used) == (second.stdout, second.outputs, second.fuel_used)


def test_seed_and_clock_of_the_job_are_what_it_sees(cache, sandbox):
    source = "import os, time\nprint(os.urandom(4).hex(), int(time.time()))"
    one, two = (run_script(cache, sandbox, source, seed=bytes([n]) * 32, clock=10**9 + n).stdout for n in (1, 2))
    assert one != two
    assert one.endswith(b"1000000001\n")


def test_another_process_with_another_environment_gets_the_same_bytes_and_fuel(cache, sandbox, tmp_path):
    program = (
        "from tests.unit.agent.test_sandbox import *\n"
        "from tests.unit.agent.test_sandbox import _NOISY\n"
        "s = Sandbox(); inputs = {'a': b'1', 'b': b'2'}\n"
        "r = run_script(ModuleCache(s), s, _NOISY, inputs=inputs, seed=b's' * 32, clock=10**9)\n"
        "print(r.stdout.hex(), r.fuel_used)"
    )
    here = run_script(cache, sandbox, _NOISY, inputs={"a": b"1", "b": b"2"}, seed=b"s" * 32, clock=10**9)
    root = Path(__file__).resolve().parents[3]
    env = {
        "PATH": "/usr/bin",
        "TZ": "Asia/Tokyo",
        "LANG": "C",
        "PYTHONHASHSEED": "7",
        "PYTHONPATH": str(root),
        "HOME": str(Path.home()),
    }
    there = subprocess.run(
        [sys.executable, "-c", program], env=env, cwd=root, capture_output=True, text=True, timeout=90, check=True
    )
    assert there.stdout.split() == [here.stdout.hex(), str(here.fuel_used)]


def test_descriptor_names_what_a_result_depends_on():
    assert {"sandbox", "wasmtime", "profile", "features", "architecture"} <= sandbox_descriptor().keys()


# --- the cache of compiled modules -------------------------------------------------------------------------------


def test_tampered_cache_entry_is_compiled_anew_not_loaded(sandbox, tmp_path):
    wasm = bytes(wasmtime.wat2wasm('(module (memory (export "memory") 1) (func (export "_start")))'))
    compiled = sandbox.compile(wasm)
    ModuleCache(sandbox, tmp_path).get(compiled.digest, wasm)
    (entry,) = tmp_path.glob("*.cwasm")
    entry.write_bytes(entry.read_bytes()[:-1] + b"\x00\x01")
    assert ModuleCache(sandbox, tmp_path).get(compiled.digest, wasm).digest == compiled.digest
    assert entry.stat().st_mode & 0o077 == 0
