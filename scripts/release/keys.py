"""Keys that sign releases: Ed25519, each in a file of its own, encrypted with its holder's password."""

import json
import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from marketplace.errors import ConflictError, InputError

MIN_PASSWORD = 12


def make_key(path: Path, password: str) -> Path:
    """A new key in `path`, for its owner alone; what others may know goes beside it, into the `.pub` that is returned.

    Raises ConflictError where either file is there already, InputError for a password that is too short and for a name
    that ends in `.pub`: what is called so is given away. Nothing is written then.
    """
    shared = path.with_suffix(".pub")
    if path.suffix.lower() == shared.suffix:
        raise InputError(f"{path} is the name of a public key.", hint=f"Name it {path.with_suffix('.key').name}.")
    if len(password) < MIN_PASSWORD:
        raise InputError(f"The password has {len(password)} characters.", hint=f"Take at least {MIN_PASSWORD}.")
    key = Ed25519PrivateKey.generate()
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode()))
    public = SSlibKey.from_crypto(key.public_key())
    shown = json.dumps({"keyid": public.keyid, **public.to_dict()}, indent=2) + "\n"
    for each in (path, shared):
        if each.exists():
            raise _is_taken(each)
    _write_new(path, sealed, 0o600)
    _write_new(shared, shown.encode(), 0o644)
    return shared


def load_signer(path: Path, password: str) -> CryptoSigner:
    """The signer in a key's file. Raises InputError where file or password is wrong."""
    try:
        key = load_pem_private_key(path.read_bytes(), password.encode())
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(f"{path} cannot be opened: {error}.", hint="Name the key's file, and its password.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path} is no Ed25519 key.", hint="`python -m scripts.release key` makes them.")
    return CryptoSigner(key)


def load_public(path: Path) -> Key:
    """The key in a `.pub` file. Raises InputError where it is none."""
    try:
        document = json.loads(path.read_text())
        return Key.from_dict(document.pop("keyid"), document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no public key: {error}.", hint="Name the .pub file of a key.") from error


def _write_new(path: Path, data: bytes, mode: int) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
    except FileExistsError as error:
        raise _is_taken(path) from error


def _is_taken(path: Path) -> ConflictError:
    return ConflictError(f"{path} is there already: no key is overwritten.")
