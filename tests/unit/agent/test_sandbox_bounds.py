"""What a job may make the host hold in memory, and that no call of a job's makes the sandbox itself fall over."""

import pytest
import wasmtime

from agent.sandbox import Limits, Sandbox, Task
from agent.sandbox.errno import Errno
from agent.sandbox.files import FileTable
from agent.sandbox.vfs import MAX_FILE_BYTES, MAX_WRITTEN_BYTES, OutputLimitReached, Quota
from agent.sandbox.wasi import WasiHost
from marketplace.client.terms import LeaseTerms
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.jobspec import JobSpec
from tests.unit.agent.test_work import FILES, lease_terms, runner, script_spec, wasm_runner
from tests.unit.clearing.market import ask, bid

GREEDY = Limits(fuel=10**9, memory_bytes=256_000_000, wall_seconds=60, egress_bytes=10**15)
SEEK_AND_SIZE = """(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $size (param i32 i64) (result i32)))
  (memory (export "memory") 1) (data (i32.const 0) "f")
  (func (export "_start")
    (drop (call $open (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 1) (i64.const -1)
      (i64.const -1) (i32.const 0) (i32.const 8)))
    (drop (call $size (i32.const 6) (i64.const 64000000000)))))"""


def run_wat(wat, limits=GREEDY):
    sandbox = Sandbox()
    return sandbox.run(sandbox.compile(bytes(wasmtime.wat2wasm(wat))), Task(argv=("job",)), limits)


def test_file_that_a_bid_pays_for_and_the_host_could_not_hold_ends_the_job():
    assert run_wat(SEEK_AND_SIZE).exit_kind is ExitKind.OUTPUT_LIMIT


def test_written_file_is_never_larger_than_what_a_market_takes():
    table = FileTable({}, Quota(bytes_limit=10**15, files_limit=5))
    entry = table.get(table.open(4, "f", 1, (1 << 1) | (1 << 6), 0))
    with pytest.raises(OutputLimitReached, match=str(MAX_FILE_BYTES)):
        table.resize(entry, MAX_FILE_BYTES + 1)


def test_all_that_is_written_has_a_bound_whatever_the_bid_reserves():
    assert WasiHost(Task(argv=("job",)), GREEDY).quota.bytes_limit == MAX_WRITTEN_BYTES


@pytest.mark.parametrize("call", ["fd_fdstat_set_flags", "path_open"])
def test_flags_that_do_not_exist_are_refused(call):
    setting = {
        "fd_fdstat_set_flags": "(call $flags (i32.const 1) (i32.const 0x10000))",
        "path_open": "(call $open (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 1) (i64.const -1)"
        " (i64.const -1) (i32.const 0x10000) (i32.const 8))",
    }[call]
    result = run_wat(
        '(module (import "wasi_snapshot_preview1" "fd_fdstat_set_flags" (func $flags (param i32 i32) (result i32)))'
        ' (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $stat (param i32 i32) (result i32)))'
        ' (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))'
        ' (import "wasi_snapshot_preview1" "path_open"'
        "   (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))"
        ' (memory (export "memory") 1) (data (i32.const 0) "f") (global $code (mut i32) (i32.const 0))'
        f' (func (export "_start") (global.set $code {setting})'
        " (drop (call $stat (i32.const 1) (i32.const 64))) (drop (call $stat (i32.const 6) (i32.const 64)))"
        " (call $exit (global.get $code))))"
    )
    assert (result.exit_kind, result.exit_code) == (ExitKind.EXITED, Errno.INVAL)


def test_call_that_fails_in_an_unexpected_way_is_an_attested_failure_of_the_sandbox(monkeypatch):
    def falls_over(self, memory):
        raise OverflowError("never seen before")

    monkeypatch.setattr(WasiHost, "sched_yield", falls_over)
    result = run_wat(
        '(module (import "wasi_snapshot_preview1" "sched_yield" (func $call (result i32)))'
        ' (memory (export "memory") 1) (func (export "_start") (drop (call $call))))'
    )
    assert result.exit_kind is ExitKind.SANDBOX_ERROR
    assert "OverflowError: never seen before" in result.detail


def test_inputs_that_the_host_could_not_hold_are_fetched_only_as_far_as_they_fit(monkeypatch):
    monkeypatch.setattr("agent.work.MAX_INPUT_TOTAL_BYTES", 5)
    fetched = []

    def fetch(digest: str) -> bytes:
        fetched.append(digest)
        return FILES[digest]

    done = wasm_runner(fetch)(lease_terms())
    assert (done.exit_kind, len(fetched)) == (ExitKind.SANDBOX_ERROR, 1)
    assert "limit" in done.detail or "5" in done.detail


@pytest.mark.parametrize("egress_mb", [0, 1])
def test_failure_to_start_leaves_no_more_than_was_reserved(egress_mb):
    spec = script_spec()
    placed = bid(job_spec=spec, fuel=10**10, memory_mb=256, duration_seconds=60, egress_mb=egress_mb)
    done = runner({})(LeaseTerms(placed.bid, "0x", ask(1).ask, "0x", 150_000, spec))
    assert done.exit_kind is ExitKind.SANDBOX_ERROR
    assert (done.manifest.egress_bytes > 0) is (egress_mb > 0)
    assert done.detail


def test_inputs_within_the_bound_are_all_there():
    files = {sha256_digest(bytes([n])): bytes([n]) for n in range(3)}
    document = script_spec().to_json()
    document["inputs"] += [{"path": f"f{n}", "digest": digest, "size": 1} for n, digest in enumerate(files)]
    assert runner(FILES | files)(lease_terms(JobSpec.parse(document))).exit_kind is ExitKind.EXITED
