"""JSON that somebody else wrote, read so that no document can end the process that reads it.

Python's own reader goes as deep into a document as the recursion limit allows, and libraries under us raise that limit
beyond what the stack holds: then a few hundred kilobytes of brackets are a segmentation fault, which nothing catches.
"""

from typing import Any

from pydantic_core import from_json

from marketplace.errors import MalformedMessage

MAX_JSON_DEPTH = 200
"""How deep documents may be nested: the reader's own bound, many times what any message of the protocol has."""


def parse_json(data: bytes, name: str) -> Any:
    """The value of a JSON document in UTF-8; of a key that is there twice the last counts.

    Raises MalformedMessage about `name` for what RFC 8259 does not allow (NaN, lone surrogates among it), for nesting
    beyond MAX_JSON_DEPTH, and for whole numbers of more than 4,300 digits.
    """
    try:
        return from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedMessage(name, f"is not JSON that can be read: {error}") from error
