"""Programs written to hurt the machine, to cheat the quota, or to behave differently elsewhere."""

import struct
import time

import pytest
import wasmtime
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.runtimes import RUNTIMES, ModuleCache
from agent.sandbox import Limits, Sandbox, Task, sandbox_descriptor
from agent.sandbox.errno import Errno, WasiError
from agent.sandbox.files import FileTable
from agent.sandbox.vfs import OutputLimitReached, Quota
from marketplace.errors import InvalidModule
from marketplace.protocol.enums import ExitKind

LIMITS = Limits(fuel=20 * 10**9, memory_bytes=256_000_000, wall_seconds=60, egress_bytes=1_000_000)
FD_WRITE = '(import "wasi_snapshot_preview1" "fd_write" (func $call (param i32 i32 i32 i32) (result i32)))'
PATH_OPEN = (
    '(import "wasi_snapshot_preview1" "path_open"'
    " (func $call (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))"
)
EXIT = '(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))'


@pytest.fixture(scope="module")
def sandbox():
    return Sandbox()


@pytest.fixture(scope="module")
def cache(sandbox):
    return ModuleCache(sandbox)


def run_wat(sandbox, wat, limits=LIMITS):
    return sandbox.run(sandbox.compile(bytes(wasmtime.wat2wasm(wat))), Task(argv=("job",)), limits)


def run_python(sandbox, cache, source, limits=LIMITS, inputs=None):
    python = RUNTIMES["python"]
    files = {"main.py": source.encode(), **(inputs or {})}
    task = Task(argv=python.argv("main.py", ()), env=dict(python.env), inputs=files)
    return sandbox.run(cache.get(python.digest, python.wasm), task, limits)


# --- what is refused before it runs ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("feature", "wat"),
    [
        ("collected heaps", "(type $a (array i8)) (func (drop (array.new_default $a (i32.const 1))))"),
        ("shared memory", '(memory (export "memory") 1 1 shared)'),
        ("64-bit memory", '(memory (export "memory") i64 1)'),
        ("several memories", '(memory (export "memory") 1) (memory 1)'),
        ("relaxed SIMD", "(func (param v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 0))))"),
        ("exceptions", "(tag $e) (func (throw $e))"),
    ],
)
def test_feature_outside_the_deterministic_profile_is_refused(sandbox, feature, wat):
    with pytest.raises(InvalidModule, match="does not validate"):
        sandbox.compile(bytes(wasmtime.wat2wasm(f"(module {wat})")))


def test_import_with_an_offered_name_and_another_type_is_refused(sandbox):
    wat = '(import "wasi_snapshot_preview1" "fd_write" (func (param i64)))'
    with pytest.raises(InvalidModule, match=r"wasi_snapshot_preview1\.fd_write"):
        sandbox.compile(bytes(wasmtime.wat2wasm(f"(module {wat})")))


@pytest.mark.parametrize(
    ("exports", "lacking"),
    [
        ('(memory (export "memory") 1) (func (export "_start") (param i32))', "_start"),
        ('(memory (export "memory") 1) (global (export "_start") i32 (i32.const 0))', "_start"),
        ('(func (export "memory")) (func (export "_start"))', "memory"),
    ],
)
def test_export_of_the_wrong_kind_is_refused(sandbox, exports, lacking):
    with pytest.raises(InvalidModule, match=f"does not export {lacking}"):
        sandbox.compile(bytes(wasmtime.wat2wasm(f"(module {exports})")))


def test_every_socket_call_of_the_specification_links_and_fails_cleanly(sandbox):
    wat = (
        '(module (import "wasi_snapshot_preview1" "sock_send" (func $send (param i32 i32 i32 i32 i32) (result i32)))'
        f'{EXIT} (memory (export "memory") 1) (func (export "_start")'
        " (call $exit (call $send (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))))"
    )
    assert run_wat(sandbox, wat).exit_code == Errno.NOTSUP


# --- cheap calls that would cost the host dearly -----------------------------------------------------------------


def test_overlapping_buffers_cannot_make_one_call_copy_the_memory_a_thousand_times(sandbox):
    megabytes = 64
    vectors = struct.pack("<II", 0, megabytes << 20).hex()
    data = "".join(f"\\{vectors[i : i + 2]}" for i in range(0, len(vectors), 2))
    wat = (
        f'(module {FD_WRITE} {EXIT} (memory (export "memory") {megabytes * 16}) (data (i32.const 4096) "{data * 1024}")'
        ' (func (export "_start") (call $exit'
        " (call $call (i32.const 1) (i32.const 4096) (i32.const 1024) (i32.const 0)))))"
    )
    started = time.monotonic()
    assert run_wat(sandbox, wat).exit_code == Errno.INVAL
    assert time.monotonic() - started < 5


def test_path_as_long_as_the_memory_is_not_even_read(sandbox):
    wat = (
        f'(module {PATH_OPEN} {EXIT} (memory (export "memory") 512) (func (export "_start")'
        " (memory.fill (i32.const 0) (i32.const 47) (i32.const 33000000))"
        " (call $exit (call $call (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 33000000)"
        " (i32.const 1) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 0)))))"
    )
    assert run_wat(sandbox, wat).exit_code == Errno.NAMETOOLONG


