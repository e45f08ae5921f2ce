"""Jobs and results between the daemon and a cluster's machines."""

from dataclasses import replace

import pytest

from agent.clusters.orders import pack_order, pack_result, read_result, unpack_order
from agent.sandbox.printed import Printed
from agent.sandbox.types import Limits, RunResult, Usage
from marketplace.errors import MalformedMessage
from marketplace.protocol.enums import ExitKind
from tests.unit.agent.clusters.jobs import LIMITS, module_job, python_job

RESULT = RunResult(
    ExitKind.EXITED, 3, 1_000, 1.5, {"a/b": b"out"}, b"said", b"minded", "well",
    Usage(cpu_seconds=1.0, peak_memory_bytes=9),
)  # fmt: skip


def test_job_arrives_with_its_inputs_its_limits_and_its_own_module():
    job = module_job(b"\0asm and so on")
    order = unpack_order(pack_order(job, LIMITS))
    assert order.job.spec.digest() == job.spec.digest() and order.limits == LIMITS
    assert order.job.fetch(job.spec.program.digest) == b"\0asm and so on"
    job = python_job("print(1)")
    assert unpack_order(pack_order(job, LIMITS)).job.inputs == {"job.py": b"print(1)"}


@pytest.mark.parametrize("is_watched", [True, False])
def test_worker_is_told_whether_anybody_reads_along(is_watched):
    job = replace(python_job("print(1)"), printed=Printed() if is_watched else None)
    assert unpack_order(pack_order(job, LIMITS)).is_watched == is_watched


def test_secrets_are_never_packed():
    job = replace(python_job("print(1)"), secrets={"key": b"a word that is nobody's"})
    assert b"nobody's" not in pack_order(job, LIMITS)


def test_result_comes_back_as_it_was():
    assert read_result(pack_result(RESULT), LIMITS) == RESULT


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("fuel", {"fuel_used": LIMITS.fuel + 1}),
        ("fuel", {"fuel_used": -1}),
        ("exitCode", {"exit_code": 2**31}),
        ("wallSeconds", {"wall_seconds": -1.0}),
        ("logs", {"stdout": bytes(LIMITS.log_bytes + 1)}),
        ("outputs", {"outputs": {"a": bytes(LIMITS.egress_bytes)}}),
        ("outputs", {"outputs": {str(number): b"" for number in range(LIMITS.output_files + 1)}}),
    ],
)
def test_result_that_no_sandbox_leaves_within_the_limits_is_refused(field, changes):
    with pytest.raises(MalformedMessage, match=field):
        read_result(pack_result(replace(RESULT, **changes)), LIMITS)


@pytest.mark.parametrize("key", ["exitKind", "fuel", "wallSeconds"])
def test_result_with_a_hole_is_refused(key):
    packet = pack_result(RESULT)
    holed = replace(packet, head={name: value for name, value in packet.head.items() if name != key})
    with pytest.raises(MalformedMessage, match="result"):
        read_result(holed, LIMITS)


def test_limits_of_every_kind_arrive():
    limits = Limits(fuel=1, memory_bytes=2, wall_seconds=3.5, egress_bytes=4, vcpus=5, gpus=6)
    assert unpack_order(pack_order(python_job("1"), limits)).limits == limits
