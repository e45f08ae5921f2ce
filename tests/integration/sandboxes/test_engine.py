"""The engine around a job: what an image asks for, what is kept, what is swept, what happens when it is gone."""

import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import replace

import docker
import pytest

from agent.adapters import AdapterSettings
from agent.adapters.docker import open_docker
from agent.containers import cgroups
from agent.containers import engine as engine_module
from agent.containers import run as run_module
from agent.containers.engine import LABEL, NOBODY, Engine
from agent.containers.order import Order
from agent.containers.run import run_container
from agent.sandbox import Limits
from agent.sandbox.snapshots import Snapshots
from marketplace.errors import AgentError, InvalidModule
from marketplace.protocol.enums import ExitKind
from scripts.container_engine import (
    ENGINE_VARIABLE,
    missing,
    running_engine,
    shell_image,
)
from tests.integration.sandboxes.conftest import AGENT
from tests.integration.sandboxes.waiting import wait_until

LIMITS = Limits(fuel=0, memory_bytes=64_000_000, wall_seconds=20, egress_bytes=1_000_000)


@pytest.fixture
def run(engine, shell):
    """Run a script; what came of it."""

    def run(script: str, image: str = shell, stop=None, inputs=None, env=None, gpus=(), **limits):
        order = Order(image, [script], env or {}, inputs or {}, gpus)
        return run_container(engine, AGENT, order, replace(LIMITS, **limits), stop)

    return run


# --- what a program finds ---------------------------------------------------------------------------------------------


def test_program_finds_its_inputs_and_leaves_its_outputs(run):
    done = run(
        'cat /in/a/b.txt; echo "$NAME in $(pwd)" >&2; mkdir -p d/e; echo 1 > d/e/f; exit 3',
        inputs={"a/b.txt": b"data"},
        env={"NAME": "job"},
    )
    assert (done.exit_kind, done.exit_code, done.stdout, done.stderr) == (ExitKind.EXITED, 3, b"data", b"job in /out\n")
    assert (done.outputs, done.fuel_used) == ({"d/e/f": b"1\n"}, 0)


