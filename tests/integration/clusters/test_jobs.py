"""Jobs on a real Ray cluster: the same result as here, and an end to everything that is stopped, lost or too large."""

import os
import signal
import time
from dataclasses import replace
from threading import Event, Thread

import psutil
import pytest

from agent.adapters import AdapterSettings, descriptor_digest
from agent.adapters.ray import MOST_LOST, open_ray
from agent.adapters.wasm import open_wasm
from agent.inventory import take_inventory
from agent.sandbox import sandbox_digest
from agent.sandbox.printed import Printed
from agent.sandbox.snapshots import Snapshots
from marketplace.errors import AgentError, ServiceUnavailable, SettingsError
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.livelog import STDOUT
from tests.unit.agent.clusters.jobs import LIMITS, module_job, python_job

pytestmark = pytest.mark.timeout(170)
WORK = "import os\nprint(sum(range(1000)))\nopen('made', 'wb').write(os.urandom(1000) + open('job.py', 'rb').read())\n"
SPIN = "print('begun', flush=True)\nwhile True: pass\n"
WORKER = "ray::Worker"


def workers() -> list[psutil.Process]:
    """Processes on this machine in which a job of a cluster runs or may."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if " ".join(process.info["cmdline"] or ()).startswith(WORKER):
            found.append(process)
    return found


def wait_until(holds, seconds: float = 60) -> bool:
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.05)
    return bool(holds())


class Going:
    """A job that runs in a thread of its own."""

    def __init__(self, adapter, job, limits=LIMITS) -> None:
        self.stop, self.printed, self.result, self.error = Event(), Printed(), None, None
        self._thread = Thread(target=self._run, args=(adapter, replace(job, printed=self.printed), limits), daemon=True)
        self._thread.start()

    def _run(self, adapter, job, limits) -> None:
        try:
            self.result = adapter.run(job, limits, self.stop)
        except Exception as error:
            self.error = error

    def has_printed(self, text: bytes) -> bool:
        return text in self.printed.read(STDOUT, 0, 1_000)

    def finish(self, seconds: float) -> "Going":
        self._thread.join(seconds)
        assert not self._thread.is_alive(), f"still running after {seconds} s"
        return self


def test_result_fuel_and_sandbox_are_those_of_one_machine(adapter, tmp_path):
    here = open_wasm(AdapterSettings(tmp_path))
    assert descriptor_digest(adapter) == descriptor_digest(here) == sandbox_digest()
    there, own = (each.run(python_job(WORK), LIMITS) for each in (adapter, here))
    assert there.outputs == own.outputs and there.outputs["made"].endswith(WORK.encode())
    compared = ("exit_kind", "exit_code", "fuel_used", "stdout", "stderr", "detail")
    assert [getattr(there, name) for name in compared] == [getattr(own, name) for name in compared]
    assert there.usage.peak_memory_bytes == own.usage.peak_memory_bytes and there.usage.cpu_seconds > 0


@pytest.mark.parametrize(
    ("changes", "kind"), [({"fuel": 10**6}, ExitKind.OUT_OF_FUEL), ({"wall_seconds": 1.5}, ExitKind.TIMEOUT)]
)
def test_limit_ends_the_job_there_as_it_does_here(adapter, changes, kind):
    result = adapter.run(python_job(SPIN), replace(LIMITS, **changes))
    assert result.exit_kind is kind and result.outputs == {}


def test_module_that_is_none_is_refused_in_the_words_of_the_sandbox(adapter, tmp_path):
    job, said = module_job(b"no module"), []
    for each in (adapter, open_wasm(AdapterSettings(tmp_path))):
        with pytest.raises(AgentError) as caught:
            each.run(job, LIMITS)
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_state_that_a_job_saves_and_what_it_prints_are_seen_while_it_runs(adapter):
    source = "import os\nos.mkdir('state')\nopen('state/at', 'w').write('7')\n" + SPIN
    job, kept = python_job(source, checkpoint={"directory": "state", "intervalSeconds": 5}), []
    going = Going(adapter, replace(job, snapshots=Snapshots("state", 5, kept.append)))
    assert wait_until(lambda: kept and going.has_printed(b"begun"))
    going.stop.set()
    assert going.finish(20).result.exit_kind is ExitKind.EVICTED
    assert kept[0] == {"state/at": b"7"}


def test_stopped_job_ends_soon_and_so_does_its_process(adapter):
    going = Going(adapter, python_job(SPIN))
    assert wait_until(lambda: going.has_printed(b"begun"))
    assert workers()
    going.stop.set()
    result = going.finish(20).result
    assert (result.exit_kind, result.stdout) == (ExitKind.EVICTED, b"begun\n")
    assert wait_until(lambda: not workers(), 20)


def test_killed_worker_is_replaced_and_the_result_is_the_same(adapter):
    going = Going(adapter, python_job("print('begun', flush=True)\nfor _ in range(6_000_000): pass\nprint('end')\n"))
    assert wait_until(lambda: going.has_printed(b"begun"))
    (worker,) = workers()
    worker.send_signal(signal.SIGKILL)
    assert going.finish(90).error is None
    assert going.result.stdout == b"begun\nend\n" and going.result.exit_kind is ExitKind.EXITED


def test_job_whose_workers_are_always_lost_is_given_up_and_has_no_result(adapter):
    going, killed = Going(adapter, python_job(SPIN)), set()

    def kill_another() -> bool:
        for worker in workers():
            if worker.pid not in killed:
                killed.add(worker.pid)
                worker.send_signal(signal.SIGKILL)
        return going.error is not None

    assert wait_until(kill_another, 120)
    assert isinstance(going.error, AgentError) and going.result is None
    assert f"lost the job's worker {MOST_LOST} times" in str(going.error)


def test_driver_that_is_killed_takes_its_jobs_with_it_and_another_takes_its_place(adapter):
    going = Going(adapter, python_job(SPIN))
    assert wait_until(lambda: going.has_printed(b"begun"))
    os.kill(adapter._hand.connect().pid, signal.SIGKILL)
    assert isinstance(going.finish(20).error, ServiceUnavailable), "tried again later, never attested"
    assert wait_until(lambda: not workers(), 40), "no orphan goes on"
    assert "the connection is gone" in adapter.find_worry()
    assert wait_until(lambda: adapter.find_worry() == "", 60)
    assert adapter.run(python_job("print(1)"), LIMITS).stdout == b"1\n"


def test_offer_is_what_ray_counts_and_gpus_without_a_driver_are_none(adapter):
    profile = adapter.describe(take_inventory("eu"))
    assert (profile.cpu.cores, profile.memory_mb, profile.gpus) == (2, 1_000, take_inventory("eu").gpus[:1])


def test_job_larger_than_the_machines_is_refused_at_once(adapter):
    with pytest.raises(AgentError, match="No single machine of this cluster has 3 vCPUs"):
        adapter.run(python_job("print(1)"), replace(LIMITS, vcpus=3))


def test_private_job_is_refused(adapter):
    job = python_job("print(1)")
    object.__setattr__(job.spec, "privacy", object())
    with pytest.raises(AgentError, match="no private jobs"):
        adapter.run(job, LIMITS)


def test_cluster_that_is_not_there_is_a_clear_error(speaking, tmp_path, monkeypatch):
    monkeypatch.setattr("agent.clusters.hand.CONNECT_SECONDS", 4)
    with pytest.raises(ServiceUnavailable, match=r"The Ray cluster at 127.0.0.1:1 cannot be used") as caught:
        open_ray(AdapterSettings(tmp_path, ray_address="127.0.0.1:1"))
    assert "ray_address" in caught.value.hint


def test_engine_and_cluster_exclude_each_other(tmp_path):
    with pytest.raises(SettingsError, match="exclude each other"):
        open_ray(AdapterSettings(tmp_path, ray_address="127.0.0.1:1", container_engine="unix:///engine"))
