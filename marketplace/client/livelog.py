"""What a job was seen to print while it ran, held against the log that its provider attested."""

import hashlib
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass, field

from marketplace.client.calls import Document
from marketplace.errors import MalformedMessage

NAMES = ("stdout", "stderr")


@dataclass(slots=True)
class SeenLog:
    """The streams of one run of a lease. Keeps their lengths and hashes, not their bytes."""

    lease_id: str
    sizes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 0))
    _hashes: dict[str, "hashlib._Hash"] = field(default_factory=lambda: {name: hashlib.sha256() for name in NAMES})

    def add(self, data: Document) -> tuple[str, bytes]:
        """The stream and the new bytes of a `log` event. Raises MalformedMessage for one that does not follow."""
        name, offset = data.get("stream"), data.get("offset")
        if name not in NAMES or offset != self.sizes[name]:
            raise MalformedMessage("log", f"{name} at {offset} does not follow what came before")
        try:
            piece = b64decode(data.get("data", ""), validate=True)
        except (Base64Error, TypeError, ValueError) as error:
            raise MalformedMessage("log.data", "is not base64") from error
        self._hashes[name].update(piece)
        self.sizes[name] += len(piece)
        return name, piece

    def is_beginning_of(self, name: str, attested: bytes) -> bool:
        """Whether all that was seen of a stream is how the attested one begins."""
        seen = attested[: self.sizes[name]]
        return len(seen) == self.sizes[name] and hashlib.sha256(seen).digest() == self._hashes[name].digest()
