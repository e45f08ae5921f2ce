"""One daemon to a data folder: two would run every job twice and sign over one another."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.journal import Journal
from marketplace.errors import ConflictError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_HINT = "Give each daemon a folder of its own: COMPUTEHIVE_AGENT_DATA."


@contextmanager
def hold_folder(folder: Path, kind: str) -> Iterator[None]:
    """Hold `folder` for this `kind` of daemon. The system lets go when the process ends, however it ends.

    Raises ConflictError where another one holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / f"{kind}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(descriptor, folder, kind)
        yield
    finally:
        os.close(descriptor)


def is_held(folder: Path, kind: str) -> bool:
    """Whether a daemon of this `kind` works in `folder`."""
    try:
        with hold_folder(folder, kind):
            return False
    except ConflictError:
        return True


def _lock(descriptor: int, folder: Path, kind: str) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise ConflictError(f"Another {kind} works in {folder}.", hint=_HINT) from error


def claim_journal(journal: Journal, address: str, folder: Path) -> Journal:
    """`journal`, which is `address`'s from now on. Raises ConflictError where it is another account's.

    A journal holds what one key has signed and has still to do: under another key it would be wrong, and incomplete.
    """
    owner = journal.note("owner")
    if owner is None:
        journal.record_note("owner", address)
    elif owner != address:
        journal.close()
        raise ConflictError(f"The journal in {folder} is that of {owner}, not of {address}.", hint=_HINT)
    return journal
