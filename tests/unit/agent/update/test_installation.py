"""Versions side by side: each change is one rename, so that a kill anywhere leaves a version that starts."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.update.installation import STARTER, Installation
from marketplace.errors import AgentError, ConflictError, NotFound

ROOT = Path(__file__).resolve().parents[4]
KILLED = """
import os, signal, sys
from pathlib import Path
from agent.update.installation import Installation
left = int(sys.argv[2])

def counted(inner):
    def call(*given, **named):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return inner(*given, **named)
    return call

for name in ("replace", "symlink_to", "unlink", "open"):
    setattr(Path, name, counted(getattr(Path, name)))
Installation(Path(sys.argv[1])).switch_to("0.2.0", is_on_trial=True)
"""
PYTHON = '#!/bin/sh\necho "$(basename "$(dirname "$(dirname "$0")")")"\nrm -f "$(dirname "$0")"/../../../trial*\n'


@pytest.fixture
def installation(tmp_path):
    made = Installation.make(tmp_path / "app")
    for version in ("0.1.0", "0.2.0", "0.3.0"):
        python = made.folder_of(version) / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(PYTHON)
        python.chmod(0o755)
        made.mark_ready(version)
    made.switch_to("0.1.0", is_on_trial=False)
    return made


def said_at_start(installation) -> str:
    ran = subprocess.run([installation.root / STARTER], capture_output=True, text=True, timeout=30, check=True)
    return ran.stdout.strip()


def test_a_switch_keeps_what_was_as_the_previous_one(installation):
    installation.switch_to("0.2.0", is_on_trial=True)
    assert (installation.current, installation.previous) == ("0.2.0", "0.1.0")
    assert (installation.root / "trial").read_text() == "0.2.0 900\n"


def test_going_back_is_the_same_switch(installation):
    installation.switch_to("0.2.0", is_on_trial=True)
    installation.switch_to(installation.previous, is_on_trial=False)
    assert (installation.current, installation.previous) == ("0.1.0", "0.2.0")
    assert not (installation.root / "trial").exists()


def test_only_what_was_tried_is_switched_to(installation):
    (installation.folder_of("0.2.0") / "ready").unlink()
    with pytest.raises(NotFound, match=r"0\.2\.0"):
        installation.switch_to("0.2.0", is_on_trial=True)
    assert installation.current == "0.1.0"


@pytest.mark.parametrize("version", ["../../etc", "0.1", "0.1.0.dev1", ""])
def test_nothing_but_a_version_becomes_a_path(installation, version):
    with pytest.raises(AgentError, match="is no version of a release"):
        installation.folder_of(version)


def test_kill_at_every_step_of_a_switch_leaves_a_version_that_starts(installation):
    """SIGKILL before the first, the second, … change on the disk, until one run gets through."""
    for step in range(1, 40):
        command = [sys.executable, "-c", KILLED, str(installation.root), str(step)]
        ran = subprocess.run(command, cwd=ROOT, timeout=60, check=False)
        assert ran.returncode in (0, -signal.SIGKILL)
        now = installation.current
        assert now in ("0.1.0", "0.2.0")
        assert said_at_start(installation) == now
        if ran.returncode == 0:
            break
        installation.switch_to("0.1.0", is_on_trial=False)
    assert ran.returncode == 0
    assert step > 5, "there are as many places to be killed at"


def test_what_is_neither_used_nor_could_be_gone_back_to_is_deleted(installation):
    installation.switch_to("0.2.0", is_on_trial=False)
    installation.switch_to("0.3.0", is_on_trial=False)
    installation.folder_of("0.4.0").mkdir()  # which was never ready
    installation.sweep()
    assert sorted(os.listdir(installation.root / "versions")) == ["0.2.0", "0.3.0"]


def test_what_waits_to_be_switched_to_is_kept_until_a_newer_one_is_ready(installation):
    (installation.folder_of("0.3.0") / "ready").unlink()
    installation.sweep()
    assert sorted(os.listdir(installation.root / "versions")) == ["0.1.0", "0.2.0"]
    installation.folder_of("0.10.0").mkdir()
    installation.mark_ready("0.10.0")
    installation.sweep()
    assert sorted(os.listdir(installation.root / "versions")) == ["0.1.0", "0.10.0"]


def test_what_was_set_aside_waits_for_nothing(installation):
    installation.set_aside("0.3.0", "it failed")
    installation.sweep()
    assert sorted(os.listdir(installation.root / "versions")) == ["0.1.0", "0.2.0"]


def test_an_installation_is_found_from_its_version_through_the_link_too(installation):
    assert Installation.find(installation.root / "versions" / "0.1.0") == installation
    assert Installation.find(installation.root / "current") == installation


def test_an_environment_of_another_kind_is_no_installation(tmp_path):
    (tmp_path / "versions" / "0.1.0").mkdir(parents=True)
    assert Installation.find(tmp_path / "versions" / "0.1.0") is None
    assert Installation.find(Path(sys.prefix)) is None
    assert Installation.find(Path("/usr")) is None


def test_a_folder_with_other_things_in_it_is_not_taken(tmp_path):
    (tmp_path / "letters").mkdir()
    with pytest.raises(ConflictError, match="is not empty"):
        Installation.make(tmp_path)