def test_program_is_nobody_and_has_no_capabilities_and_a_system_call_filter(run):
    said = run("id -u; cat /proc/self/status").stdout.decode()
    assert said.startswith(NOBODY.split(":")[0])
    fields = dict(line.split(":\t", 1) for line in said.splitlines() if ":\t" in line)
    assert {fields[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} == {"0" * 16}
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")


def test_program_has_no_interface_but_its_own_loopback(run):
    assert run("ls /sys/class/net").stdout == b"lo\n"


def test_names_links_and_pipes_in_the_outputs_are_left_behind(run):
    done = run("echo 1 > a; ln a b; ln -s a c; mkdir d; mknod p p; : > '-x y'; : > \"$(printf 'n\\nl')\"")
    assert done.outputs.keys() - {"a", "b"} == {"-x y", "n\nl"}
    assert len(done.outputs.keys() & {"a", "b"}) == 1, "two names of one file are one file"


def test_usage_is_measured_also_of_a_short_run(run):
    usage = run("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; dd if=/dev/zero of=/tmp/x bs=1M count=20").usage
    assert usage.cpu_seconds > 0.05
    assert 20_000_000 < usage.peak_memory_bytes <= LIMITS.memory_bytes + 4096 * 64


def test_program_silent_for_longer_than_the_engine_may_take_for_an_answer_is_no_trouble(monkeypatch, engine_address):
    monkeypatch.setattr(engine_module, "ANSWER_SECONDS", 2)
    impatient = Engine(engine_address, f"{AGENT}-impatient")
    image = impatient.load(shell_image()[0])
    done = run_container(impatient, f"{AGENT}-impatient", Order(image, ["sleep 5; echo late"], {}, {}), LIMITS, None)
    impatient.sweep()
    impatient.close()
    assert (done.exit_kind, done.stdout) == (ExitKind.EXITED, b"late\n")


def test_job_is_stopped_when_its_machine_wants_it_gone(run):
    stop = threading.Event()
    threading.Timer(1, stop.set).start()
    started = time.monotonic()
    assert run("sleep 100", stop=stop).exit_kind is ExitKind.EVICTED
    assert time.monotonic() - started < 15


def test_job_that_its_machine_wants_gone_before_the_engine_has_started_it_is_not_left_running(run):
    stop = threading.Event()
    stop.set()
    started = time.monotonic()
    assert run("sleep 100", stop=stop).exit_kind is ExitKind.EVICTED
    assert time.monotonic() - started < 15


def test_state_that_a_container_saves_is_seen_while_it_runs_and_once_more_when_it_is_stopped(engine, shell):
    kept, stop = [], threading.Event()

    def keep(files):
        kept.append(dict(files))
        if len(kept) == 2:
            stop.set()

    script = "mkdir state; for n in $(seq 100); do echo $n > state/new; mv state/new state/n; sleep 0.2; done"
    order = Order(shell, [script], {}, {})
    done = run_container(engine, AGENT, order, LIMITS, stop, Snapshots("state", 0.5, keep))
    assert done.exit_kind is ExitKind.EVICTED
    states = [int(files["state/n"]) for files in kept if "state/n" in files]
    assert len(states) >= 2 and states == sorted(states) and states[-1] < 100


# --- images -----------------------------------------------------------------------------------------------------------


def test_image_whose_program_does_not_exist_is_the_sandboxs_trouble_with_the_reason(engine, run):
    image = engine.load(shell_image({"Entrypoint": ["/bin/absent"]})[0])
    done = run("", image=image)
    assert (done.exit_kind, "absent" in done.detail) == (ExitKind.SANDBOX_ERROR, True)


def test_folders_that_an_image_declares_as_volumes_are_memory_and_not_the_machines_disk(engine, run):
    image = engine.load(shell_image({"Volumes": {"/var/data": {}}})[0])
    done = run("dd if=/dev/zero of=/var/data/x bs=1M count=500 2>&1; cat /proc/mounts", image=image)
    assert done.exit_kind in (ExitKind.EXITED, ExitKind.MEMORY_LIMIT)
    assert b"tmpfs /var/data tmpfs" in run("cat /proc/mounts", image=image).stdout


@pytest.mark.parametrize("path", ["/", "/proc/x", "/in/x", "/a/../etc", "relative", "/a,exec"])
def test_volumes_where_no_job_can_have_one_are_refused(engine, run, path):
    image = engine.load(shell_image({"Volumes": {path: {}}})[0])
    with pytest.raises(InvalidModule, match="volume"):
        run("true", image=image)


def test_image_cannot_turn_its_limits_off(engine, run):
    image = engine.load(
        shell_image({"User": "0", "Healthcheck": {"Test": ["CMD", "sleep", "1"]}, "Labels": {LABEL: "another"}})[0]
    )
    assert run("id -u", image=image).stdout == b"65534\n"


# --- machines ---------------------------------------------------------------------------------------------------------


def test_gpu_that_the_engine_cannot_give_is_the_machines_trouble_and_said(run):
    done = run("true", gpus=["GPU-0"])
    assert done.exit_kind is ExitKind.SANDBOX_ERROR
    assert "gpu" in done.detail


def test_what_a_killed_agent_left_is_swept_at_the_next_start_and_nothing_else(engine_address, shell, tmp_path):
    settings = AdapterSettings(data=tmp_path, container_engine=engine_address)
    first = open_docker(settings)
    threading.Thread(
        target=first._engine.run_to_end,
        args=(_start_forever(first, shell), 100),
        daemon=True,
    ).start()
    client = docker.DockerClient(base_url=engine_address)
    other = client.containers.create(shell, command=["sleep 1"], name="the-providers-own")
    try:
        mine = {"label": f"{LABEL}={first._agent}"}
        assert len(client.containers.list(all=True, filters=mine)) == 2
        open_docker(settings)
        assert client.containers.list(all=True, filters=mine) == []
        assert client.volumes.list(filters=mine) == []
        assert client.containers.get("the-providers-own").id == other.id
    finally:
        other.remove(force=True)
        client.close()


def _start_forever(adapter, image):
    """A run as an agent leaves it that is killed in the middle."""
    engine, run = adapter._engine, f"{adapter._agent}-interrupted"
    engine.create_folders(run, LIMITS, 0, 0)
    job = engine.create_job(run, image, ["sleep 1000"], {}, LIMITS, [])
    job.start()
    return job


def test_engine_that_does_not_answer_or_lacks_what_is_wanted_is_refused_with_what_to_do(tmp_path, engine_address):
    with pytest.raises(AgentError, match="No container engine answers"):
        open_docker(AdapterSettings(data=tmp_path, container_engine=f"unix://{tmp_path}/none.sock"))
    with pytest.raises(AgentError, match="no runtime 'absent'"):
        open_docker(AdapterSettings(data=tmp_path, container_engine=engine_address, container_runtime="absent"))
    assert open_docker(AdapterSettings(data=tmp_path)) is None


def test_engine_that_vanishes_in_the_middle_is_the_machines_trouble_and_soon_noticed(tmp_path, monkeypatch):
    reason = missing()
    if reason or os.environ.get(ENGINE_VARIABLE):
        pytest.skip(reason or "an engine that others use is not killed")
    monkeypatch.setattr(run_module, "ANSWER_SECONDS", 5)
    with running_engine(tmp_path) as address:
        engine = Engine(address, f"{AGENT}-vanishing")
        image = engine.load(shell_image()[0])
        timer = threading.Timer(2, lambda: os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL))
        timer.start()
        started = time.monotonic()
        done = run_container(engine, f"{AGENT}-vanishing", Order(image, ["sleep 100"], {}, {}), LIMITS, None)
        assert (done.exit_kind, time.monotonic() - started < 30) == (ExitKind.SANDBOX_ERROR, True)
        assert "engine failed" in done.detail
        _end_orphans(str(tmp_path))


def _end_orphans(folder: str) -> None:
    """What a killed engine leaves running: its containerd, the containers' shims, and what is in them."""
    subprocess.run(["pkill", "-KILL", "-f", folder], check=False, timeout=30)
    for run in cgroups.leftover_runs(f"{AGENT}-vanishing-"):
        for processes in cgroups.ROOT.glob(f"**/{cgroups.PARENT}/{run}/*/cgroup.procs"):
            for pid in map(int, processes.read_text().split()):
                os.kill(pid, signal.SIGKILL)
        for group in cgroups.ROOT.glob(f"**/{cgroups.PARENT}/{run}/*/"):
            wait_until(lambda group=group: not (group / "cgroup.procs").read_text())
        cgroups.remove_parent(run)
    assert wait_until(lambda: subprocess.run(["pgrep", "-f", folder], capture_output=True, timeout=30).returncode == 1)


def test_descriptor_says_what_a_container_finds_and_stays_the_same(docker_adapter):
    assert docker_adapter.descriptor() == json.loads(json.dumps(docker_adapter.descriptor()))
    assert docker_adapter.descriptor()["sandbox"] == "docker"
