"""gVisor as the runtime of containers: a kernel of the job's own, whose own needs are not the job's.

How it ends what attacks it is in `test_attacks`.
"""

import os
import threading
import time
from dataclasses import replace

import pytest

from agent.adapters import AdapterSettings
from agent.adapters.docker import open_docker
from agent.containers.engine import GVISOR
from agent.containers.order import Order
from agent.containers.run import run_container
from agent.doctor.finding import Health
from agent.doctor.sandboxes import check_containers
from agent.sandbox import Limits
from agent.sandbox.snapshots import Snapshots
from agent.settings import ProviderSettings
from marketplace.protocol.enums import ExitKind
from tests.integration.sandboxes.conftest import AGENT

LIMITS = Limits(fuel=0, memory_bytes=256_000_000, wall_seconds=30, egress_bytes=1_000_000)
FORK_BOMB = "f() { f & f & }; f; sleep 30"


@pytest.fixture
def run(gvisor_engine, shell):
    """Run a script in gVisor; what came of it."""

    def run(script: str, stop=None, inputs=None, snapshots=None, **limits):
        order = Order(shell, [script], {}, inputs or {}, ())
        return run_container(gvisor_engine, AGENT, order, replace(LIMITS, **limits), stop, snapshots)

    return run


def test_kernel_that_a_program_finds_is_not_the_machines(run):
    said = run("cat /proc/version /proc/sys/kernel/osrelease").stdout.decode()
    assert said.startswith("Linux version") and os.uname().release not in said


def test_program_finds_its_inputs_and_leaves_its_outputs(run):
    done = run("cat /in/a/b.txt; mkdir -p d; echo 1 > d/f; exit 3", inputs={"a/b.txt": b"data"})
    assert (done.exit_kind, done.exit_code, done.stdout, done.outputs) == (ExitKind.EXITED, 3, b"data", {"d/f": b"1\n"})


def test_usage_is_measured_with_the_kernels_own(run):
    usage = run("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; dd if=/dev/zero of=/tmp/x bs=1M count=20").usage
    assert usage.cpu_seconds > 0.05
    assert 20_000_000 < usage.peak_memory_bytes <= LIMITS.memory_bytes


def test_job_has_the_processes_of_its_limit_although_each_takes_several_of_the_machines(run):
    done = run("for n in $(seq 30); do sleep 2 & done; wait; echo all", processes=32)
    assert (done.exit_kind, done.stdout) == (ExitKind.EXITED, b"all\n")


@pytest.mark.parametrize("processes", [16, 64])
def test_fork_bomb_that_leaves_the_kernel_no_thread_is_ended_at_once_all_the_same(run, processes):
    started = time.monotonic()
    assert run(FORK_BOMB, processes=processes).exit_kind is ExitKind.PROCESS_LIMIT
    assert time.monotonic() - started < 20, "a kernel without a thread answers nobody, so that it must not be asked"


def test_job_is_stopped_when_its_machine_wants_it_gone(run):
    stop = threading.Event()
    threading.Timer(1, stop.set).start()
    started = time.monotonic()
    assert run("sleep 100", stop=stop).exit_kind is ExitKind.EVICTED
    assert time.monotonic() - started < 15


def test_state_is_seen_while_the_program_runs(run):
    kept, stop = [], threading.Event()

    def keep(files):
        kept.append(dict(files))
        if len(kept) == 2:
            stop.set()

    script = "mkdir state; for n in $(seq 100); do echo $n > state/n; sleep 0.2; done"
    done = run(script, stop=stop, snapshots=Snapshots("state", 0.5, keep))
    assert done.exit_kind is ExitKind.EVICTED
    assert len(kept) >= 2 and all("state/n" in files for files in kept)


def test_descriptor_names_the_runtime(gvisor_adapter, docker_adapter):
    assert gvisor_adapter.descriptor()["runtime"] == GVISOR
    assert gvisor_adapter.descriptor() != docker_adapter.descriptor(), "a result of the one is none of the other"


def test_doctor_says_whether_jobs_run_in_gvisor_where_the_engine_offers_it(gvisor_engine, engine_address, tmp_path):
    def findings(runtime):
        settings = ProviderSettings(
            rpc_url="", address_book=tmp_path, keystore=tmp_path, data=tmp_path, container_engine=engine_address,
            container_runtime=runtime,
        )  # fmt: skip
        return check_containers(settings)

    (used,) = findings(GVISOR)
    assert (used.health, "runtime runsc" in used.found) == (Health.OK, True)
    engine, unused = findings("")
    assert engine.health is Health.OK
    assert (unused.health, "runsc" in unused.found, "CONTAINER_RUNTIME=runsc" in unused.remedy) == (
        Health.WARN, True, True,
    )  # fmt: skip
    (absent,) = findings("absent")
    assert (absent.health, "no runtime 'absent'" in absent.found, "runsc" in absent.remedy) == (Health.FAIL, True, True)


def test_agent_with_that_setting_runs_its_jobs_there(gvisor_engine, engine_address, tmp_path):
    settings = AdapterSettings(data=tmp_path, container_engine=engine_address, container_runtime=GVISOR)
    adapter = open_docker(settings, sweep=False)
    assert adapter.descriptor()["runtime"] == GVISOR
    adapter.close()
