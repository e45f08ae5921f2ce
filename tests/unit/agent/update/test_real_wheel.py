"""The wheel of this very tree, released and installed: it says its version, and runs a job in its sandbox."""

import subprocess
import sys
import sysconfig

import pytest

from agent.update.install import run
from agent.update.installation import Installation
from agent.update.work import prepare
from scripts.release.repository import version_in
from scripts.toolchain import ROOT
from tests.unit.agent.update.maker import Maker, lock_of, make_wheel, pin_of, serve


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=True)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_of_this_tree_is_a_release_that_works(tmp_path, keys, wheel, monkeypatch):
    """Its libraries are those of this environment: the lock has one wheel that says where they lie."""
    libraries = make_wheel(
        tmp_path / "libraries", "hivelibs", "1.0", {"hivelibs.pth": sysconfig.get_path("purelib") + "\n"}
    )
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(libraries.parent))
    maker = Maker(tmp_path / "maker", *keys)
    maker.found()
    maker.release(wheel, lock_of(tmp_path, libraries))
    installation = Installation.make(tmp_path / "app")
    with serve(maker.repository.public) as served:
        found = prepare(pin_of(maker, served, tmp_path), tmp_path / "data", installation)
    assert (found.version, found.is_ready) == (version_in(wheel), True)
    python = installation.folder_of(found.version) / "bin" / "python"
    said = run([str(python), "-I", "-c", "import agent; print(agent.__file__)"], 60)
    assert said.startswith(str(installation.root)), "not the checkout's"
