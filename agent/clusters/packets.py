"""What travels between the daemon, the process that talks to Ray, and the cluster's machines: JSON and bytes by name.

No pickles: whoever can write one runs what he likes in the process that reads it, and the daemon holds keys. Ray makes
pickles of its own out of these bytes, and reads them in a process that has none.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from marketplace.errors import MalformedMessage, TooLarge

MAX_PACKET_BYTES = 3_000_000_000
"""Inputs, a program and what it may leave are less; it is what a length that is none would have the reader allocate."""
_LENGTH = struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class Packet:
    """One message."""

    head: Mapping[str, Any]
    blobs: Mapping[str, bytes] = field(default_factory=dict)


def pack(packet: Packet) -> bytes:
    """The length of the JSON, the JSON with each blob's name and length, the blobs one after the other."""
    sizes = [[name, len(data)] for name, data in packet.blobs.items()]
    head = json.dumps({"head": packet.head, "blobs": sizes}).encode()
    return b"".join((_LENGTH.pack(len(head)), head, *packet.blobs.values()))


def unpack(data: bytes) -> Packet:
    """What `pack` packed. Raises MalformedMessage for anything else."""
    try:
        return _unpack(memoryview(data))
    except (ValueError, KeyError, TypeError, struct.error, RecursionError) as error:
        raise MalformedMessage("packet", f"is none: {type(error).__name__}: {error}") from error


def _unpack(view: memoryview) -> Packet:
    (length,) = _LENGTH.unpack_from(view)
    position = _LENGTH.size + length
    document = json.loads(bytes(view[_LENGTH.size : position]))
    blobs: dict[str, bytes] = {}
    for name, size in document["blobs"]:
        if not isinstance(name, str) or not isinstance(size, int) or not 0 <= size <= len(view) - position:
            raise ValueError("a blob that is not there")
        blobs[name] = bytes(view[position : position + size])
        position += size
    if position != len(view) or not isinstance(document["head"], dict):
        raise ValueError("something is missing, or left over")
    return Packet(document["head"], blobs)


def write_frame(stream: IO[bytes], data: bytes) -> None:
    """Bytes with their length before them. Raises OSError where nobody reads any more."""
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def read_frame(stream: IO[bytes]) -> bytes | None:
    """The next bytes of `write_frame`; None where the other side is gone. Raises TooLarge."""
    prefix = stream.read(_LENGTH.size)
    if len(prefix) < _LENGTH.size:
        return None
    (size,) = _LENGTH.unpack(prefix)
    if size > MAX_PACKET_BYTES:
        raise TooLarge("A packet", size, MAX_PACKET_BYTES)
    data = stream.read(size)
    return data if len(data) == size else None
