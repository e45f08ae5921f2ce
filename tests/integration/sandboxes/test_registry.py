"""Images out of a real registry, pushed there by a real engine, and run."""

import os
import threading
from dataclasses import replace

import pytest

from agent.adapters import AdapterSettings, Job, registries
from agent.adapters.docker import open_docker
from agent.doctor.finding import Health
from agent.doctor.sandboxes import check_containers
from agent.sandbox import Limits
from agent.settings import ProviderSettings
from agent.work import JobRunner
from marketplace.errors import AgentError, TooLarge
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.images import parse_image
from marketplace.protocol.jobspec import JobSpec
from scripts.container_engine import shell_image
from scripts.container_registry import push
from tests.unit.agent.test_work import lease_terms

LIMITS = Limits(fuel=0, memory_bytes=64_000_000, wall_seconds=20, egress_bytes=1_000_000)


@pytest.fixture(scope="module")
def pushed(registry, engine_address, engine):
    """A program in the registry, and nowhere else."""
    image = engine.load(shell_image({"Env": ["PATH=/bin", "PUSHED=yes"]})[0])
    digest = push(engine_address, image, registry, "team/shell")
    assert engine.drop_image(image)
    return parse_image(f"{registry}/team/shell@{digest}")


@pytest.fixture
def adapter(registry, engine_address, tmp_path):
    settings = AdapterSettings(data=tmp_path, container_engine=engine_address, registries=(registry,))
    adapter = open_docker(settings)
    yield adapter
    adapter.close()


def job(program, script="echo $PUSHED") -> Job:
    spec = JobSpec(sandbox="docker", program=program, args=(script,))
    return Job(spec, {}, {}.__getitem__)


def test_image_of_a_registry_is_fetched_once_run_and_kept(adapter, pushed, registry, engine):
    first, second = (adapter.run(job(pushed), LIMITS) for _ in range(2))
    assert (first.exit_kind, first.stdout) == (second.exit_kind, second.stdout) == (ExitKind.EXITED, b"yes\n")
    assert first.usage.ingress_bytes > 100_000
    assert second.usage.ingress_bytes == 0, "it was there already"
    assert registries({"docker": adapter}) == (registry,)


def test_nothing_of_a_fetched_image_stays_on_the_disk_but_in_the_engine(adapter, pushed, tmp_path):
    adapter.run(job(pushed), LIMITS)
    assert [name for _, _, names in os.walk(tmp_path / "pulls") for name in names] == []


def test_image_takes_part_in_the_quota(registry, engine_address, pushed, engine, tmp_path):
    settings = AdapterSettings(data=tmp_path, container_engine=engine_address, registries=(registry,), image_cache_mb=1)
    adapter = open_docker(settings)
    adapter.run(job(pushed), LIMITS)
    (known,) = adapter._images._known.values()
    other = engine.load(shell_image({"Env": ["PATH=/bin", "OTHER=1"]})[0])
    digest = push(engine_address, other, registry, "team/other")
    adapter.run(job(parse_image(f"{registry}/team/other@{digest}"), "true"), LIMITS)
    assert not engine.has_image(known["image"])
    adapter.close()


def test_image_that_is_larger_than_the_job_says_is_refused(adapter, pushed):
    with pytest.raises(TooLarge, match="the limit is 1000"):
        adapter.run(job(pushed.model_copy(update={"size": 1_000})), LIMITS)


def test_registry_that_the_settings_do_not_name_is_refused(engine_address, pushed, tmp_path):
    adapter = open_docker(AdapterSettings(data=tmp_path, container_engine=engine_address))
    with pytest.raises(AgentError, match="none that this machine's provider allows"):
        adapter.run(job(pushed), LIMITS)
    assert registries({"docker": adapter}) == ()
    adapter.close()


def test_image_that_is_here_already_is_still_not_for_jobs_that_name_a_registry_which_is_not_allowed(adapter, pushed):
    adapter.run(job(pushed), LIMITS)
    with pytest.raises(AgentError, match="none that this machine's provider allows"):
        adapter.run(job(pushed.model_copy(update={"registry": "127.0.0.1:9"})), LIMITS)


def test_job_whose_image_cannot_be_had_is_attested_as_failed_with_the_reason_and_nothing_used(adapter, pushed):
    absent = pushed.model_copy(update={"digest": "0x" + "12" * 32})
    for program, reason in [
        (absent, b"No image"),
        (pushed.model_copy(update={"registry": "127.0.0.1:9"}), b"none that this machine's provider allows"),
        (pushed.model_copy(update={"size": 1}), b"the limit is 1"),
    ]:
        terms = lease_terms(JobSpec(sandbox="docker", program=program, args=("true",)))
        execution = JobRunner({"docker": adapter}, {}.__getitem__)(terms)
        assert (execution.exit_kind, execution.wall_seconds) == (ExitKind.SANDBOX_ERROR, 0)
        assert any(reason in data for data in execution.blobs.values())


def test_fetch_is_given_up_when_the_machine_wants_the_job_gone(adapter, pushed):
    stop = threading.Event()
    stop.set()
    done = adapter.run(job(pushed), LIMITS, stop)
    assert (done.exit_kind, done.wall_seconds) == (ExitKind.EVICTED, 0)


def test_what_a_killed_agent_had_half_fetched_is_swept(adapter, registry, engine_address, tmp_path):
    half = tmp_path / "pulls" / "half"
    half.mkdir(parents=True)
    (half / "layer").write_bytes(b"x")
    open_docker(AdapterSettings(data=tmp_path, container_engine=engine_address)).close()
    assert not half.exists()


def test_image_of_a_registry_runs_in_gvisor_too(gvisor_engine, registry, engine_address, pushed, tmp_path):
    settings = AdapterSettings(
        data=tmp_path, container_engine=engine_address, container_runtime=gvisor_engine.runtime, registries=(registry,)
    )
    adapter = open_docker(settings, sweep=False)
    done = adapter.run(job(pushed), replace(LIMITS, memory_bytes=256_000_000))
    assert (done.exit_kind, done.stdout) == (ExitKind.EXITED, b"yes\n")
    adapter.close()


def test_doctor_says_which_registries_answer(registry, engine_address, tmp_path):
    settings = ProviderSettings(
        rpc_url="", address_book=tmp_path, keystore=tmp_path, data=tmp_path, container_engine=engine_address,
        registries=(registry, "127.0.0.1:9"),
    )  # fmt: skip
    found = {each.name: each for each in check_containers(settings)}
    assert found[f"registry {registry}"].health is Health.OK
    away = found["registry 127.0.0.1:9"]
    assert (away.health, "does not answer" in away.found) == (Health.WARN, True)
