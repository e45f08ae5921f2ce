"""What the call of a tool says: a module in one version, and arguments.

Arguments are a JSON object, in which a text `input://<path>` stands for the file of that input.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator

from marketplace.errors import MalformedMessage
from marketplace.protocol.canonical import canonical_json
from marketplace.protocol.module_uri import ModuleUri

INPUT_SCHEME = "input://"
MAX_ARGUMENT_BYTES = 64_000
"""Of the arguments' canonical JSON. What is bigger travels as an input."""
MAX_DEPTH = 32
"""Of nested objects and lists: readers of JSON call themselves."""


def _bounded(arguments: dict[str, Any]) -> dict[str, Any]:
    if _depth(arguments) > MAX_DEPTH:
        raise ValueError(f"JSON nested more than {MAX_DEPTH} deep")
    try:
        size = len(canonical_json(arguments))
    except (MalformedMessage, ValueError) as error:
        raise ValueError(f"expected JSON that RFC 8785 can write: {error}") from error
    if size > MAX_ARGUMENT_BYTES:
        raise ValueError(f"{size} bytes of JSON exceed {MAX_ARGUMENT_BYTES}: give what is big as an input")
    return arguments


def _depth(value: Any) -> int:
    """How deep a value is nested; looks no further than one level too many."""
    level, depth = [value], 0
    while depth <= MAX_DEPTH:
        level = [inner for each in level for inner in _members(each)]
        if not level:
            return depth
        depth += 1
    return depth


def _members(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []


def _with_version(text: str) -> str:
    try:
        uri = ModuleUri.parse(text)
    except MalformedMessage as error:
        raise ValueError(error.message) from error
    if uri.version is None:
        raise ValueError(f"{text!r} names no version: expected chain://name@major.minor.patch")
    return text


VersionedUri = Annotated[str, AfterValidator(_with_version)]
"""A field of a document: `chain://name@version`."""
Arguments = Annotated[dict[str, Any], AfterValidator(_bounded)]
"""A field of a document."""


def map_texts(value: Any, change: Callable[[str], str]) -> Any:
    """The same JSON with every text in it changed, except the names of members."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {name: map_texts(each, change) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [map_texts(each, change) for each in value]
    return value


def named_inputs(arguments: Mapping[str, Any]) -> set[str]:
    """Paths of the inputs that the arguments stand for."""
    found: set[str] = set()

    def note(text: str) -> str:
        if text.startswith(INPUT_SCHEME):
            found.add(text.removeprefix(INPUT_SCHEME))
        return text

    map_texts(arguments, note)
    return found
