"""Secret keys of age's in files that only their owner can read."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from marketplace.client.age import new_identity, recipient_of
from marketplace.errors import CannotDecrypt


def load_or_make_identity(path: Path) -> str:
    """The secret key in a file; a new one where there is no such file. Raises CannotDecrypt, see `load_identity`."""
    if not path.exists():
        save_identity(path, new_identity())
    return load_identity(path)


def load_identity(path: Path) -> str:
    """Raises CannotDecrypt where the file cannot be read, holds no key, or could have been read by others."""
    try:
        others = path.stat().st_mode & 0o077 if os.name == "posix" else 0
        identity = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CannotDecrypt(f"The key {path} cannot be read ({error}).", path=str(path)) from error
    if others:
        raise CannotDecrypt(
            f"Others than its owner may read the key {path}.", hint=f"Say `chmod 600 {path}`.", path=str(path)
        )
    recipient_of(identity)
    return identity


def save_identity(path: Path, identity: str) -> None:
    """Write a key with mode 0600, whole; one that is there already stays."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, whole = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(identity + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(whole, path)
    finally:
        os.unlink(whole)
