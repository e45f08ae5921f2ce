"""The cipher of private jobs: age, version 1 (C2SP, age-encryption.org/v1), as `pyrage` has it: rage, in Rust.

Keys are X25519; a file's bytes are ChaCha20-Poly1305 in pieces, so that a changed or shortened one is noticed. The
library is loaded when it is first needed.
"""

from marketplace.errors import CannotDecrypt, MalformedMessage


def new_identity() -> str:
    """A fresh secret key, `AGE-SECRET-KEY-1…`."""
    from pyrage import x25519

    return str(x25519.Identity.generate())


def recipient_of(identity: str) -> str:
    """The public key of a secret one, `age1…`. Raises CannotDecrypt for what is no secret key."""
    return str(_identity(identity).to_public())


def seal(data: bytes, recipient: str) -> bytes:
    """Encrypt to a public key; never twice the same. Raises MalformedMessage for what is no public key."""
    import pyrage

    try:
        return pyrage.encrypt(data, [pyrage.x25519.Recipient.from_str(recipient)])
    except pyrage.RecipientError as error:
        raise MalformedMessage("recipient", f"{recipient!r} is no public key of age's: age1…") from error


def unseal(data: bytes, identity: str) -> bytes:
    """Decrypt. Raises CannotDecrypt where it is for another key, was changed, or is no ciphertext at all."""
    import pyrage

    try:
        return pyrage.decrypt(data, [_identity(identity)])
    except pyrage.DecryptError as error:
        raise CannotDecrypt(
            f"These {len(data)} bytes cannot be decrypted with this key.",
            hint="They were encrypted to another key, or were damaged on their way.",
        ) from error


def _identity(identity: str):  # type: ignore[no-untyped-def]  # its type is known once the library is loaded
    import pyrage

    try:
        return pyrage.x25519.Identity.from_str(identity)
    except pyrage.IdentityError:
        raise CannotDecrypt("That is no secret key of age's.", hint="Expected AGE-SECRET-KEY-1….") from None
