"""What a store of blobs says of one that it has."""

from dataclasses import dataclass

from marketplace.errors import MalformedMessage

_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A whole blob."""

    digest: str
    size: int
    """Bytes."""
    stored_at: int
    """Unix seconds, by the store's own clock."""


def path_of(digest: str) -> str:
    """Where a store keeps a blob, `ab/cd…`. Raises MalformedMessage for what is no digest: it reaches no store."""
    name = digest.removeprefix("0x")
    if len(name) != 64 or not digest.startswith("0x") or not _HEX.issuperset(name):
        raise MalformedMessage("digest", "expected 0x and 64 lower-case hex digits", digest=digest)
    return f"{name[:2]}/{name[2:]}"


def digest_at(path: str) -> str | None:
    """The digest of the blob that is kept there; None where no blob is."""
    folder, _, rest = path.partition("/")
    name = folder + rest
    is_blob = len(folder) == 2 and len(name) == 64 and _HEX.issuperset(name)
    return "0x" + name if is_blob else None
