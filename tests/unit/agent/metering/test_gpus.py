"""What jobs take of GPUs: the sums, and NVIDIA's own binding against a stand-in for its driver."""

import json
import os
import subprocess
import sys

import pytest

from agent.metering.gpus import GpuMeter, GpuReading, read_gpu
from agent.sandbox.types import Usage
from tests.unit.agent import test_inventory

driver = test_inventory.driver
WORKED = Usage(cpu_seconds=1.0, peak_memory_bytes=10)
ASK = """
import json
from agent.metering.gpus import GpuMeter
from agent.sandbox.types import Usage
clock = [0.0]
meter = GpuMeter({ids}, now=lambda: clock[0])
for clock[0] in (0.0, 2.0, 4.0):
    meter.look()
usage = meter.add_to(Usage())
print(json.dumps([usage.gpu_seconds, usage.gpu_joules, usage.gpu_peak_memory_bytes]))
"""


def played(readings, seconds=1.0):
    """A meter whose GPUs say one of their readings after another, so many seconds apart."""
    told = {uuid: iter(each) for uuid, each in readings.items()}
    at = [0.0]
    meter = GpuMeter(list(readings), read=lambda uuid: next(told[uuid]), now=lambda: at[0])
    for _ in range(min(map(len, readings.values()))):
        meter.look()
        at[0] += seconds
    return meter.add_to(WORKED)


def test_energy_is_the_counters_difference_time_the_utilisation_and_memory_the_growth():
    usage = played({"a": [GpuReading(500, 0, 2_000), GpuReading(900, 50, 7_000), GpuReading(1_500, 100, 3_000)]})
    assert (usage.gpu_joules, usage.gpu_seconds, usage.gpu_peak_memory_bytes) == (1.0, 1.5, 5_000)
    assert (usage.cpu_seconds, usage.peak_memory_bytes) == (1.0, 10)


def test_gpus_of_one_job_are_summed():
    one = [GpuReading(0, 0, 0), GpuReading(1_000, 100, 100)]
    usage = played({"a": one, "b": one}, seconds=2.0)
    assert (usage.gpu_joules, usage.gpu_seconds, usage.gpu_peak_memory_bytes) == (2.0, 4.0, 200)


@pytest.mark.parametrize(
    "silent",
    [GpuReading(), GpuReading(percent=5, memory_bytes=5), GpuReading(millijoules=1, percent=5, memory_bytes=5)],
)
def test_counter_that_is_missing_or_began_again_leaves_the_energy_unknown(silent):
    assert played({"a": [GpuReading(500, 0, 0), silent]}).gpu_joules is None


def test_one_gpu_that_says_nothing_leaves_the_sum_unknown():
    good = [GpuReading(0, 0, 0), GpuReading(1_000, 100, 100)]
    usage = played({"a": good, "b": [GpuReading(), GpuReading()]})
    assert (usage.gpu_joules, usage.gpu_seconds, usage.gpu_peak_memory_bytes) == (None, None, None)


def test_job_without_gpus_has_nothing_of_them():
    meter = GpuMeter([])
    meter.look()
    assert meter.add_to(WORKED) == WORKED


def test_machine_without_a_driver_says_nothing():
    if test_inventory._inventory({})[0].gpus:
        pytest.skip("this machine has a GPU")
    assert read_gpu("GPU-1") == GpuReading()


@pytest.mark.parametrize(
    ("machine", "ids", "told"),
    [
        ("two", ["GPU-1"], [3.2, 3.0, 0]),
        ("two", ["GPU-1", "GPU-2"], [4.8, None, 0]),
        ("two", ["MIG-100"], [None, None, None]),
        ("lost", ["GPU-1"], [None, None, None]),
        ("broken", ["GPU-1"], [None, None, None]),
    ],
)
def test_what_the_drivers_own_binding_says_is_taken_as_it_is(driver, machine, ids, told):
    done = subprocess.run(
        [sys.executable, "-c", ASK.format(ids=ids)],
        env=os.environ | {"LD_LIBRARY_PATH": str(driver), "FAKE_NVML": machine},
        cwd=test_inventory.ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert json.loads(done.stdout) == pytest.approx(told)
