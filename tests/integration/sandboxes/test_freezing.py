"""A job whose process is frozen when its daemon stops goes on at the next start as if nothing had been.

What the jobs below count is in the shell's own memory, and nowhere else.
"""

import threading
import time
from dataclasses import replace

import docker
import pytest

from agent.adapters import AdapterSettings, Job
from agent.adapters.docker import open_docker
from agent.containers.engine import GVISOR, LABEL, Engine
from agent.containers.freezing import Freezing, require_freezing
from agent.containers.frozen import FrozenJobs
from agent.containers.harvest import pack
from agent.containers.order import Order
from agent.containers.run import run_container
from agent.doctor.finding import Health
from agent.doctor.sandboxes import check_containers, check_freezing
from agent.sandbox import Limits
from agent.sandbox.printed import Printed
from agent.sandbox.snapshots import Freeze, Snapshots
from agent.settings import ProviderSettings
from marketplace.errors import AgentError
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.checkpointing import Checkpointing
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.jobspec import ContainerProgram, JobSpec
from marketplace.protocol.livelog import STDOUT
from scripts.container_engine import shell_image
from tests.unit.agent.containers.test_frozen import FROZEN

pytestmark = pytest.mark.timeout(280)
AGENT, LEASE = "computehive-freezing", "0x" + "1e" * 32
LIMITS = Limits(fuel=0, memory_bytes=256_000_000, wall_seconds=60, egress_bytes=1_000_000)
COUNTING = (
    "exec 3>log 4</in/a; mkdir -p d/e; ln -s ../../log d/e/link; i=0; "
    "while [ $i -lt 50 ]; do i=$((i+1)); echo $i; echo $i >&3; echo $i > /tmp/n; sleep 0.1; done; "
    "cat <&4; cat /tmp/n; cat d/e/link > copy; exit 7"
)
INPUTS = {"a": b"input\n"}
NUMBERS = [str(n) for n in range(1, 51)]


class Daemon:
    """One start of an agent: what earlier ones have frozen is its own to go on with."""

    def __init__(self, address, folder, quota_mb=1_000, release=""):
        self.engine = Engine(address, AGENT, GVISOR)
        jobs = FrozenJobs(folder / "frozen", quota_mb)
        self.freezing = Freezing(self.engine, jobs, release or require_freezing(self.engine))
        self.engine.sweep(self.freezing.runs)
        self.image = self.engine.load(shell_image()[0])

    def run(self, script=COUNTING, stop_at=None, *, leaves=True, limits=LIMITS, until=2**40):
        """Run the job of a lease, or until it has printed so much: because the daemon ends, or else to make way."""
        stop, printed = threading.Event(), Printed()
        if stop_at is not None:
            threading.Thread(target=stop_once, args=(printed, stop_at, stop), daemon=True).start()
        snapshots = Snapshots("state", 1_000, lambda files: None, freeze=Freeze(LEASE, until, lambda: leaves))
        order = Order(self.image, [script], {}, INPUTS)
        freezer = self.freezing.of(snapshots, self.image, is_bare=True)
        try:
            return run_container(self.engine, AGENT, order, limits, stop, snapshots, printed, freezer)
        finally:
            self.engine.close()


def stop_once(printed, text, stop):
    while not stop.wait(0.02):
        if text in printed.read(STDOUT, 0, 10_000):
            stop.set()


@pytest.fixture
def start(gvisor_engine, engine_address, tmp_path):
    """Start a daemon, once more where one has ended."""
    try:
        require_freezing(gvisor_engine)
    except AgentError as error:
        pytest.skip(f"nothing can be frozen here: {error.message} {error.hint}")
    yield lambda **options: Daemon(engine_address, tmp_path, **options)
    last = Engine(engine_address, AGENT, GVISOR)
    last.sweep()
    last.close()


def leftovers(address):
    client = docker.DockerClient(address)
    mine = {"label": f"{LABEL}={AGENT}"}
    try:
        return [one.name for one in [*client.containers.list(True, filters=mine), *client.volumes.list(filters=mine)]]
    finally:
        client.close()


