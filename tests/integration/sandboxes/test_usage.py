"""What a container on a real engine took, as its provider reports it."""

from dataclasses import replace

from agent.attest import attest, report_usage
from agent.work import JobRunner
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.jobspec import ContainerProgram, JobSpec
from scripts.container_engine import shell_image
from tests.unit.agent.test_work import lease_terms
from tests.unit.clearing.market import profile

LEASE = "0x" + "11" * 32
MEMORY_MB = 64


def run_script(adapter, script):
    """Terms of a lease for this script in a container, and its run."""
    archive = shell_image()[0]
    program = ContainerProgram(digest=sha256_digest(archive), size=len(archive))
    given = lease_terms(JobSpec(sandbox="docker", program=program, args=(script,)))
    bid = given.bid.model_copy(update={"fuel": 0, "memory_mb": MEMORY_MB, "egress_mb": 1})
    terms = replace(given, bid=bid)
    held = {program.digest: archive}
    return terms, JobRunner({"docker": adapter}, held.__getitem__)(terms)


def reported(terms, execution):
    report = report_usage(attest(LEASE, terms, execution, 1, 2), terms, execution, profile())
    assert report is not None, "an honest run's figures are possible"
    return report


def test_container_is_reported_with_its_groups_time_and_memory_and_what_was_fetched(docker_adapter):
    script = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; dd if=/dev/zero of=/tmp/x bs=1M count=20; echo done"
    terms, execution = run_script(docker_adapter, script)
    assert execution.exit_kind is ExitKind.EXITED
    report = reported(terms, execution)
    assert report.figure("cpu_milliseconds") > 50
    assert report.figure("peak_memory_bytes") > 20_000_000
    assert report.figure("ingress_bytes") == terms.job_spec.ingress_bytes
    assert report.figure("egress_bytes") == execution.manifest.egress_bytes
    assert report.figure("gpu_milliseconds") is None
    again = reported(*run_script(docker_adapter, script))
    assert again.figure("ingress_bytes") == 0, "the image was there already"


def test_container_that_fills_its_memory_is_reported_at_what_it_reserved(docker_adapter):
    terms, execution = run_script(docker_adapter, "x=y; while true; do x=$x$x; done")
    assert execution.exit_kind is ExitKind.MEMORY_LIMIT
    assert 60_000_000 < reported(terms, execution).figure("peak_memory_bytes") <= MEMORY_MB * 10**6
