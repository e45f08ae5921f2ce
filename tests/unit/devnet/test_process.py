"""Started processes end: by stop, by their owner's death, and with everything they started."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from marketplace.devnet.process import ManagedProcess, PortTaken, ProcessFailed, require_free_port

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print('up', c.pid, flush=True); time.sleep(600)",
]


def started(command, log: Path) -> ManagedProcess:
    process = ManagedProcess("sleeper", command, log).start()
    return process.wait_ready(lambda: log.exists() and "up" in log.read_text(), 20)


def is_gone(pid: int) -> bool:
    until = time.monotonic() + 15
    while time.monotonic() < until:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_process_in_a_with_block_is_started_once(tmp_path):
    with started(SLEEPER, tmp_path / "log") as process:
        pid = process.command_pid
        assert process.start().command_pid == pid
    assert is_gone(pid)


def test_stop_ends_the_command(tmp_path):
    process = started(SLEEPER, tmp_path / "log")
    pid = process.command_pid
    process.stop()
    process.stop()
    assert is_gone(pid)


def test_stop_ends_a_command_that_ignores_sigterm_and_its_children(tmp_path):
    process = started(STUBBORN, tmp_path / "log")
    pid, child = process.command_pid, int((tmp_path / "log").read_text().split()[1])
    process.stop()
    assert is_gone(pid)
    assert is_gone(child)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_command_does_not_outlive_its_owner(tmp_path, number):
    log = tmp_path / "log"
    owner = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from marketplace.devnet.process import ManagedProcess\n"
            f"p = ManagedProcess('x', [sys.executable, '-c', 'import time; time.sleep(600)'], Path({str(log)!r}))\n"
            "with p.start():\n  time.sleep(0.5); print(p.command_pid, flush=True); time.sleep(600)",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    pid = int(owner.stdout.readline())
    assert psutil.pid_exists(pid)
    owner.send_signal(number)
    owner.wait(20)
    owner.stdout.close()
    assert is_gone(pid)


def test_process_that_ends_before_it_is_ready_shows_its_last_words(tmp_path):
    process = ManagedProcess("crasher", [sys.executable, "-c", "raise SystemExit('no luck today')"], tmp_path / "log")
    with process, pytest.raises(ProcessFailed, match="no luck today"):
        process.wait_ready(lambda: False, 20)


def test_process_that_is_never_ready_is_given_up(tmp_path):
    with started(SLEEPER, tmp_path / "log") as process, pytest.raises(ProcessFailed, match="not ready"):
        process.wait_ready(lambda: False, 0.2)


def test_port_in_use_is_named_with_what_to_do():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(PortTaken, match=f"{port}.*in use.*choose another"):
            require_free_port(port, "the test")


def test_kill_is_sudden(tmp_path):
    process = started(SLEEPER, tmp_path / "log")
    pid = process.command_pid
    process.kill()
    assert is_gone(pid)
    assert os.getpid() != pid
