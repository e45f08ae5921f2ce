"""hive-provider-start: a version on trial that does not come up is left for the previous one. Real processes."""

import os
import signal
import subprocess
import time
from contextlib import suppress

import pytest

from agent.update.installation import STARTER, Installation
from tests.fakes.waiting import wait_for

SECONDS = 20


def version_that(script: str) -> str:
    """A version's Python, played by a shell script that notes when it is started."""
    return f'#!/bin/sh\nroot=$(dirname "$0")/../../..\nname=$(basename "$(dirname "$(dirname "$0")")")\n{script}\n'


STAYS = 'echo "$name $*" >> "$root/log"\npwd\nexit 0'
CRASHES = 'echo "$name" >> "$root/log"\nexit 12'
IS_HEARD = 'echo "$name" >> "$root/log"\nrm -f "$root/trial" "$root/trial.begun"\nexit 14'
HANGS = 'echo "$name" >> "$root/log"\nexec sleep 60'
IS_STOPPED = 'echo "$name" >> "$root/log"\ntrap "exit 0" TERM\nsleep 60 &\nwait $!'
IS_DEAF = 'echo "$name" >> "$root/log"\ntrap "" TERM\nsleep 3 & wait $!\nsleep 60 & wait $!'
LEAVES = (
    'trap "echo $name leaves >> $root/log; exit 0" USR1\nrm -f "$root/trial"\n'
    'echo "$name" >> "$root/log"\nsleep 60 & wait $!'
)


@pytest.fixture
def installation(tmp_path):
    return Installation.make(tmp_path / "app")


@pytest.fixture
def put(installation):
    def install(version, script):
        python = installation.folder_of(version) / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(version_that(script))
        python.chmod(0o755)
        installation.mark_ready(version)

    return install


@pytest.fixture
def upgraded(installation, put):
    """0.1.0 works; 0.2.0 is on trial, with a script of the test's, and so many seconds."""

    def make(script, seconds=SECONDS):
        put("0.1.0", STAYS)
        put("0.2.0", script)
        installation.switch_to("0.1.0", is_on_trial=False)
        installation.switch_to("0.2.0", is_on_trial=True, seconds=seconds)
        return installation

    return make


@pytest.fixture
def start(tmp_path):
    """Starts hive-provider-start, in a process group that ends with the test."""
    running = []

    def run(installation):
        with (tmp_path / "complaints").open("w") as complaints:
            command = [installation.root / STARTER]
            process = subprocess.Popen(command, stdout=complaints, stderr=complaints, start_new_session=True)
        running.append(process)
        return process

    yield run
    for process in running:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ended(process) -> int:
    return process.wait(timeout=SECONDS + 15)


def started(installation) -> list[str]:
    path = installation.root / "log"
    return path.read_text().splitlines() if path.exists() else []


def test_without_a_trial_the_current_version_is_started_as_supervised(installation, put, start):
    put("0.1.0", STAYS)
    installation.switch_to("0.1.0", is_on_trial=True)
    assert ended(start(installation)) == 0
    assert started(installation) == ["0.1.0 -P -m agent provider --supervised"]


def test_it_is_started_from_anywhere_by_any_name(installation, put, tmp_path):
    put("0.1.0", STAYS)
    installation.switch_to("0.1.0", is_on_trial=False)
    name = os.path.relpath(installation.root / STARTER, tmp_path)
    ran = subprocess.run([name], cwd=tmp_path, timeout=SECONDS, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout.strip()) == (0, str(tmp_path)), "where the daemon then is as well"


def test_a_version_that_ends_on_trial_is_set_aside_and_the_previous_one_started_at_once(upgraded, start, tmp_path):
    """Without a restart: some exit codes keep a service manager from one."""
    installation = upgraded(CRASHES)
    code = ended(start(installation))
    assert (code, started(installation)) == (0, ["0.2.0", "0.1.0 -P -m agent provider --supervised"])
    assert installation.current == "0.1.0"
    assert "ended with status 12" in installation.why_aside("0.2.0")
    assert "back to versions/0.1.0" in (tmp_path / "complaints").read_text()


def test_a_version_that_cannot_even_be_started_is_set_aside(upgraded, start):
    installation = upgraded(STAYS)
    (installation.folder_of("0.2.0") / "bin" / "python").unlink()
    ended(start(installation))
    assert started(installation) == ["0.1.0 -P -m agent provider --supervised"]


@pytest.mark.parametrize("script", [HANGS, IS_DEAF])
def test_a_version_that_is_not_heard_in_time_is_ended_and_set_aside(upgraded, script, start):
    installation = upgraded(script, seconds=1)
    ended(start(installation))
    assert started(installation) == ["0.2.0", "0.1.0 -P -m agent provider --supervised"]
    assert "had not reached the market after 1 s" in installation.why_aside("0.2.0")


def test_a_version_that_was_heard_stays_however_it_ends(upgraded, start):
    installation = upgraded(IS_HEARD)
    assert ended(start(installation)) == 14
    assert (installation.current, installation.previous) == ("0.2.0", "0.1.0")
    assert installation.why_aside("0.2.0") == ""


def test_a_machine_that_went_down_during_the_trial_goes_back(upgraded, start):
    installation = upgraded(HANGS)
    process = start(installation)
    wait_for(lambda: started(installation))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert ended(start(installation)) == 0
    assert started(installation)[-1] == "0.1.0 -P -m agent provider --supervised"
    assert installation.current == "0.1.0"


def test_a_stop_by_the_owner_during_the_trial_is_no_failure(upgraded, start):
    installation = upgraded(IS_STOPPED)
    process = start(installation)
    wait_for(lambda: started(installation))
    process.terminate()
    assert ended(process) == 0
    assert installation.current == "0.2.0"
    assert not (installation.root / "trial.begun").exists()
    assert (installation.root / "trial").exists(), "its trial goes on at the next start"


def test_a_version_that_its_owner_has_leave_in_order_during_the_trial_is_tried_again_at_the_next_start(upgraded, start):
    installation = upgraded(STAYS)
    for begun in (1, 2):
        assert ended(start(installation)) == 0
        assert started(installation) == ["0.2.0 -P -m agent provider --supervised"] * begun
        assert not (installation.root / "trial.begun").exists()
    assert (installation.current, installation.why_aside("0.2.0")) == ("0.2.0", "")
    assert (installation.root / "trial").exists(), "its trial goes on at the next start"


def test_signals_reach_the_daemon_after_its_trial_too(upgraded, start):
    installation = upgraded(LEAVES)
    process = start(installation)
    wait_for(lambda: started(installation))
    time.sleep(1.5)  # the script looks every second
    process.send_signal(signal.SIGUSR1)
    assert ended(process) == 0
    assert started(installation) == ["0.2.0", "0.2.0 leaves"]


def test_a_version_that_was_set_aside_is_started_by_nobody_again(upgraded, start):
    installation = upgraded(CRASHES)
    for _ in range(2):
        ended(start(installation))
    assert started(installation)[1:] == ["0.1.0 -P -m agent provider --supervised"] * 2
