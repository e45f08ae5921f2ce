"""Open files and paths of one run: which descriptor is what, and what a path leads to."""

import struct
from dataclasses import dataclass

from agent.sandbox.errno import Errno, WasiError
from agent.sandbox.vfs import (
    MAX_PATH_CHARACTERS,
    Directory,
    File,
    Node,
    Quota,
    build_tree,
    contains,
    files_of,
    find,
    find_parent,
    inode_of,
    normalise,
)

_CHARACTER_DEVICE, _DIRECTORY, _REGULAR_FILE = 2, 3, 4
_O_CREAT, _O_DIRECTORY, _O_EXCL, _O_TRUNC = 1, 2, 4, 8
_APPEND = 1
_RIGHT_READ, _RIGHT_WRITE = 1 << 1, 1 << 6
_MAX_DESCRIPTORS = 1024
_FILE_TIME_NS = 1_577_836_800 * 1_000_000_000
"""What every file shows as its time: 2020-01-01T00:00:00Z."""


@dataclass(slots=True)
class Descriptor:
    """An open file, directory or standard stream (`stream` 1 and 2; standard input is an empty file)."""

    node: Node | None
    path: tuple[str, ...]
    preopen: str = ""
    root: Directory | None = None
    stream: int = 0
    flags: int = 0
    offset: int = 0
    can_read: bool = True
    can_write: bool = False

    @property
    def filetype(self) -> int:
        if self.node is None:
            return _CHARACTER_DEVICE
        return _DIRECTORY if isinstance(self.node, Directory) else _REGULAR_FILE


