"""Encrypted keystores: Web3 Secret Storage v3 (scrypt), the format of geth, Foundry and MetaMask.

A key is in the clear only in memory, between `unlock` and the end of the process. Files are created with mode 0600 in a
folder with mode 0700. Passwords come from a prompt, an environment variable or a file; never from the command line.
"""

import json
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import to_checksum_address

from marketplace.errors import KeystoreError

STANDARD_SCRYPT_N = 2**18
"""Cost of one guess at a password: about a second and 256 MB. What geth uses."""
LIGHT_SCRYPT_N = 2**12
"""About 15 ms: for development chains and tests, where the password is no secret."""
PASSWORD_ENV = "COMPUTEHIVE_PASSWORD"
PASSWORD_FILE_ENV = "COMPUTEHIVE_PASSWORD_FILE"
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")


@dataclass(frozen=True, slots=True)
class Keystore:
    """One encrypted key in a file; its address is readable without the password."""

    path: Path
    address: str

    @property
    def name(self) -> str:
        """The file's name without `.json`."""
        return self.path.stem

    @classmethod
    def load(cls, path: Path) -> "Keystore":
        """Raises KeystoreError where there is no keystore at `path`."""
        return cls(path=path, address=to_checksum_address("0x" + str(_read(path)["address"]).removeprefix("0x")))

    def unlock(self, password: str) -> LocalAccount:
        """The key, ready to sign. Raises KeystoreError for a wrong password or a damaged file."""
        document = _read(self.path)
        try:
            account: LocalAccount = Account.from_key(Account.decrypt(document, password))
        except (ValueError, KeyError, TypeError) as error:
            raise KeystoreError(
                f"The password does not open the keystore {self.path}.",
                hint=f"Try again, or check {PASSWORD_ENV} and {PASSWORD_FILE_ENV}.",
                path=str(self.path),
            ) from error
        if account.address != self.address:
            raise KeystoreError(f"The keystore {self.path} holds the key of {account.address}, not of {self.address}.")
        return account


def create_keystore(
    path: Path, password: str, *, key: str | bytes | None = None, scrypt_n: int = STANDARD_SCRYPT_N
) -> Keystore:
    """Write a new keystore: of a fresh key, or of `key` (32 bytes).

    Raises KeystoreError where a file is there already (nothing is overwritten), the password is empty or `key` is none.
    """
    if not password:
        raise KeystoreError("An empty password protects nothing.", hint="Choose one of at least eight characters.")
    try:
        account = Account.from_key(key if key is not None else secrets.token_bytes(32))
    except Exception as error:  # eth-keys raises several unrelated classes for what is not a key
        raise KeystoreError("That is not a private key.", hint="Expected 32 bytes, 0x and 64 hex digits.") from error
    document = Account.encrypt(account.key, password, kdf="scrypt", iterations=scrypt_n)
    _write_private(path, json.dumps(document, indent=1))
    return Keystore(path=path, address=account.address)


class KeystoreFolder:
    """The keystores of one user, by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Where the keystore `name` is. Raises KeystoreError for a name that is not a plain file name."""
        if not _NAME.match(name):
            raise KeystoreError(
                f"{name!r} is not a wallet name.", hint="Use letters, digits, dot, dash and underscore."
            )
        return self.folder / f"{name}.json"

    def list(self) -> list[Keystore]:
        """All keystores, by name."""
        return [Keystore.load(path) for path in sorted(self.folder.glob("*.json"))]

    def get(self, name: str) -> Keystore:
        """Raises KeystoreError where there is none of that name."""
        path = self.path(name)
        if not path.exists():
            raise KeystoreError(
                f"There is no wallet {name!r} in {self.folder}.",
                hint=f"Make one with `hive wallet new {name}`, or list yours with `hive wallet list`.",
                name=name,
            )
        return Keystore.load(path)

    def create(
        self, name: str, password: str, *, key: str | bytes | None = None, scrypt_n: int = STANDARD_SCRYPT_N
    ) -> Keystore:
        """A new keystore under `name`. Raises KeystoreError where the name is taken."""
        return create_keystore(self.path(name), password, key=key, scrypt_n=scrypt_n)


def find_password(
    prompt: Callable[[], str] | None = None,
    *,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> str:
    """The password: from `file`, else the environment (a file's name, then the value), else asked for.

    Raises KeystoreError where no way is left, or the file cannot be read.
    """
    environ = os.environ if environ is None else environ
    if file is None and environ.get(PASSWORD_FILE_ENV):
        file = Path(environ[PASSWORD_FILE_ENV])
    if file is not None:
        try:
            return file.read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise KeystoreError(f"The password file {file} cannot be read ({error}).") from error
    if PASSWORD_ENV in environ:
        return environ[PASSWORD_ENV]
    if prompt is None:
        raise KeystoreError(
            "This needs a password, and there is no terminal to ask at.",
            hint=f"Set {PASSWORD_FILE_ENV} to a file that holds it, or {PASSWORD_ENV}.",
        )
    return prompt()


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text())
    except OSError as error:
        raise KeystoreError(f"The keystore {path} cannot be read ({error.strerror}).", path=str(path)) from error
    except ValueError as error:
        raise KeystoreError(f"{path} is not a keystore: it is not JSON.", path=str(path)) from error
    if not isinstance(document, dict) or "address" not in document or document.get("version") != 3:
        raise KeystoreError(
            f"{path} is not a keystore.", hint="Expected Web3 Secret Storage, version 3.", path=str(path)
        )
    return document


def _write_private(path: Path, text: str) -> None:
    """Create `path` with mode 0600, whole; an existing file is never touched."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeystoreError(
            f"{path} exists already; nothing was changed.", hint="Choose another name.", path=str(path)
        ) from error
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
