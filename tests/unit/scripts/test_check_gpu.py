"""`scripts/check_gpu.py`: NVIDIA's own binding in a real process; its library and `nvidia-smi` are stand-ins."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.check_gpu import read_smi

ROOT = Path(__file__).resolve().parents[3]
MIXED = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-0c0ffee0-1111-2222-3333-444444444444)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-1c0ffee0-1111-2222-3333-444444444444)
  MIG 3g.40gb     Device  0: (UUID: MIG-aaaaaaaa-1111-2222-3333-444444444444)
  MIG 1g.10gb     Device  1: (UUID: MIG-bbbbbbbb-1111-2222-3333-444444444444)
  MIG 1g.10gb     Device  2: (UUID: MIG-cccccccc-1111-2222-3333-444444444444)
"""
"""As drivers since 470 list it."""


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """A folder that holds the stand-in as `libnvidia-ml.so.1`."""
    folder = tmp_path_factory.mktemp("nvml")
    compiler = ["gcc"] if shutil.which("gcc") else [sys.executable, "-m", "ziglang", "cc"]
    caches = {name: str(folder / "zig") for name in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")}
    source, library = ROOT / "tests" / "fakes" / "nvml.c", folder / "libnvidia-ml.so.1"
    command = [*compiler, "-shared", "-fPIC", "-o", str(library), str(source)]
    subprocess.run(command, env=os.environ | caches, check=True, timeout=120)
    return folder


@pytest.fixture
def check(driver, tmp_path):
    """Runs the script where the loader finds the stand-in as this machine, and the shell this `nvidia-smi`."""

    def run(machine, listed=None, *options):
        if listed is not None:
            (tmp_path / "list").write_text(listed)
            (tmp_path / "nvidia-smi").write_text(f'#!/bin/sh\n[ "$1" = -L ] && cat {tmp_path / "list"}\n')
            (tmp_path / "nvidia-smi").chmod(0o755)
        env = {"FAKE_NVML": machine or "", "PATH": f"{tmp_path}:/usr/bin:/bin"}
        if machine:
            env["LD_LIBRARY_PATH"] = str(driver)
        return subprocess.run(
            [sys.executable, "-m", "scripts.check_gpu", *options], cwd=ROOT, env=os.environ | env,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return run


def test_inventory_that_agrees_with_nvidia_smi_holds(check):
    ran = check("mixed", MIXED)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "NVIDIA H100 80GB HBM3 MIG 3g.40gb, 41943 MB, instance, compute 9.0" in ran.stdout
    assert "agrees    with nvidia-smi, 4 in all" in ran.stdout and "All of it holds." in ran.stdout
    assert "speed     not measured: " in ran.stdout or "Gflop/s" in ran.stdout


def test_inventory_that_misses_a_gpu_of_nvidia_smi_does_not_hold(check):
    ran = check("mig", MIXED)
    assert ran.returncode == 1 and "PROBLEM   the inventory has ['NVIDIA A100-SXM4-40GB MIG 1g.5gb'" in ran.stderr


@pytest.mark.parametrize("machine", ["lost", "none", "broken"])
def test_driver_that_does_not_answer_for_every_gpu_does_not_hold(check, machine):
    ran = check(machine)
    assert ran.returncode == 1 and "PROBLEM" in ran.stderr


@pytest.mark.skipif(Path("/proc/driver/nvidia").exists(), reason="this machine has an NVIDIA driver")
def test_machine_without_a_driver_is_said_and_fails_only_where_one_is_required(check):
    ran = check(None)
    assert ran.returncode == 0 and ran.stdout.startswith("No GPU, nothing was checked: no NVIDIA driver")
    assert check(None, None, "--require").returncode == 1


def test_list_of_nvidia_smi_is_read_as_instances_where_a_gpu_is_cut_into_some():
    large, small = "NVIDIA H100 80GB HBM3 MIG 3g.40gb", "NVIDIA H100 80GB HBM3 MIG 1g.10gb"
    assert read_smi(MIXED) == ["NVIDIA H100 80GB HBM3", large, small, small]
    assert read_smi("") == read_smi("No devices found.\n") == []
