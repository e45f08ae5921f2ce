"""One Ray cluster for all tests of clusters; where Ray is not installed they are skipped, and say so."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from agent.adapters import AdapterSettings
from agent.adapters.ray import open_ray
from scripts.toolchain import ROOT

ATTEMPTS = 3
"""Ray gives its own helpers 15 seconds to start, which is too little on a machine that does other things as well."""
LEAVE_SECONDS = 20


def cluster_environment(folder: Path) -> dict[str, str]:
    """What makes a cluster a test's own: loopback, a word to say that lies in its folder, nothing reported."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    token = folder / "token"
    token.write_text("test" * 8)
    return {
        "PYTHONPATH": path,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # without it Ray turns 127.0.0.1 into the machine's own address
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
    }


@contextmanager
def running_cluster(environment: dict[str, str]) -> Iterator[str]:
    """A cluster, by its address. All its processes are gone afterwards."""
    folder = tempfile.mkdtemp(prefix="hive-ray-")  # short: sockets lie in it
    try:
        for _ in range(ATTEMPTS):
            holder = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.clusters.holder", folder], cwd=ROOT, text=True,
                env=os.environ | environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
            try:
                address = holder.stdout.readline().strip()
                if address:
                    yield address
                    return
            finally:
                end(holder)
        pytest.fail(f"Ray did not start in {ATTEMPTS} attempts; its logs were in {folder}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def end(holder: subprocess.Popen) -> None:
    """End a cluster with all that belongs to it."""
    left = psutil.Process(holder.pid).children(recursive=True) if holder.poll() is None else []
    holder.stdin.close()
    try:
        holder.wait(LEAVE_SECONDS)
    except subprocess.TimeoutExpired:
        holder.kill()
        holder.wait()
    _, alive = psutil.wait_procs(left, timeout=5)
    for process in alive:
        process.kill()
    holder.stdout.close()


@pytest.fixture(scope="session")
def ray_environment(tmp_path_factory):
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install 'computehive[ray]'")
    return cluster_environment(tmp_path_factory.mktemp("ray"))


@pytest.fixture(scope="session")
def ray_address(ray_environment):
    with running_cluster(ray_environment) as address:
        yield address


@pytest.fixture(scope="session")
def speaking(ray_environment):
    """This process's variables as those of one who may talk to the cluster."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ray_environment.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def adapter(ray_address, speaking, tmp_path_factory):
    adapter = open_ray(AdapterSettings(tmp_path_factory.mktemp("agent"), ray_address=ray_address))
    yield adapter
    adapter.close()