def assert_counted_to_the_end(done):
    """Each number once, in order, on both ways out, although the shell was in between kept on a disk."""
    assert (done.exit_kind, done.exit_code, done.stderr) == (ExitKind.EXITED, 7, b"")
    assert done.stdout.decode().split() == [*NUMBERS, "input", "50"]
    assert {path: data.decode().split() for path, data in done.outputs.items()} == {"log": NUMBERS, "copy": NUMBERS}


def test_process_goes_on_at_the_next_start_from_where_it_was(start, engine_address):
    started, first = time.monotonic(), start()
    stopped = first.run(stop_at=b"\n10\n")
    assert stopped.exit_kind is ExitKind.EVICTED and 10 <= len(stopped.stdout.split()) < 50
    assert first.freezing.runs, "or the next start would begin anew"
    second = start()
    done = second.run()
    assert_counted_to_the_end(done)
    assert 5 <= done.wall_seconds < time.monotonic() - started, "both parts, and no time between them"
    assert done.usage.cpu_seconds > stopped.usage.cpu_seconds > 0
    assert not second.freezing.runs and not leftovers(engine_address)


def test_job_that_is_stopped_again_goes_on_from_the_same_moment(start):
    first = start().run(stop_at=b"\n10\n")
    again = start().run(stop_at=b"\n20\n")
    assert again.exit_kind is ExitKind.EVICTED
    assert again.stdout.startswith(first.stdout)
    assert_counted_to_the_end(start().run())


def test_what_a_killed_daemon_left_running_is_ended_and_goes_on_from_where_it_was_frozen(start):
    start().run(stop_at=b"\n10\n")
    killed = start()
    snapshots = Snapshots("state", 1_000, lambda files: None, freeze=Freeze(LEASE, 2**40, lambda: False))
    freezer = killed.freezing.of(snapshots, killed.image, is_bare=True)
    job, _holder = freezer.thaw(pack(INPUTS), LIMITS)
    freezer.start(job)
    time.sleep(1)
    after = start()
    job.reload()
    assert job.status == "exited", "nobody is there to stop it at its limits"
    assert_counted_to_the_end(after.run())


def test_job_that_makes_way_is_not_kept(start, engine_address):
    daemon = start()
    assert daemon.run(stop_at=b"\n10\n", leaves=False).exit_kind is ExitKind.EVICTED
    assert not daemon.freezing.runs and not leftovers(engine_address)


def test_job_for_which_there_is_no_room_is_ended_and_begins_anew(start, engine_address):
    daemon = start(quota_mb=100)
    assert daemon.run(stop_at=b"\n10\n").exit_kind is ExitKind.EVICTED
    assert not daemon.freezing.runs and not leftovers(engine_address)
    assert_counted_to_the_end(start(quota_mb=100).run())


def test_job_whose_container_is_gone_begins_anew(start, engine_address):
    daemon = start()
    daemon.run(stop_at=b"\n10\n")
    (run,) = daemon.freezing.runs
    client = docker.DockerClient(engine_address)
    client.containers.get(run).remove(force=True)
    client.close()
    assert_counted_to_the_end(start().run())


def test_job_that_had_opened_what_is_not_there_any_more_begins_anew(start):
    script = "exec 3>gone; echo 1 >&3; rm gone; " + COUNTING
    start().run(script, stop_at=b"\n10\n")
    assert_counted_to_the_end(start().run(script))


def test_what_another_release_froze_is_not_gone_on_with(start, engine_address):
    start().run(stop_at=b"\n10\n")
    assert_counted_to_the_end(start(release="runsc version of another day").run())
    assert not leftovers(engine_address)


def test_what_nobody_pays_for_any_more_is_removed(start, engine_address):
    daemon = start()
    until = int(time.time()) + 20
    daemon.run(stop_at=b"\n2\n", until=until)
    assert daemon.freezing.runs
    time.sleep(max(0, until - time.time()))
    assert not start().freezing.runs and not leftovers(engine_address)


def test_what_nobody_pays_for_any_more_is_removed_while_the_daemon_lives(start, engine_address):
    start().run(stop_at=b"\n2\n")
    daemon = start()
    daemon.freezing.lapse(lambda lease: False)
    assert leftovers(engine_address)
    daemon.freezing.lapse(lambda lease: lease == LEASE)
    assert not daemon.freezing.runs and not leftovers(engine_address)


