"""What real runs say of themselves, and how a run is watched."""

import threading

import pytest
import wasmtime

from agent.metering.polling import polled
from agent.metering.rapl import Meter
from agent.metering.runner import MeteredRunner
from agent.sandbox import Limits, Sandbox, Task
from agent.sandbox.types import Usage
from agent.work import Hooks, Intake
from marketplace.protocol.enums import ExitKind
from tests.unit.agent.metering.test_rapl import put_zone
from tests.unit.agent.test_work import ended, lease_terms, runner

LIMITS = Limits(fuel=10**12, memory_bytes=64_000_000, wall_seconds=10, egress_bytes=1_000)
PAGE = 65_536
SPIN = """(local $n i32) (local.set $n (i32.const {turns}))
    (loop (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"""


@pytest.fixture(scope="module")
def sandbox():
    return Sandbox()


def run_body(sandbox, body, limits=LIMITS, pages=1):
    wat = f'(module (memory (export "memory") {pages}) (func (export "_start") {body}))'
    return sandbox.run(sandbox.compile(bytes(wasmtime.wat2wasm(wat))), Task(argv=("job",)), limits)


def test_wasm_run_says_its_own_processor_time_which_is_no_more_than_its_wall_time(sandbox):
    little = run_body(sandbox, SPIN.format(turns=1_000))
    much = run_body(sandbox, SPIN.format(turns=300_000_000))
    assert 0 <= little.usage.cpu_seconds < much.usage.cpu_seconds <= much.wall_seconds


def test_wasm_run_is_not_charged_for_what_other_threads_do_meanwhile(sandbox):
    over = threading.Event()
    noise = threading.Thread(target=lambda: [sum(range(1_000)) for _ in iter(over.is_set, True)])
    noise.start()
    try:
        result = run_body(sandbox, SPIN.format(turns=1_000))
    finally:
        over.set()
        noise.join()
    assert result.usage.cpu_seconds < 0.5


def test_wasm_run_says_how_much_memory_it_had_grown_to(sandbox):
    grown = run_body(sandbox, "(drop (memory.grow (i32.const 9)))", pages=3)
    assert grown.usage.peak_memory_bytes == 12 * PAGE


@pytest.mark.parametrize(("body", "kind"), [("unreachable", ExitKind.TRAP), ("(loop (br 0))", ExitKind.OUT_OF_FUEL)])
def test_wasm_run_that_failed_is_metered_as_well(sandbox, body, kind):
    limits = Limits(fuel=10**6, memory_bytes=64_000_000, wall_seconds=10, egress_bytes=1_000)
    result = run_body(sandbox, body, limits)
    assert result.exit_kind is kind
    assert result.usage.cpu_seconds > 0 and result.usage.peak_memory_bytes == PAGE


def test_module_that_was_never_started_has_no_memory_to_report(sandbox):
    result = run_body(sandbox, "", pages=2_000)
    assert result.exit_kind is ExitKind.MEMORY_LIMIT and result.usage.peak_memory_bytes is None


def test_run_says_how_much_was_fetched_for_it():
    terms = lease_terms()
    usage = runner()(terms).usage
    assert usage.ingress_bytes == terms.job_spec.ingress_bytes > 0


def test_what_could_not_be_fetched_is_not_counted():
    held = {"a": b"xyz"}
    intake = Intake(held.__getitem__)
    assert intake("a") == b"xyz" and intake("a") == b"xyz"
    with pytest.raises(KeyError):
        intake("b")
    assert intake.total == 6


def test_watching_looks_at_the_beginning_meanwhile_and_at_the_end_whatever_happens():
    looks, twice = [], threading.Event()

    def look():
        looks.append(None)
        if len(looks) == 2:
            twice.set()

    with pytest.raises(RuntimeError), polled(look, 0.01):
        assert len(looks) == 1 or twice.is_set()
        assert twice.wait(10)
        raise RuntimeError("the run fell over")
    assert len(looks) >= 3
    assert not any(thread.name == "metering" for thread in threading.enumerate()), "nobody looks after the end"


def test_metered_run_is_the_same_run_with_its_share_of_what_the_machine_drew(tmp_path):
    put_zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    hooks = Hooks(threading.Event())

    def run(terms, given):
        assert given is hooks
        put_zone(tmp_path, "intel-rapl:0", "package-0", 5_000_000)
        return ended(usage=Usage(cpu_seconds=10**9))

    execution = MeteredRunner(run, lambda: Meter(tmp_path))(lease_terms(), hooks)
    assert execution == ended(usage=Usage(cpu_seconds=10**9, cpu_joules=4.0))


def test_metered_run_on_a_machine_without_counters_leaves_its_energy_to_the_model(tmp_path):
    execution = MeteredRunner(lambda terms, hooks: ended(usage=Usage(cpu_seconds=1.0)), lambda: Meter(tmp_path))
    assert execution(lease_terms()).usage == Usage(cpu_seconds=1.0)
