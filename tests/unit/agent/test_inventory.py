"""The hardware profile: of this machine, and, through NVIDIA's own binding, of a stand-in for its driver."""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent.inventory import parse_cpuinfo, read_cpu, read_tees, round_down_disk_mb, take_inventory
from agent.settings import ProviderSettings, load_settings
from agent.stated import Stated
from marketplace.errors import SettingsError
from marketplace.protocol.profile import NodeProfile

ROOT = Path(__file__).resolve().parents[3]
FAKE_NVML = ROOT / "tests" / "fakes" / "nvml.c"


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """A folder that holds the stand-in as `libnvidia-ml.so.1`."""
    folder = tmp_path_factory.mktemp("nvml")
    compiler = ["gcc"] if shutil.which("gcc") else [sys.executable, "-m", "ziglang", "cc"]
    caches = {
        "ZIG_GLOBAL_CACHE_DIR": str(folder / "zig"),
        "ZIG_LOCAL_CACHE_DIR": str(folder / "zig"),
    }
    subprocess.run(
        [
            *compiler,
            "-shared",
            "-fPIC",
            "-Wall",
            "-Wextra",
            "-o",
            str(folder / "libnvidia-ml.so.1"),
            str(FAKE_NVML),
        ],
        env=os.environ | caches,
        check=True,
        timeout=120,
    )
    return folder


@pytest.fixture
def inventory_of(driver):
    """Runs the inventory in a process of its own, where the loader finds the stand-in."""

    def run(machine):
        return _inventory({"LD_LIBRARY_PATH": str(driver), "FAKE_NVML": machine})

    return run


def _inventory(env):
    done = subprocess.run(
        [sys.executable, "-m", "agent.inventory"],
        env=os.environ | env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return NodeProfile.parse(json.loads(done.stdout)), done.stderr.strip()


# --- GPUs --------------------------------------------------------------------------------------------------------


def test_gpus_are_listed_with_model_memory_capability_and_driver(inventory_of):
    profile, note = inventory_of("two")
    assert list(map(_row, profile.gpus)) == [
        ("NVIDIA H100 80GB HBM3", 85_520, False, "9.0", "570.86.15"),
        ("Tesla P100-PCIE-16GB", 17_179, False, "6.0", "570.86.15"),
    ]
    assert note == ""


def test_gpu_in_mig_mode_counts_as_its_instances_across_gaps_in_their_numbering(
    inventory_of,
):
    profile, _ = inventory_of("mig")
    assert list(map(_row, profile.gpus)) == [("NVIDIA A100-SXM4-40GB MIG 1g.5gb", 5_100, True, "8.0", "570.86.15")] * 3


def test_whole_gpu_beside_instances_of_two_sizes_counts_as_one_and_the_instances_each(inventory_of):
    profile, note = inventory_of("mixed")
    assert list(map(_row, profile.gpus)) == [
        ("NVIDIA H100 80GB HBM3", 85_520, False, "9.0", "570.86.15"),
        ("NVIDIA H100 80GB HBM3 MIG 3g.40gb", 41_943, True, "9.0", "570.86.15"),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", 10_485, True, "9.0", "570.86.15"),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", 10_485, True, "9.0", "570.86.15"),
    ]
    assert note == ""


def test_lost_gpu_is_left_out_with_its_reason_and_the_healthy_one_stays(inventory_of):
    profile, note = inventory_of("lost")
    assert [gpu.model for gpu in profile.gpus] == ["Tesla P100-PCIE-16GB"]
    assert note == "GPU 0 is left out: GPU is lost"


@pytest.mark.parametrize(
    ("machine", "reason"),
    [
        ("none", "driver 570.86.15 is here, but no GPU"),
        ("broken", "the NVIDIA driver does not answer: Driver Not Loaded"),
    ],
)
def test_driver_without_a_usable_gpu_says_so(inventory_of, machine, reason):
    profile, note = inventory_of(machine)
    assert profile.gpus == ()
    assert note == reason


@pytest.mark.skipif(Path("/proc/driver/nvidia").exists(), reason="this machine has an NVIDIA driver")
def test_machine_without_a_driver_has_no_gpus_and_says_why():
    profile, note = _inventory({})
    assert profile.gpus == ()
    assert "no NVIDIA driver" in note


