"""The words to write tests about the registry of modules."""

from contextlib import contextmanager
from typing import Any

from brownie.exceptions import VirtualMachineError

from tests.contracts.world import address_of

NAME = "word-count"
DIGEST = "0x" + "ab" * 32
METADATA = "0x" + "cd" * 32
URI = "ipfs://metadata"
NOTHING = "0x" + "00" * 32
NOBODY = "0x" + "00" * 20
NO_VERSION = (0, 0, 0)
FIRST, SECOND, THIRD = (1, 0, 0), (1, 1, 0), (2, 0, 0)
UINT64_MAX = 2**64 - 1
LONGEST_TEXT = 256
NO_TEXTS = [
    ("a\n", 1, b"\n"),
    ("\x1b[2J", 0, b"\x1b"),
    ("abc\x7f", 3, b"\x7f"),
    ("schön", 3, b"\xc3"),
    ("\0", 0, b"\0"),
]
"""What is not printable ASCII, and where."""
RELEASE_FIELDS = (
    "version",
    "digest",
    "metadataDigest",
    "publisher",
    "publishedAt",
    "deprecated",
    "metadataUri",
    "warning",
)
MODULE_FIELDS = ("name", "owner", "pendingOwner", "claimedAt", "deprecated", "releaseCount", "latest", "warning")


def digest_of(number: int) -> str:
    """One of many digests."""
    return "0x" + number.to_bytes(32).hex()


def publish(registry: Any, owner: Any, version: tuple = FIRST, name: str = NAME, digest: str = DIGEST) -> Any:
    """Publish a version with metadata; returns the transaction."""
    return registry.publish(name, version, digest, METADATA, URI, {"from": owner})


def plain(value: Any) -> Any:
    """What a view answered, as plain values that compare with anything: tuples, integers, texts, 0x-hex."""
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(value) if isinstance(value, str) else value if isinstance(value, bool) else int(value)


def release_of(registry: Any, version: tuple = FIRST, name: str = NAME) -> dict:
    """A release as the registry describes it."""
    return dict(zip(RELEASE_FIELDS, plain(registry.release(name, version)), strict=True))


def module_of(registry: Any, name: str = NAME) -> dict:
    """A name as the registry describes it."""
    return dict(zip(MODULE_FIELDS, plain(registry.module(name)), strict=True))


def latest_of(registry: Any, name: str = NAME) -> tuple:
    """The latest version of a name."""
    return plain(registry.latest(name))


def resolved(registry: Any, version: tuple = FIRST, name: str = NAME) -> tuple:
    """Digest, publisher and whether it is deprecated."""
    return plain(registry.resolve(name, version))


@contextmanager
def reverts_with(name: str, *values: Any):
    """Expects the custom error `name` with exactly `values`: texts are compared as they are written."""
    try:
        yield
    except VirtualMachineError as error:
        message = error.revert_msg or ""
    else:
        raise AssertionError(f"expected {name}, but nothing reverted")
    shown = ", ".join(str(address_of(value)).lower() for value in values)
    assert message.lower() == f"{name}: {shown}".lower(), f"expected {name}{values}, got {message!r}"
