"""What a cluster offers, and what it does not."""

import pytest

from agent.clusters.machines import Fleet, Machine
from agent.inventory import take_inventory
from agent.sandbox.types import Limits
from marketplace.errors import AgentError, MalformedMessage

OURS, OTHERS = "0x" + "ab" * 32, "0x" + "cd" * 32
GPU = {"model": "H100", "memoryMb": 80_000}


def said(node: str, cpus: int, memory_mb: int, **changes: object) -> dict[str, object]:
    cpu = {"model": f"model {node}", "architecture": "x86_64", "cores": 64, "features": ["aes", f"own{node}"]}
    about = {"sandbox": OURS, "cpu": cpu, "gpus": [GPU, GPU], "gpuNote": ""}
    machine = {
        "node": node,
        "host": f"host-{node}",
        "cpus": cpus,
        "memory": memory_mb * 1_000_000,
        "gpus": 0,
        "is": about,
    }
    return machine | changes


def fleet(*machines: dict[str, object]) -> Fleet:
    return Fleet.of([Machine.parse(each, OURS) for each in machines])


def limits(vcpus: int, memory_mb: int, gpus: int = 0) -> Limits:
    return Limits(fuel=1, memory_bytes=memory_mb * 1_000_000, wall_seconds=1, egress_bytes=1, vcpus=vcpus, gpus=gpus)


def test_offer_is_what_ray_lets_jobs_reserve_of_all_machines_together():
    own = take_inventory("eu")
    offered = fleet(said("a", 8, 16_000), said("b", 4, 8_000, gpus=1)).describe(own)
    assert (offered.cpu.cores, offered.memory_mb) == (12, 24_000)
    assert [gpu.model for gpu in offered.gpus] == ["H100"], "no more than Ray counts"
    assert offered.cpu.features == ("aes",), "what a job may count on, wherever it lands"
    assert (offered.cpu.model, offered.tees, offered.benchmark) == ("model a / model b", (), None)
    assert offered.region == own.region and offered.runtimes == own.runtimes


def test_gpus_that_no_driver_shows_are_not_offered_and_told():
    (machine,) = fleet(said("a", 8, 16_000, gpus=4)).machines
    assert len(machine.gpus) == 2 and machine.note == "Ray counts 4 GPUs, its driver shows 2"


def test_machine_with_another_sandbox_is_left_out():
    other = said("b", 8, 16_000)
    other["is"] = other["is"] | {"sandbox": OTHERS}
    found = fleet(said("a", 8, 16_000), other)
    assert found.cores == 8 and [each.host for each in found.unfit] == ["host-b"]
    assert "another sandbox" in found.unfit[0].fault


def test_cluster_without_a_machine_that_could_run_jobs_is_refused_saying_why():
    silent = said("a", 8, 16_000, fault="No module named 'agent'")
    del silent["is"]
    with pytest.raises(AgentError, match="host-a: No module named 'agent'"):
        fleet(silent)
    with pytest.raises(AgentError, match="no machine with a CPU"):
        fleet()


@pytest.mark.parametrize("wanted", [limits(9, 1), limits(1, 16_001), limits(1, 1, gpus=2), limits(8, 16_000, gpus=1)])
def test_job_that_is_larger_than_every_machine_is_refused_though_all_together_have_more(wanted):
    with pytest.raises(AgentError, match="No single machine"):
        fleet(said("a", 8, 16_000), said("b", 8, 8_000, gpus=1)).require_room(wanted)


def test_job_that_fits_one_machine_is_taken():
    fleet(said("a", 8, 16_000), said("b", 8, 8_000, gpus=1)).require_room(limits(8, 8_000, gpus=1))


@pytest.mark.parametrize(("units", "places"), [(1, 0), (2, 2), (3, 2), (4, 4), (8, 8)])
def test_units_are_counted_machine_by_machine(units, places):
    assert fleet(said("a", 8, 8_000), said("b", 8, 8_000)).count_places(units) == places


def test_machines_that_are_gone_are_named():
    found = fleet(said("a", 8, 8_000), said("b", 8, 8_000))
    assert found.find_loss([{"node": "a"}, {"node": "b"}, {"node": "new"}]) == ""
    assert found.find_loss([{"node": "a"}]) == "machines of the Ray cluster are gone: host-b"


@pytest.mark.parametrize("changes", [{"cpus": None}, {"is": {}}, {"is": {"sandbox": OURS, "cpu": 1, "gpus": []}}])
def test_what_is_no_answer_of_a_machine_is_refused(changes):
    with pytest.raises(MalformedMessage):
        Machine.parse(said("a", 8, 8_000) | changes, OURS)
