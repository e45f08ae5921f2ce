"""What lies on this machine's disk for the daemon: keys, journal, the benchmark's result."""

import os
import sqlite3
import tempfile
from pathlib import Path

from agent.benchmark.record import find_fault, load_benchmark
from agent.doctor.finding import Finding, failed, guarded, warned, well
from agent.journal import Journal
from agent.lock import is_held
from agent.settings import ProviderSettings
from marketplace.client.keystore import Keystore
from marketplace.protocol.units import SECONDS_PER_HOUR

QUIET_HOURS = 24
"""Without a job for longer than this, something about the offer is worth a look."""
_LOCK_SECONDS = 2
_OWN_FOLDER = "Give each daemon a folder of its own that it can write: COMPUTEHIVE_AGENT_DATA."


def check_keys(settings: ProviderSettings) -> Finding:
    """Whether others on this machine can read what signs, or the password of it. Raises KeystoreError."""
    address = Keystore.load(settings.keystore).address
    files = [each for each in (settings.keystore, settings.agent_keystore, settings.password_file) if each is not None]
    missing = [str(each) for each in files if not each.exists()]
    if missing:
        return failed("keys", f"{' and '.join(missing)} is missing", "Name files that are there.")
    readable = [str(each) for each in files if os.name == "posix" and each.stat().st_mode & 0o077]
    if readable:
        return warned("keys", f"others can read {' and '.join(readable)}", f"`chmod 600 {' '.join(readable)}`")
    return well("keys", f"{address}, readable by this user alone")


def check_folder(folder: Path) -> Finding:
    """Whether the daemon can write where its journal must be; tried with a file that goes again."""
    nearest = folder
    while not nearest.exists():
        nearest = nearest.parent
    try:
        with tempfile.NamedTemporaryFile(prefix="doctor-", dir=nearest):
            pass
    except OSError as error:
        return failed("data folder", f"{folder} cannot be written: {error.strerror or error}", _OWN_FOLDER)
    return well("data folder", f"{folder}" if nearest == folder else f"{folder} (made at the first start)")


def check_journal(folder: Path, keystore: Path) -> Finding:
    """Whether this account's daemon can have the journal. Raises KeystoreError."""
    path = folder / "provider.sqlite"
    if not path.exists():
        return well("journal", "none yet")
    try:
        journal = Journal(path, timeout=_LOCK_SECONDS)
        owner = journal.note("owner")
        journal.close()
    except sqlite3.Error as error:
        return failed("journal", f"{path} cannot be used: {error}", "End the other program that has it open.")
    if owner not in (None, Keystore.load(keystore).address):
        return failed("journal", f"{path} is that of {owner}", _OWN_FOLDER)
    if is_held(folder, "provider"):
        return well("journal", "in use: a provider is at work here (a second one would be refused)")
    return well("journal", "free, no provider is at work here")


def check_last_job(folder: Path, now: float) -> Finding:
    """How long this machine has had nothing to do."""
    path = folder / "provider.sqlite"
    try:
        journal = Journal(path, timeout=_LOCK_SECONDS) if path.exists() else None
        last = journal.last_finished() if journal else None
        if journal:
            journal.close()
    except sqlite3.Error as error:
        return failed("last job", f"{path} cannot be used: {error}", "End the other program that has it open.")
    if last is None:
        return well("last job", "none yet")
    hours = max(0.0, now - last) / SECONDS_PER_HOUR
    found = f"ended {hours:.1f} hours ago" if hours < 2 * QUIET_HOURS else f"ended {hours / 24:.0f} days ago"
    if hours > QUIET_HOURS:
        return warned(
            "last job", found, "See whether rates and stake fit what is asked for: `hive quote` says why not."
        )
    return well("last job", found)


def check_benchmark(folder: Path, options: str) -> Finding:
    """Whether renters see what this machine does a second. Raises AgentError for a file that is none."""
    measured = load_benchmark(folder)
    fault = find_fault(measured)
    if fault or measured is None:
        return warned("benchmark", fault, f"`hive provider benchmark{options}`, then start again.")
    scores = measured.scores
    speeds = (("Python", scores.python_mfuel_per_second), ("compiled", scores.sandbox_mfuel_per_second))
    told = [f"{name} {mfuel / 1_000:.1f} Gfuel/s" for name, mfuel in speeds if mfuel is not None]
    return well("benchmark", ", ".join(told) or "the sandbox was not measured")


def examine_folder(settings: ProviderSettings, now: float, options: str) -> list[Finding]:
    """Every check of what lies on the disk."""
    folder, remedy = settings.data, "Check COMPUTEHIVE_AGENT_KEYSTORE, or --wallet."
    return [
        guarded("keys", remedy, lambda: check_keys(settings)),
        check_folder(folder),
        guarded("journal", remedy, lambda: check_journal(folder, settings.keystore)),
        check_last_job(folder, now),
        guarded("benchmark", "", lambda: check_benchmark(folder, options)),
    ]
