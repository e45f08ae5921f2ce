"""What a tool answered, as the files of a job: pure.

Texts are standard output, a line each, or standard error where the tool says that it failed; what is structured is
`result.json`; images, sounds and embedded resources are files, by their place among the contents.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.sandbox.types import Limits
from marketplace.protocol.arguments import map_texts

if TYPE_CHECKING:
    from mcp_types import CallToolResult, ContentBlock

RESULT_PATH, INDEX_PATH = "result.json", "contents.json"


_SUFFIXES = {
    "image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp", "image/svg+xml": ".svg",
    "audio/wav": ".wav", "audio/mpeg": ".mp3", "audio/ogg": ".ogg", "text/plain": ".txt", "text/html": ".html",
    "text/csv": ".csv", "text/markdown": ".md", "application/json": ".json", "application/pdf": ".pdf",
}  # fmt: skip
"""A table of our own: the machine's would name one answer differently from node to node, and replicas would differ."""


class MalformedAnswer(Exception):
    """The server's answer is not what MCP says."""


class TooMuch(Exception):
    """The answer has more bytes or files than were paid for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `has_failed` is the tool's own word."""

    has_failed: bool
    text: bytes
    outputs: dict[str, bytes] = field(default_factory=dict)


def read_answer(result: "CallToolResult", hide: Callable[[str], str] = str) -> Answer:
    """An answer's parts; `hide` is applied to every text. Raises MalformedAnswer for what cannot be decoded."""
    texts: list[str] = []
    outputs: dict[str, bytes] = {}
    index: list[dict[str, str]] = []
    for place, block in enumerate(result.content, 1):
        if block.type == "text":
            texts.append(hide(block.text))
            continue
        entry, data = _read_block(block, f"content-{place}", hide)
        index.append(entry)
        if data is not None:
            outputs[entry["file"]] = data
    if index:
        outputs[INDEX_PATH] = _json(index)
    if result.structured_content is not None:
        outputs[RESULT_PATH] = _json(map_texts(result.structured_content, hide))
    text = "".join(each if each.endswith("\n") else each + "\n" for each in texts)
    return Answer(bool(result.is_error), text.encode(), outputs)


def require_fitting(answer: Answer, limits: Limits) -> None:
    """Raises TooMuch."""
    if len(answer.text) > limits.log_bytes:
        stream = "standard error" if answer.has_failed else "standard output"
        raise TooMuch(f"{stream} exceeds its limit of {limits.log_bytes} bytes")
    if len(answer.text) + sum(map(len, answer.outputs.values())) > limits.egress_bytes:
        raise TooMuch(f"outputs and logs exceed the {limits.egress_bytes} bytes reserved")
    if len(answer.outputs) > limits.output_files:
        raise TooMuch(f"more than {limits.output_files} output files")


def _read_block(block: "ContentBlock", name: str, hide: Callable[[str], str]) -> tuple[dict[str, str], bytes | None]:
    """What `contents.json` says of a block, and the bytes of its file; a link has none: nobody follows it."""
    entry = {"type": block.type}
    if block.type in ("image", "audio"):
        return entry | _named(name, block.mime_type), _decoded(block.data)
    if block.type == "resource_link":
        return entry | {"uri": hide(block.uri)}, None
    resource = block.resource
    entry |= {"uri": hide(str(resource.uri))} | _named(name, resource.mime_type or "")
    text = getattr(resource, "text", None)
    return entry, _decoded(resource.blob) if text is None else hide(text).encode()


def _named(name: str, media_type: str) -> dict[str, str]:
    """The file is named by its place and its kind only: names are the tool's word, and could be any path."""
    return {"file": name + _SUFFIXES.get(media_type, ""), "mediaType": media_type}


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:  # of characters beyond ASCII, too
        raise MalformedAnswer(f"its data is not base64: {error}") from error


def _json(value: object) -> bytes:
    """Equal values, equal bytes: replicas vote on digests."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
