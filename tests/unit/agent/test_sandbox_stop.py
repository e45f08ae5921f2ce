"""A machine may stop a program; that is reported as what it is, and touches no other program."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import wasmtime

from agent.sandbox import Limits, Sandbox, Task
from agent.sandbox.snapshots import Snapshots
from marketplace.protocol.enums import ExitKind


@pytest.fixture(scope="module")
def sandbox():
    return Sandbox()


def test_program_that_its_machine_stops_ends_as_evicted_and_another_beside_it_goes_on(sandbox):
    wasm = bytes(wasmtime.wat2wasm('(module (memory (export "memory") 1) (func (export "_start") (loop br 0)))'))
    limits = Limits(fuel=2**62, memory_bytes=1_000_000, wall_seconds=0.6, egress_bytes=0)
    module, stop = sandbox.compile(wasm), threading.Event()
    stop.set()
    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(sandbox.run, module, Task(argv=("job",)), limits)
        stopped = sandbox.run(module, Task(argv=("job",)), limits, stop)
        assert stopped.exit_kind is ExitKind.EVICTED and not stopped.exit_kind.is_reproducible
        assert stopped.wall_seconds < other.result(timeout=10).wall_seconds
    assert other.result().exit_kind is ExitKind.TIMEOUT


def test_program_that_nobody_stops_ends_the_same_with_and_without_somebody_who_could(sandbox):
    limits = Limits(fuel=5_000_000, memory_bytes=1_000_000, wall_seconds=30, egress_bytes=0)
    module = sandbox.compile(
        bytes(wasmtime.wat2wasm('(module (memory (export "memory") 1) (func (export "_start") (loop br 0)))'))
    )
    runs = [sandbox.run(module, Task(argv=("job",)), limits, stop) for stop in (None, threading.Event())]
    assert {(run.exit_kind, run.fuel_used) for run in runs} == {(ExitKind.OUT_OF_FUEL, 5_000_000)}


def test_who_looks_at_a_program_and_fails_harms_nothing_but_the_looking(sandbox):
    looks = []

    def keep(files):
        looks.append(files)
        raise OSError("the disk is full")

    limits = Limits(fuel=2**62, memory_bytes=1_000_000, wall_seconds=0.6, egress_bytes=1_000)
    wasm = bytes(wasmtime.wat2wasm('(module (memory (export "memory") 1) (func (export "_start") (loop br 0)))'))
    task = Task(argv=("job",), inputs={"state/n": b"1"})
    run = sandbox.run(sandbox.compile(wasm), task, limits, None, Snapshots("state", 0, keep))
    assert (run.exit_kind, len(looks)) == (ExitKind.TIMEOUT, 1)


def test_interrupted_in_the_main_thread_the_program_ends_and_the_process_lives(sandbox):
    """Ctrl-C in the middle of a look was a segmentation fault: the engine got an answer that was none."""
    limits = Limits(fuel=2**62, memory_bytes=1_000_000, wall_seconds=60, egress_bytes=1_000)
    module = sandbox.compile(
        bytes(wasmtime.wat2wasm('(module (memory (export "memory") 1) (func (export "_start") (loop br 0)))'))
    )
    looks, ended = [], threading.Event()

    class Interrupting:
        def look(self, files, *, is_last):
            looks.append(is_last)
            if len(looks) == 2:
                os.kill(os.getpid(), signal.SIGINT)
            if is_last:
                ended.set()

    with pytest.raises(KeyboardInterrupt):
        sandbox.run(module, Task(argv=("job",)), limits, None, Interrupting())
    assert ended.wait(10), "the program was stopped, not left running"
