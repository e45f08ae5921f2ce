"""Canonical bytes and content digests: RFC 8785 JSON and SHA-256, written `0x` + 64 lower-case hex digits."""

import hashlib
from typing import Any

import rfc8785

from marketplace.errors import MalformedMessage


def canonical_json(value: Any) -> bytes:
    """The RFC 8785 (JCS) serialisation of `value`. Raises MalformedMessage where JSON cannot carry it."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:  # the latter: half a character in a key
        raise MalformedMessage("document", str(error)) from error


def sha256_digest(data: bytes) -> str:
    """The content digest of `data`."""
    return "0x" + hashlib.sha256(data).hexdigest()


def json_digest(value: Any) -> str:
    """The content digest of a JSON value: SHA-256 over its canonical form."""
    return sha256_digest(canonical_json(value))