class FileTable:
    """Descriptors of one run over `/in` (read-only), `/out`, and `.`, which is that; `/secrets` (read-only) if any."""

    def __init__(self, inputs: dict[str, bytes], quota: Quota, secrets: dict[str, bytes] | None = None) -> None:
        self._quota = quota
        self._work = build_tree(inputs, read_only=False)
        folders = [("/in", build_tree(inputs, read_only=True)), ("/out", self._work), (".", self._work)]
        if secrets:
            folders.append(("/secrets", build_tree(secrets, read_only=True)))
        self._names = {id(root): name for name, root in folders if name != "."}
        self._table: dict[int, Descriptor] = {
            0: Descriptor(File(b"", is_read_only=True), ("dev", "stdin")),
            1: Descriptor(None, ("dev", "stdout"), stream=1, can_write=True),
            2: Descriptor(None, ("dev", "stderr"), stream=2, can_write=True),
        }
        for fd, (name, root) in enumerate(folders, start=3):
            self._table[fd] = Descriptor(root, (), preopen=name, root=root)

    def outputs(self, *, all_files: bool = False) -> dict[str, bytes]:
        """Files the job made or changed, by relative path; `all_files`: and those that are as they came."""
        return {path: bytes(file.content) for path, file in self._work.walk() if all_files or not file.is_pristine}

    def get(self, fd: int) -> Descriptor:
        if fd not in self._table:
            raise WasiError(Errno.BADF)
        return self._table[fd]

    def preopen_name(self, fd: int) -> bytes:
        name = self.get(fd).preopen
        if not name:
            raise WasiError(Errno.BADF)
        return name.encode()

    def close(self, fd: int) -> None:
        self._release(self.get(fd))
        del self._table[fd]

    def _release(self, entry: Descriptor) -> None:
        if isinstance(entry.node, File):
            entry.node.release(self._quota)

    def renumber(self, source: int, target: int) -> None:
        replaced, moved = self.get(target), self.get(source)
        if source == target:
            return
        self._release(replaced)
        self._table[target] = moved
        del self._table[source]

    # --- open files ----------------------------------------------------------------------------------------------

    def _file(self, entry: Descriptor) -> File:
        if isinstance(entry.node, Directory):
            raise WasiError(Errno.ISDIR)
        if entry.node is None:
            raise WasiError(Errno.SPIPE)
        return entry.node

    def read(self, entry: Descriptor, count: int, offset: int | None) -> bytes:
        file = self._file(entry)
        if not entry.can_read:
            raise WasiError(Errno.BADF)
        chunk = file.read(entry.offset if offset is None else offset, count)
        if offset is None:
            entry.offset += len(chunk)
        return chunk

    def write(self, entry: Descriptor, data: bytes, offset: int | None) -> None:
        file = self._writable(entry)
        if offset is not None:
            file.write(offset, data, self._quota)
            return
        if entry.flags & _APPEND:
            entry.offset = len(file.content)
        file.write(entry.offset, data, self._quota)
        entry.offset += len(data)

    def _writable(self, entry: Descriptor) -> File:
        file = self._file(entry)
        if not entry.can_write:
            raise WasiError(Errno.BADF)
        return file

    def resize(self, entry: Descriptor, size: int) -> None:
        self._writable(entry).resize(size, self._quota)

    def grow(self, entry: Descriptor, size: int) -> None:
        """Make a file at least this long."""
        if size > len(self._writable(entry).content):
            self.resize(entry, size)

    def seek(self, entry: Descriptor, offset: int, whence: int) -> int:
        if whence > 2:
            raise WasiError(Errno.INVAL)
        base = (0, entry.offset, len(self._file(entry).content))[whence]
        if base + offset < 0:
            raise WasiError(Errno.INVAL)
        entry.offset = base + offset
        return entry.offset

    def stat(self, entry: Descriptor) -> bytes:
        return _filestat(entry.node, entry.filetype, self._guest_path(entry.root, entry.path))

    def listing(self, entry: Descriptor, cookie: int, room: int) -> bytes:
        """`dirent` records from `cookie` on, enough to fill `room` bytes."""
        if not isinstance(entry.node, Directory):
            raise WasiError(Errno.NOTDIR)
        names: list[tuple[str, Node]] = [(".", entry.node), ("..", entry.node), *entry.node.sorted_entries()]
        records, size = [], 0
        for index, (name, node) in enumerate(names[cookie:], start=cookie):
            raw = name.encode()
            kind = _DIRECTORY if isinstance(node, Directory) else _REGULAR_FILE
            inode = inode_of(self._guest_path(entry.root, (*entry.path, name)))
            records.append(struct.pack("<QQIB3x", index + 1, inode, len(raw), kind) + raw)
            size += len(records[-1])
            if size >= room:
                break
        return b"".join(records)

    # --- paths ---------------------------------------------------------------------------------------------------

    def _resolve(self, fd: int, path: str) -> tuple[Directory, tuple[str, ...]]:
        """The preopened directory and the normalised path below it. Raises NOTCAPABLE above it."""
        entry = self.get(fd)
        if not isinstance(entry.node, Directory) or entry.root is None:
            raise WasiError(Errno.NOTDIR)
        return entry.root, normalise(entry.path, path)

    def _writable_parent(self, fd: int, path: str) -> tuple[Directory, str]:
        parent, name = find_parent(*self._resolve(fd, path))
        if parent.is_read_only:
            raise WasiError(Errno.ROFS)
        return parent, name

    def _guest_path(self, root: Directory | None, parts: tuple[str, ...]) -> str:
        return "/".join(("" if root is None else self._names[id(root)], *parts))

    def open(self, fd: int, path: str, oflags: int, rights: int, flags: int) -> int:
        root, parts = self._resolve(fd, path)
        node = find(root, parts)
        wants_write = bool(rights & _RIGHT_WRITE)
        if node is None:
            node = self._create(fd, path, oflags)
        elif oflags & _O_CREAT and oflags & _O_EXCL:
            raise WasiError(Errno.EXIST)
        if oflags & _O_DIRECTORY and not isinstance(node, Directory):
            raise WasiError(Errno.NOTDIR)
        if isinstance(node, File):
            if node.is_read_only and (wants_write or oflags & _O_TRUNC):
                raise WasiError(Errno.ROFS)
            if oflags & _O_TRUNC:
                node.resize(0, self._quota)
        return self._add(Descriptor(
            node, parts, root=root, flags=flags, can_read=bool(rights & _RIGHT_READ), can_write=wants_write
        ))  # fmt: skip

    def _create(self, fd: int, path: str, oflags: int) -> File:
        if not oflags & _O_CREAT:
            raise WasiError(Errno.NOENT)
        parent, name = self._writable_parent(fd, path)
        self._quota.charge_file()
        parent.entries[name] = created = File(bytearray())
        return created

    def _add(self, entry: Descriptor) -> int:
        if len(self._table) >= _MAX_DESCRIPTORS:
            raise WasiError(Errno.PERM)
        fd = next(number for number in range(_MAX_DESCRIPTORS + 1) if number not in self._table)
        self._table[fd] = entry
        if isinstance(entry.node, File):
            entry.node.descriptors += 1
        return fd

    def stat_path(self, fd: int, path: str) -> bytes:
        root, parts = self._resolve(fd, path)
        node = find(root, parts)
        if node is None:
            raise WasiError(Errno.NOENT)
        kind = _DIRECTORY if isinstance(node, Directory) else _REGULAR_FILE
        return _filestat(node, kind, self._guest_path(root, parts))

    def make_directory(self, fd: int, path: str) -> None:
        parent, name = self._writable_parent(fd, path)
        if name in parent.entries:
            raise WasiError(Errno.EXIST)
        self._quota.charge_file()
        parent.entries[name] = Directory()

    def remove_directory(self, fd: int, path: str) -> None:
        parent, name = self._writable_parent(fd, path)
        node = parent.entries.get(name)
        if node is None:
            raise WasiError(Errno.NOENT)
        if not isinstance(node, Directory):
            raise WasiError(Errno.NOTDIR)
        if node.entries:
            raise WasiError(Errno.NOTEMPTY)
        del parent.entries[name]

    def unlink(self, fd: int, path: str) -> None:
        parent, name = self._writable_parent(fd, path)
        node = parent.entries.get(name)
        if node is None:
            raise WasiError(Errno.NOENT)
        if isinstance(node, Directory):
            raise WasiError(Errno.ISDIR)
        node.unlink(self._quota)
        del parent.entries[name]

    def rename(self, fd: int, path: str, new_fd: int, new_path: str) -> None:
        parent, name = self._writable_parent(fd, path)
        new_parent, new_name = self._writable_parent(new_fd, new_path)
        node, target = parent.entries.get(name), new_parent.entries.get(new_name)
        if node is None:
            raise WasiError(Errno.NOENT)
        if node is target:
            return
        if isinstance(node, Directory) and contains(node, new_parent):
            raise WasiError(Errno.INVAL)
        self._check_length(node, new_fd, new_path)
        if isinstance(target, Directory):
            if not isinstance(node, Directory):
                raise WasiError(Errno.ISDIR)
            if target.entries:
                raise WasiError(Errno.NOTEMPTY)
        elif target is not None:
            if isinstance(node, Directory):
                raise WasiError(Errno.NOTDIR)
            target.unlink(self._quota)
        del parent.entries[name]
        new_parent.entries[new_name] = node
        self._own_renamed(node)

    def _check_length(self, node: Node, fd: int, path: str) -> None:
        """Raises NAMETOOLONG if a file below `node` would get a longer path than any may have."""
        _, parts = self._resolve(fd, path)
        longest = max((len(below) for below, _ in files_of(node)), default=0)
        if len("/".join(parts)) + 1 + longest > MAX_PATH_CHARACTERS:
            raise WasiError(Errno.NAMETOOLONG)

    def _own_renamed(self, node: Node) -> None:
        """An input under a new name is an output: charge it."""
        for _, file in files_of(node):
            file.resize(len(file.content), self._quota)


def _filestat(node: Node | None, kind: int, guest_path: str) -> bytes:
    size = len(node.content) if isinstance(node, File) else 0
    return struct.pack("<QQB7xQQQQQ", 1, inode_of(guest_path), kind, 1, size, *[_FILE_TIME_NS] * 3)