def test_job_whose_file_is_torn_begins_anew_and_leaves_nothing_of_the_first(start, engine_address, tmp_path):
    start().run(stop_at=b"\n10\n")
    daemon = start()
    (file,) = (tmp_path / "frozen").iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert_counted_to_the_end(daemon.run())
    assert not leftovers(engine_address)


def test_the_time_that_a_job_may_run_counts_from_its_first_start(start):
    script, limits = COUNTING.replace("-lt 50", "-lt 5000"), replace(LIMITS, wall_seconds=15)
    first = start().run(script, stop_at=b"\n20\n", limits=limits)
    done = start().run(script, limits=limits)
    assert done.exit_kind is ExitKind.TIMEOUT and done.stdout.startswith(first.stdout)
    assert 15 <= done.wall_seconds < 16.9, "twenty lines, or 1.9 seconds, of it were before"


def test_engine_that_freezes_nothing_is_refused_with_what_to_do(engine, gvisor_engine, monkeypatch):
    with pytest.raises(AgentError, match="frozen by gVisor") as refused:
        require_freezing(engine)
    assert "COMPUTEHIVE_AGENT_CONTAINER_RUNTIME=runsc" in refused.value.hint
    monkeypatch.setattr(gvisor_engine, "is_experimental", False)
    with pytest.raises(AgentError, match="keeps no checkpoints") as refused:
        require_freezing(gvisor_engine)
    assert '"experimental": true' in refused.value.hint and "COMPUTEHIVE_AGENT_FREEZE_MB=0" in refused.value.hint


def test_agent_freezes_with_that_setting_and_its_next_start_goes_on(start, engine_address, tmp_path):
    settings = AdapterSettings(tmp_path, engine_address, GVISOR, freeze_mb=300)
    archive, _ = shell_image()
    program = ContainerProgram(digest=sha256_digest(archive), size=len(archive))
    checkpoint = Checkpointing(directory="state", freeze=True)
    inputs = [{"path": "a", "digest": sha256_digest(INPUTS["a"]), "size": len(INPUTS["a"])}]
    spec = JobSpec(sandbox="docker", program=program, args=(COUNTING,), checkpoint=checkpoint, inputs=inputs)

    def run(stop, printed=None):
        adapter = open_docker(settings)
        wish = Freeze(LEASE, 2**40, stop.is_set)
        snapshots = Snapshots("state", 1_000, lambda files: None, freeze=wish)
        try:
            return adapter.run(Job(spec, INPUTS, lambda digest: archive, snapshots, printed), LIMITS, stop)
        finally:
            adapter.close()

    stop, printed = threading.Event(), Printed()
    threading.Thread(target=stop_once, args=(printed, b"\n10\n", stop), daemon=True).start()
    assert run(stop, printed).exit_kind is ExitKind.EVICTED
    assert list((tmp_path / "frozen").iterdir())
    done = run(threading.Event())
    assert_counted_to_the_end(done)
    assert not list((tmp_path / "frozen").iterdir())


def test_agent_that_freezes_no_more_leaves_nothing_of_what_was_frozen(start, engine_address, tmp_path):
    FrozenJobs(tmp_path / "frozen", 300).keep(LEASE, FROZEN)
    open_docker(AdapterSettings(tmp_path, engine_address, GVISOR)).close()
    assert not list((tmp_path / "frozen").iterdir())


def test_agent_does_not_start_where_it_could_not_freeze_and_doctor_says_so(start, engine_address, tmp_path):
    def findings(runtime):
        settings = ProviderSettings(
            rpc_url="", address_book=tmp_path, keystore=tmp_path, data=tmp_path, container_engine=engine_address,
            container_runtime=runtime, freeze_mb=300,
        )  # fmt: skip
        return {found.name: found for found in [*check_containers(settings), *check_freezing(settings)]}

    assert findings(GVISOR)["freezing"].found.startswith("jobs that allow it are frozen when the daemon stops")
    assert not (tmp_path / "frozen").exists(), "doctor touches nothing"
    refused = findings("runc")["containers"]
    assert refused.health is Health.FAIL and "frozen by gVisor" in refused.found
    with pytest.raises(AgentError, match="frozen by gVisor"):
        open_docker(AdapterSettings(tmp_path, engine_address, "runc", freeze_mb=300))