def test_tables_cannot_grow_without_end(sandbox):
    wat = (
        f'(module {EXIT} (table $t 1 funcref) (memory (export "memory") 1) (func (export "_start") (call $exit'
        " (i32.eq (table.grow $t (ref.null func) (i32.const 100000000)) (i32.const -1)))))"
    )
    assert run_wat(sandbox, wat).exit_code == 1


def test_recursion_without_end_is_a_trap_and_the_machine_is_unharmed(sandbox):
    result = run_wat(sandbox, '(module (memory (export "memory") 1) (func $deeper (export "_start") (call $deeper)))')
    assert result.exit_kind is ExitKind.TRAP
    assert "stack_overflow" in result.detail


# --- cheating the quota ------------------------------------------------------------------------------------------


def test_file_that_lost_its_name_counts_until_it_is_closed(sandbox, cache):
    source = (
        "import os\nkept = []\nfor i in range(20):\n"
        "  f = open('x', 'wb', buffering=0); f.write(bytes(100_000)); os.remove('x'); kept.append(f)\n"
    )
    assert run_python(sandbox, cache, source).exit_kind is ExitKind.OUTPUT_LIMIT


def test_truncating_a_nameless_file_gives_back_nothing_twice(sandbox, cache):
    source = (
        "import os\nfor i in range(20):\n"
        "  f = open('x', 'wb', buffering=0); f.write(bytes(100_000)); os.remove('x'); f.truncate(0); f.close()\n"
        "open('big', 'wb').write(bytes(1_500_000))"
    )
    assert run_python(sandbox, cache, source).exit_kind is ExitKind.OUTPUT_LIMIT


def test_renaming_cannot_make_paths_longer_than_a_manifest_can_name(sandbox, cache):
    source = (
        "import os\nfor part in 'abc': os.mkdir(part * 200)\n"
        "open('b' * 200 + '/file', 'w').close(); os.rename('b' * 200, 'a' * 200 + '/' + 'b' * 200)\n"
        "try: os.rename('a' * 200, 'c' * 200 + '/' + 'a' * 200)\n"
        "except OSError as error: print(error.strerror)\n"
    )
    result = run_python(sandbox, cache, source)
    assert (result.exit_kind, result.stdout) == (ExitKind.EXITED, b"Filename too long\n")
    assert max(map(len, result.outputs)) <= 512


def test_directories_nested_by_renaming_do_not_exhaust_the_host(sandbox, cache):
    source = (
        "import os\nos.mkdir('d0')\n"
        "for i in range(1, 900): os.mkdir(f'd{i}'); os.rename(f'd{i - 1}', f'd{i}/x')\n"
        "os.mkdir('last'); os.rename('d899', 'last/x'); print('done')\n"
    )
    assert run_python(sandbox, cache, source).stdout == b"done\n"


@pytest.mark.parametrize("name", ["a\\\\b", "con", "..x", " ", "new\\nline", "\\u202etxt", "%2e%2e"])
def test_hostile_file_names_stay_names_in_the_output_directory(sandbox, cache, name):
    result = run_python(sandbox, cache, f"open('{name}', 'w').close()")
    (path,) = result.outputs
    assert "/" not in path
    assert path not in (".", "..")


_NAMES = st.sampled_from(["a", "b", "c", "d/a"])
_STEPS = st.one_of(
    st.tuples(st.just("open"), _NAMES, st.sampled_from([0, 1, 8, 9])),
    st.tuples(st.just("write"), st.integers(0, 5), st.integers(0, 400), st.integers(0, 300)),
    st.tuples(st.just("resize"), st.integers(0, 5), st.integers(0, 900)),
    st.tuples(st.just("close"), st.integers(0, 5)),
    st.tuples(st.just("renumber"), st.integers(0, 5), st.integers(0, 5)),
    st.tuples(st.just("unlink"), _NAMES),
    st.tuples(st.just("rename"), _NAMES, _NAMES),
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_STEPS, max_size=40))
def test_quota_is_always_the_sum_of_what_is_stored(steps):
    """Whatever is opened, written, cut, renamed, unlinked and closed: bytes charged equal bytes held."""
    quota = Quota(bytes_limit=2_000, files_limit=100)
    table = FileTable({"a": b"x" * 100, "d/a": b"y" * 50}, quota)
    for step in steps:
        try:
            _apply(table, *step)
        except WasiError:
            continue  # refused: nothing may have changed
        except OutputLimitReached:
            break  # the job ends here
        assert quota.bytes_used == _held(table)
    assert 0 <= quota.bytes_used <= quota.bytes_limit


def _apply(table, verb, *args):
    if verb == "open":
        name, oflags = args
        table.open(4, name, oflags, (1 << 1) | (1 << 6), 0)
    elif verb == "write":
        fd, offset, size = args
        table.write(table.get(6 + fd), b"z" * size, offset)
    elif verb == "resize":
        fd, size = args
        table.resize(table.get(6 + fd), size)
    elif verb == "close":
        table.close(6 + args[0])
    elif verb == "renumber":
        table.renumber(6 + args[0], 6 + args[1])
    elif verb == "unlink":
        table.unlink(4, args[0])
    else:
        table.rename(4, args[0], 4, args[1])


