"""The file with the salts of one's canaries, one a line: whoever reads it knows the canaries from other jobs."""

import os
import re
import secrets
from pathlib import Path

from marketplace.errors import InputError

SALT = re.compile(r"0x[0-9a-f]{64}")


def add_salt(path: Path) -> str:
    """A new salt, written before anybody else learns what follows from it."""
    salt = "0x" + secrets.token_bytes(32).hex()
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as file:
        file.write(salt + "\n")
    return salt


def read_salts(path: Path) -> list[str]:
    """Every salt of the file; none where it is not there yet. Raises InputError naming the line that is no salt."""
    try:
        lines = path.read_text().splitlines() if path.exists() else []
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}.", hint="Name a file with one salt a line.") from error
    for number, line in enumerate(lines, 1):
        if not SALT.fullmatch(line):
            raise InputError(f"{path}, line {number}: expected 0x and 64 lower-case hex digits, a salt.")
    return lines
