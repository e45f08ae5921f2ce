"""The Debian package as dpkg installs, replaces, removes and purges it, in a root of its own.

The root has BusyBox for a shell, and of systemd two scripts that write down what they are called with.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.service.build_deb import build

NAME, UNIT = "computehive-provider", "computehive-provider.service"
MISSING = [name for name in ("dpkg", "dpkg-deb", "busybox") if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING) or os.geteuid() != 0, reason="needs dpkg, busybox and root")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The package with one small library in place of all."""
    return build(tmp_path_factory.mktemp("deb"), ["annotated-types", "computehive"])


class Root:
    """A machine as far as a package sees it."""

    def __init__(self, folder: Path, *, is_running: bool = False) -> None:
        self.folder = folder
        for name in ("var/lib/dpkg/updates", "var/lib/dpkg/info", "var/lib/dpkg/triggers", "bin", "usr/bin", "dev"):
            (folder / name).mkdir(parents=True)
        for name in ("status", "available"):
            (folder / "var/lib/dpkg" / name).touch()
        shutil.copy(shutil.which("busybox"), folder / "bin/busybox")
        for command in ("sh", "rm", "rmdir", "mkdir"):
            (folder / "bin" / command).symlink_to("busybox")
        for command in ("systemctl", "systemd-sysusers"):
            self.write(f"usr/bin/{command}", f'#!/bin/sh\necho "{command} $*" >>/calls\n').chmod(0o755)
        if is_running:
            (folder / "run/systemd/system").mkdir(parents=True)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def dpkg(self, *command: object) -> str:
        """What it says; and forget what systemd was told before."""
        (self.folder / "calls").unlink(missing_ok=True)
        options = (f"--root={self.folder}", "--force-depends", "--force-unsafe-io", "--log=/dev/null")
        ran = subprocess.run(
            ["dpkg", *options, *map(str, command)], capture_output=True, text=True, timeout=60, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr

    @property
    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()


@pytest.fixture
def root(tmp_path):
    return Root(tmp_path)


@pytest.fixture
def running(tmp_path):
    """One that systemd runs."""
    return Root(tmp_path, is_running=True)


def test_installing_makes_the_account_and_starts_nothing(running, package):
    running.dpkg("--install", package)
    assert running.calls == ["systemd-sysusers computehive.conf", "systemctl daemon-reload"]
    assert running.has("usr/bin/hive") and running.has(f"lib/systemd/system/{UNIT}") and running.has("etc/computehive")


def test_a_new_version_restarts_a_daemon_that_runs(running, package):
    running.dpkg("--install", package)
    running.dpkg("--install", package)
    assert running.calls[-1] == f"systemctl try-restart {UNIT}"


def test_where_systemd_does_not_run_it_is_only_told_what_starts_at_boot(root, package):
    root.dpkg("--install", package)
    assert root.calls == ["systemd-sysusers computehive.conf"]
    root.dpkg("--remove", NAME)
    assert root.calls == [f"systemctl --no-reload disable {UNIT}"]


def test_removing_stops_the_daemon_and_keeps_what_is_the_owners(running, package):
    running.dpkg("--install", package)
    running.write("etc/computehive/config.toml", "")
    running.dpkg("--remove", NAME)
    stopped = [f"systemctl stop {UNIT}", f"systemctl --no-reload disable {UNIT}"]
    assert running.calls == [*stopped, "systemctl daemon-reload"]
    assert running.has("etc/computehive/config.toml") and not running.has("usr/lib/computehive")
    assert not running.has("usr/bin/hive") and not running.has(f"lib/systemd/system/{UNIT}")


def test_commands_keep_what_python_compiles_with_their_user(root, package):
    """Else a start by the service's account compiles everything anew, and one by root leaves files that nobody owns."""
    root.dpkg("--install", package)
    python = f"usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    root.write(python, '#!/bin/sh\necho "$PYTHONPYCACHEPREFIX $PYTHONPATH $*"\n').chmod(0o755)

    def say(**env: str) -> str:
        command = [shutil.which("chroot"), root.folder, "/usr/bin/hive", "nodes"]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True).stdout.strip()

    called = "/usr/lib/computehive -s -m marketplace.cli.main nodes"
    assert say(HOME="/h") == f"/h/.cache/computehive/python {called}"
    assert say(HOME="/h", XDG_CACHE_HOME="/c") == f"/c/computehive/python {called}"
    assert say(HOME="/h", PYTHONPYCACHEPREFIX="/p") == f"/p {called}"


def test_purging_deletes_the_cache_and_no_key_and_no_journal(root, package):
    root.dpkg("--install", package)
    kept = ("etc/computehive/keystore.json", "var/lib/computehive/provider/provider.sqlite")
    for name in (*kept, "var/cache/computehive/module.bin"):
        root.write(name, "x")
    said = root.dpkg("--purge", NAME)
    assert all(map(root.has, kept)) and not root.has("var/cache/computehive")
    assert "/etc/computehive is left" in said and "/var/lib/computehive is left" in said


def test_purging_leaves_nothing_where_there_was_nothing_of_the_owners(root, package):
    root.dpkg("--install", package)
    said = root.dpkg("--purge", NAME)
    assert "is left" not in said
    assert not [path for path in root.folder.rglob("*computehive*") if "dpkg" not in path.parts]
