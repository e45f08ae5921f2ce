"""Installs a release beside the one that runs, and tries it; what runs is not touched.

pip takes libraries only by the hashes of the signed lock and only as wheels: building one would run code that no hash
covers. From where it takes them is the machine's own configuration of pip; with hashes that is a matter of reach only.
"""

import ctypes
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from agent.update.installation import Installation
from agent.update.release import Release
from agent.update.trial import SAID
from marketplace.errors import AgentError, UpdateRejected

INSTALL_SECONDS, TRY_SECONDS, LEFTOVER_SECONDS = 3_600, 300, 10
MAX_FILE_BYTES = 2_000_000_000
"""What one file may have: a hash is known only when all of a file is there."""
_PR_SET_PDEATHSIG = 1
_PRIVATE = ("COMPUTEHIVE_", "PYTHON", "VIRTUAL_ENV")
"""Variables that a new version, and pip, are not given: passwords among them."""

Run = Callable[[list[str], int], str]
"""Runs a command within so many seconds and returns what it printed. Raises AgentError."""


def install(installation: Installation, release: Release, wheel: Path, lock: Path) -> None:
    """Install a release and try it; nothing to do where that was done.

    Raises AgentError where it cannot be installed here (tried again next time), UpdateRejected where it is installed
    and does not work: it is set aside then.
    """
    version = release.version
    if installation.is_ready(version):
        return
    folder = installation.folder_of(version)
    end_leftovers(folder)
    shutil.rmtree(folder, ignore_errors=True)
    _install(folder, wheel, lock)
    fault = find_fault(folder, version)
    if fault:
        installation.set_aside(version, fault)
        shutil.rmtree(folder, ignore_errors=True)
        raise UpdateRejected(
            f"Version {version} is signed and does not work here: {fault}.",
            hint="It is set aside; the present one goes on. `hive provider update` tries it again.",
        )
    installation.mark_ready(version)


def _install(folder: Path, wheel: Path, lock: Path) -> None:
    run([sys.executable, "-I", "-m", "venv", str(folder)], INSTALL_SECONDS)
    pip = [str(folder / "bin" / "python"), "-I", "-m", "pip", "install", "--no-input", "--no-deps", "--no-cache-dir"]
    run([*pip, "--only-binary", ":all:", "--require-hashes", "-r", str(lock)], INSTALL_SECONDS)
    run([*pip, "--no-index", str(wheel)], INSTALL_SECONDS)


def end_leftovers(folder: Path) -> None:
    """End what a try that was killed has left at work in the folder: it would write between what the next one writes.

    Children end with their parent (see `_bind`), theirs do not: venv has pip put in by one, and that by another.
    """
    within = f"{folder / 'bin'}{os.sep}"
    left = [each for each in psutil.process_iter(["cmdline"]) if (each.info["cmdline"] or [""])[0].startswith(within)]
    for each in left:
        with suppress(psutil.Error):
            each.kill()
    psutil.wait_procs(left, timeout=LEFTOVER_SECONDS)


def find_fault(folder: Path, version: str) -> str:
    """What is wrong with an installed version; empty where nothing is: it says which it is, and runs a job."""
    for command, expected in (
        (["bin/hive", "--version"], f"hive {version}"),
        (["bin/python", "-I", "-m", "agent", "try"], SAID),  # not of the `agent` that may lie where we are
    ):
        try:
            said = run([str(folder / command[0]), *command[1:]], TRY_SECONDS).strip()
        except AgentError as error:
            return error.message
        if said != expected:
            return f"{' '.join(command)} says {said[:200]!r}, not {expected!r}"
    return ""


def run(command: list[str], seconds: int) -> str:
    """What a command prints. Raises AgentError where it fails, or takes longer; it and its children end with that."""
    name = " ".join(Path(command[0]).name if at == 0 else part for at, part in enumerate(command[:5]))
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            errors="replace", env=plain_environment(os.environ), start_new_session=True, preexec_fn=_bind,
        )  # fmt: skip
    except OSError as error:
        raise AgentError(f"{name} cannot be run: {error.strerror or error}.") from error
    try:
        said, complained = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise AgentError(f"{name} was not done after {seconds} s.") from error
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode:
        last = " ".join(complained.split())[-600:]
        raise AgentError(f"{name} ended with {process.returncode}: {last}")
    return said


def plain_environment(given: Mapping[str, str]) -> dict[str, str]:
    """An environment without this daemon's settings, and without what would have another Python's modules found."""
    return {name: value for name, value in given.items() if not name.startswith(_PRIVATE)}


def _bind() -> None:
    """In the new process: files of bounded size; and it ends with us, even where we are killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    bound = MAX_FILE_BYTES if most == resource.RLIM_INFINITY else min(MAX_FILE_BYTES, most)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bound, most))