def _row(gpu):
    return gpu.model, gpu.memory_mb, gpu.mig, gpu.compute_capability, gpu.driver


# --- processor, memory, disk -------------------------------------------------------------------------------------


def test_instruction_sets_are_those_that_every_core_has():
    text = (
        "processor : 0\nmodel name : Core i9\nflags : fpu sse4_2 avx2 avx512f smep\n\n"
        "processor : 1\nmodel name : Core i9\nflags : fpu sse4_2 avx2\n"
    )
    assert parse_cpuinfo(text) == ("Core i9", ("avx2", "sse4_2"))


def test_arm_core_without_a_model_name_is_read_by_its_features():
    text = "processor : 0\nFeatures : fp asimd evtstrm aes sve2 cpuid\nCPU implementer : 0x41\n"
    assert parse_cpuinfo(text) == ("", ("aes", "asimd", "sve2"))


def test_machine_without_cpuinfo_has_no_features_to_show():
    assert parse_cpuinfo("") == ("", ())


@pytest.mark.parametrize(
    ("free_mb", "shown"),
    [
        (0, 0),
        (999, 0),
        (1_000, 1_000),
        (1_999, 1_000),
        (79_400, 64_000),
        (128_000, 128_000),
    ],
)
def test_free_disk_is_rounded_down_so_that_the_profile_keeps_its_digest(free_mb, shown):
    assert round_down_disk_mb(free_mb) == shown


def test_profile_of_this_machine_is_complete_and_keeps_its_digest(tmp_path):
    runtimes = {"python": "0x" + "11" * 32}
    first, second = (
        take_inventory(
            "eu-de",
            runtimes=runtimes,
            data_folder=tmp_path / "not" / "yet",
            stated=Stated("a", "7", ("eu-gdpr",), 276, 90_000),
        )
        for _ in range(2)
    )
    assert first.digest() == second.digest()
    assert NodeProfile.parse(first.to_json()) == first
    assert (first.region, first.runtimes, first.carbon_grams_per_kwh) == (
        "eu-de",
        runtimes,
        276,
    )
    assert (first.zone, first.rack, first.privacy_zones, first.fixed_cost_per_hour) == ("a", "7", ("eu-gdpr",), 90_000)
    assert first.memory_mb > 0
    assert 1 <= read_cpu().cores <= (os.cpu_count() or 1)
    assert first.cpu.architecture == platform.machine()


@pytest.mark.parametrize(
    ("devices", "found"),
    [
        ([], ()),
        (["sgx_enclave"], ("sgx",)),
        (["tdx_guest", "null"], ("tdx",)),
        (["sev-guest", "isgx"], ("sgx", "sev-snp")),
    ],
)
def test_trusted_execution_is_what_has_a_device(tmp_path, devices, found):
    for name in devices:
        (tmp_path / name).touch()
    assert read_tees(tmp_path) == found


@pytest.fixture
def provider_environment(monkeypatch):
    """What a provider must set; the test adds to it."""

    def set_more(**more):
        for name, value in ({"RPC_URL": "http://x", "ADDRESS_BOOK": "b", "KEYSTORE": "k"} | more).items():
            monkeypatch.setenv(f"COMPUTEHIVE_AGENT_{name}", value)

    return set_more


def test_provider_states_what_an_inventory_cannot_find_out(provider_environment):
    provider_environment(
        ZONE="a", RACK="7", PRIVACY_ZONES="eu-gdpr, hipaa,", CARBON_GRAMS_PER_KWH="40", FIXED_COST_PER_HOUR="250000"
    )
    assert load_settings(ProviderSettings).stated == Stated("a", "7", ("eu-gdpr", "hipaa"), 40, 250_000)


@pytest.mark.parametrize(
    ("name", "value"),
    [("PRIVACY_ZONES", ",".join(map(str, range(17)))), ("ZONE", "z" * 65), ("FIXED_COST_PER_HOUR", "-1"),
     ("FIXED_COST_PER_HOUR", "nan"), ("CARBON_GRAMS_PER_KWH", "65536")],
)  # fmt: skip
def test_statement_that_no_profile_could_hold_is_refused_by_name(provider_environment, name, value):
    provider_environment(**{name: value})
    with pytest.raises(SettingsError, match=name):
        load_settings(ProviderSettings)
