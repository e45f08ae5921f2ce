"""Private jobs in containers: their secrets in memory of their own, and images that nobody else can run."""

import pytest

from agent.work import JobRunner
from marketplace.client.jobs import PreparedJob
from marketplace.client.private import JobKey, seal_job
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.jobspec import ContainerProgram, JobSpec
from scripts.container_engine import shell_image
from tests.unit.agent.private_jobs import terms_of

SCRIPT = "ls -l /secrets >&2; cat /secrets/TOKEN; echo no > /secrets/TOKEN || echo read-only; env | grep -c hush"


@pytest.fixture
def ran(docker_adapter):
    """A private container with a secret: what came of it, by path, and the job as the market knows it."""
    archive, _ = shell_image()
    program = ContainerProgram(digest=sha256_digest(archive), size=len(archive))
    key = JobKey.new({"TOKEN": b"hush\n"})
    plain = PreparedJob(JobSpec(sandbox="docker", program=program, args=(SCRIPT,)), {program.digest: archive})
    job = seal_job(plain, key)
    runner = JobRunner({"docker": docker_adapter}, job.blobs.__getitem__, keys=lambda terms, stop: key)
    ended = runner(terms_of(job))
    assert ended.exit_kind is ExitKind.EXITED, ended.detail
    return {entry.path: key.unseal(ended.blobs[entry.digest]) for entry in ended.sealed.entries}, job


def test_a_container_finds_its_secrets_in_read_only_files_and_not_in_its_environment(ran):
    found, _ = ran
    assert found["log/stdout"] == b"hush\nread-only\n0\n", found
    assert b"TOKEN" in found["log/stderr"]


def test_who_names_the_ciphertext_of_a_private_image_does_not_get_to_run_it(ran, docker_adapter):
    _, job = ran
    thief = JobSpec.parse(job.spec.to_json() | {"privacy": None, "args": ["cat /etc/passwd"]})
    stolen = PreparedJob(thief, job.blobs)
    ended = JobRunner({"docker": docker_adapter}, job.blobs.__getitem__)(terms_of(stolen))
    assert ended.exit_kind is ExitKind.SANDBOX_ERROR