def _held(table):
    named = [file for _, file in table.get(4).root.walk()]
    opened = [entry.node for fd in range(6, 60) if (entry := _descriptor(table, fd))]
    files = {id(file): file for file in [*named, *opened]}
    return sum(len(file.content) for file in files.values() if not file.is_pristine)


def _descriptor(table, fd):
    try:
        return table.get(fd)
    except WasiError:
        return None


# --- the same elsewhere ------------------------------------------------------------------------------------------


def test_not_a_number_has_one_bit_pattern(sandbox):
    """0x7fc00000, whatever payload and sign went into the arithmetic."""
    wat = (
        f'(module {EXIT} (memory (export "memory") 1) (func (export "_start") (call $exit'
        " (i32.ne (i32.const 0x7fc00000)"
        " (i32.reinterpret_f32 (f32.add (f32.const 1) (f32.reinterpret_i32 (i32.const 0xffa12345))))))))"
    )
    assert run_wat(sandbox, wat).exit_code == 0


def test_machine_code_is_made_for_a_baseline_and_not_for_this_processor():
    assert sandbox_descriptor()["target"] != "native"


def test_wall_clock_and_fuel_do_not_disturb_each_other(sandbox, cache):
    source = "print(sum(i * i for i in range(100_000)))"
    runs = [
        run_python(sandbox, cache, source, Limits(20 * 10**9, 256_000_000, seconds, 1_000_000))
        for seconds in (5, 60, 3600)
    ]
    assert len({(run.fuel_used, run.stdout) for run in runs}) == 1


def test_standard_library_that_scripts_rely_on_is_there(sandbox, cache):
    source = (
        "import collections, csv, dataclasses, datetime, decimal, fractions, functools, hashlib, heapq, io, itertools,"
        " json, math, operator, os, pathlib, random, re, shutil, statistics, string, struct, textwrap, zlib\n"
        "print(hashlib.sha256(zlib.decompress(zlib.compress(b'abc'))).hexdigest()[:8],"
        " datetime.date(2026, 1, 1).isoformat(), re.sub('a', 'b', 'aa'))"
    )
    result = run_python(sandbox, cache, source)
    assert (result.stdout, result.stderr) == (b"ba7816bf 2026-01-01 bb\n", b"")


# --- the cache of compiled modules -------------------------------------------------------------------------------


@pytest.fixture
def tiny():
    return bytes(wasmtime.wat2wasm('(module (memory (export "memory") 1) (func (export "_start")))'))


def test_key_that_others_could_have_read_is_replaced(sandbox, tmp_path, tiny):
    digest = sandbox.compile(tiny).digest
    ModuleCache(sandbox, tmp_path).get(digest, tiny)
    key = tmp_path / "key"
    key.chmod(0o644)
    before = key.read_bytes()
    ModuleCache(sandbox, tmp_path).get(digest, tiny)
    assert key.read_bytes() != before
    assert key.stat().st_mode & 0o077 == 0


def test_key_behind_a_link_is_not_followed(sandbox, tmp_path, tiny):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(bytes(32))
    elsewhere.chmod(0o600)
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "key").symlink_to(elsewhere)
    ModuleCache(sandbox, folder).get(sandbox.compile(tiny).digest, tiny)
    assert not (folder / "key").is_symlink()
    assert elsewhere.read_bytes() == bytes(32)


def test_entry_under_another_modules_name_is_not_loaded(sandbox, tmp_path, tiny):
    other = bytes(wasmtime.wat2wasm('(module (memory (export "memory") 2) (func (export "_start")))'))
    digests = [sandbox.compile(wasm).digest for wasm in (tiny, other)]
    cache = ModuleCache(sandbox, tmp_path)
    for digest, wasm in zip(digests, (tiny, other), strict=True):
        cache.get(digest, wasm)
    first, second = (next(tmp_path.glob(f"{digest[2:34]}*")) for digest in digests)
    second.write_bytes(first.read_bytes())
    fresh = ModuleCache(sandbox, tmp_path).get(digests[1], other)
    (memory,) = (item.type for item in fresh.module.exports if item.name == "memory")
    assert memory.limits.min == 2


def test_cache_that_cannot_be_written_costs_time_and_nothing_else(sandbox, tmp_path, tiny):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert ModuleCache(sandbox, blocked).get(sandbox.compile(tiny).digest, tiny)


def test_cache_keeps_only_the_modules_used_last(sandbox, tmp_path, monkeypatch):
    monkeypatch.setattr("agent.runtimes._MAX_STORED", 2)
    cache = ModuleCache(sandbox, tmp_path)
    for pages in range(1, 5):
        wasm = bytes(wasmtime.wat2wasm(f'(module (memory (export "memory") {pages}) (func (export "_start")))'))
        cache.get(sandbox.compile(wasm).digest, wasm)
    assert len(list(tmp_path.glob("*.cwasm"))) == 2
