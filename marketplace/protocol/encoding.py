"""How values of Solidity types are laid out in words of 32 bytes, and whose key signed a digest.

Every order and heartbeat passes through here, so that both are written out for the few types that messages have: for
them this is `abi.encode` of the contract ABI specification, and a test holds it equal to another implementation's.
Sources: EIP-712 (encodeData), EIP-55 (checksums), SEC 1 v2, 4.1.6 (recovery of public keys).
"""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from coincurve import PublicKey
from eth_utils import keccak

MOST_ADDRESSES = 131_072
"""Whose checksums are remembered, about 350 bytes each: every node's and renter's that is about."""
_WORD = 32


@cache
def word_encoder(kind: str) -> Callable[[Any], bytes]:
    """What makes a word of a value of this elementary type; it raises OverflowError for a number that is too large."""
    if kind == "address":
        return lambda value: bytes.fromhex(value[2:]).rjust(_WORD, b"\0")
    if kind == "bytes32":
        return lambda value: bytes.fromhex(value[2:])
    if kind == "bool":
        return lambda value: int(value).to_bytes(_WORD)
    if kind == "string":
        return lambda value: keccak(text=value)
    if kind.startswith("uint"):
        size = int(kind.removeprefix("uint")) // 8
        return lambda value: value.to_bytes(size).rjust(_WORD, b"\0")
    size = int(kind.removeprefix("int")) // 8
    return lambda value: value.to_bytes(size, signed=True).rjust(_WORD, b"\xff" if value < 0 else b"\0")


@lru_cache(maxsize=MOST_ADDRESSES)
def checksum(address: str) -> str:
    """An address, 0x and 40 hex digits in whatever case, with the checksum of EIP-55."""
    digits = address[2:].lower()
    marks = keccak(text=digits).hex()
    return "0x" + "".join(digit.upper() if mark > "7" else digit for digit, mark in zip(digits, marks, strict=False))


def recover_account(digest: bytes, signature: bytes) -> bytes:
    """The 20-byte account whose key signed the 32-byte digest; `signature` is r, s, and v as 27 or 28.

    Raises ValueError or Exception, as the curve's library does, for what recovers no point.
    """
    key = PublicKey.from_signature_and_message(signature[:64] + bytes([signature[64] - 27]), digest, hasher=None)
    return keccak(key.format(compressed=False)[1:])[-20:]
