"""A file system in memory: the only one a job ever sees.

Nothing of the host's is reachable because nothing of the host's is here; directory order, inode numbers and times
follow from names alone, so they are the same on every machine. What a job writes is charged to a quota before it is
stored. There are no links, hard or symbolic.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.sandbox.errno import Errno, WasiError

MAX_NAME_BYTES = 255
MAX_PATH_CHARACTERS = 512
"""Of a whole path below its preopened directory: what a job specification and a manifest can name."""
MAX_FILE_BYTES = 256_000_000
"""Of one file that a job writes: what a market takes as a blob."""
MAX_WRITTEN_BYTES = 512_000_000
"""Of all that a job writes, whatever its bid reserves as egress: it is held in the host's memory."""


class OutputLimitReached(Exception):
    """The job wrote more than it may; the message says what."""


@dataclass(slots=True)
class Quota:
    """Bytes and files a job may still write."""

    bytes_limit: int
    files_limit: int
    bytes_used: int = 0
    files_used: int = 0

    def charge(self, count: int) -> None:
        """Count `count` more bytes (fewer, if negative). Raises OutputLimitReached."""
        if self.bytes_used + count > self.bytes_limit:
            raise OutputLimitReached(
                f"outputs and logs would exceed {self.bytes_limit} bytes (what the bid reserved as egress, and at most"
                f" {MAX_WRITTEN_BYTES})"
            )
        self.bytes_used += count

    def charge_file(self) -> None:
        """Count one more file or directory. Raises OutputLimitReached."""
        if self.files_used >= self.files_limit:
            raise OutputLimitReached(f"more than {self.files_limit} files and directories")
        self.files_used += 1


@dataclass(slots=True)
class File:
    """A regular file. `bytes` content is an untouched input; a written file has a `bytearray` of its own."""

    content: bytes | bytearray
    is_read_only: bool = False
    descriptors: int = 0
    """How many open descriptors refer to it."""
    is_unlinked: bool = False

    @property
    def is_pristine(self) -> bool:
        """Whether this is an input that the job has not changed."""
        return isinstance(self.content, bytes)

    def read(self, offset: int, count: int) -> bytes:
        """At most `count` bytes from `offset`."""
        return bytes(self.content[offset : offset + count])

    def write(self, offset: int, data: bytes, quota: Quota) -> None:
        """Store `data` at `offset`, filling a gap with zeros."""
        content = self._own(quota)
        end = offset + len(data)
        if end > len(content):
            self.resize(end, quota)
        content[offset:end] = data

    def resize(self, size: int, quota: Quota) -> None:
        """Cut or extend with zeros."""
        content = self._own(quota)
        if size > max(MAX_FILE_BYTES, len(content)):
            raise OutputLimitReached(f"a file would exceed {MAX_FILE_BYTES} bytes")
        quota.charge(size - len(content))
        if size < len(content):
            del content[size:]
        else:
            content.extend(bytes(size - len(content)))

    def _own(self, quota: Quota) -> bytearray:
        if isinstance(self.content, bytes):
            quota.charge(len(self.content))
            self.content = bytearray(self.content)
        return self.content

    def unlink(self, quota: Quota) -> None:
        """The file has lost its name. What it was charged is given back when nobody has it open any more."""
        self.is_unlinked = True
        self._give_back(quota)

    def release(self, quota: Quota) -> None:
        """A descriptor was closed."""
        self.descriptors -= 1
        self._give_back(quota)

    def _give_back(self, quota: Quota) -> None:
        if self.is_unlinked and not self.descriptors and not self.is_pristine:
            quota.charge(-len(self.content))


@dataclass(slots=True)
class Directory:
    """Names and what they name."""

    is_read_only: bool = False
    entries: dict[str, "File | Directory"] = field(default_factory=dict)

    def sorted_entries(self) -> list[tuple[str, "File | Directory"]]:
        """Entries in the byte order of their names, whatever order they were made in."""
        return sorted(self.entries.items(), key=lambda item: item[0].encode("utf-8", "surrogateescape"))

    def walk(self, prefix: str = "") -> Iterator[tuple[str, File]]:
        """Every file below, with its relative path."""
        waiting = [(prefix, self)]
        while waiting:
            at, directory = waiting.pop()
            for name, node in directory.sorted_entries():
                if isinstance(node, Directory):
                    waiting.append((f"{at}{name}/", node))
                else:
                    yield at + name, node


Node = File | Directory


def build_tree(files: dict[str, bytes], *, read_only: bool) -> Directory:
    """A directory tree that holds `files` (relative path to content)."""
    root = Directory(is_read_only=read_only)
    for path, content in files.items():
        directory = root
        *parents, name = path.split("/")
        for parent in parents:
            node = directory.entries.setdefault(parent, Directory(is_read_only=read_only))
            if not isinstance(node, Directory):
                raise ValueError(f"{path!r} lies under a file")
            directory = node
        directory.entries[name] = File(content, is_read_only=read_only)
    return root


def normalise(base: tuple[str, ...], path: str) -> tuple[str, ...]:
    """The parts of `path` seen from `base`, without `.` and `..`.

    Raises WasiError: NOTCAPABLE for an absolute path or one that climbs above the root, NAMETOOLONG.
    """
    if path.startswith("/"):
        raise WasiError(Errno.NOTCAPABLE)
    parts = list(base)
    for part in path.split("/"):
        if len(part.encode()) > MAX_NAME_BYTES:
            raise WasiError(Errno.NAMETOOLONG)
        if part == "..":
            if not parts:
                raise WasiError(Errno.NOTCAPABLE)
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    if len("/".join(parts)) > MAX_PATH_CHARACTERS:
        raise WasiError(Errno.NAMETOOLONG)
    return tuple(parts)


def find(root: Directory, parts: tuple[str, ...]) -> Node | None:
    """What lies there, None if nothing does. Raises WasiError(NOTDIR) where the way leads through a file."""
    node: Node = root
    for part in parts:
        if not isinstance(node, Directory):
            raise WasiError(Errno.NOTDIR)
        if part not in node.entries:
            return None
        node = node.entries[part]
    return node


def find_parent(root: Directory, parts: tuple[str, ...]) -> tuple[Directory, str]:
    """The directory that holds the last part, and that part. Raises WasiError: NOENT, NOTDIR, INVAL for the root."""
    if not parts:
        raise WasiError(Errno.INVAL)
    parent = find(root, parts[:-1])
    if parent is None:
        raise WasiError(Errno.NOENT)
    if not isinstance(parent, Directory):
        raise WasiError(Errno.NOTDIR)
    return parent, parts[-1]


def contains(directory: Directory, wanted: Directory) -> bool:
    """Whether `wanted` is `directory` or lies below it, at any depth."""
    waiting = [directory]
    while waiting:
        at = waiting.pop()
        if at is wanted:
            return True
        waiting.extend(child for child in at.entries.values() if isinstance(child, Directory))
    return False


def files_of(node: Node) -> list[tuple[str, File]]:
    """Every file of `node` with its path below it; of a file, itself."""
    return list(node.walk()) if isinstance(node, Directory) else [("", node)]


def inode_of(path: str) -> int:
    """A stable inode number for a guest path. Distinct files differ: else a copy looks like one onto itself."""
    return int.from_bytes(hashlib.sha256(path.encode("utf-8", "surrogateescape")).digest()[:8]) | 1
