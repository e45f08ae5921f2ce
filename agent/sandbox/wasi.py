"""WASI preview 1 over the in-memory file system: every call a job can make, and no other.

Own code instead of wasmtime's WASI because a result must be the same on every machine: time, randomness, directory
order, inode numbers and file times are supplied here, and nothing of the host can leak in. Function by function as in
the specification (WebAssembly/WASI, legacy preview1). Sockets are not offered.
"""

import hashlib
import struct
from dataclasses import dataclass

from agent.sandbox.errno import Errno, WasiError
from agent.sandbox.files import Descriptor, FileTable
from agent.sandbox.memory import MAX_VECTORS, GuestMemory
from agent.sandbox.types import NANOSECONDS, Limits, Task
from agent.sandbox.vfs import MAX_WRITTEN_BYTES, OutputLimitReached, Quota

CLOCK_STEP_NS = 1_000
"""Every look at the clock moves it on, so that a program waiting for time to pass gets there."""
_ALL_RIGHTS = (1 << 30) - 1
_EVENT_CLOCK = 0
_ALL_FLAGS = 0x1F


def _known_flags(flags: int) -> int:
    """`fdflags` as they came. Raises WasiError(INVAL) for bits that the specification does not have."""
    if flags & ~_ALL_FLAGS:
        raise WasiError(Errno.INVAL)
    return flags


class ProcessExit(Exception):
    """The program called `proc_exit`."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit {code}")
        self.code = code


@dataclass(slots=True)
class Log:
    """Captured standard output or error."""

    name: str
    limit: int
    data: bytearray

    def write(self, chunk: bytes, quota: Quota) -> None:
        """Keep `chunk`. Raises OutputLimitReached after keeping what fits."""
        room = max(0, min(self.limit - len(self.data), quota.bytes_limit - quota.bytes_used))
        quota.charge(len(chunk[:room]))
        self.data += chunk[:room]
        if len(chunk) > room:
            raise OutputLimitReached(f"{self.name} exceeds its limit after {len(self.data)} bytes")


class WasiHost:
    """The system calls of one run. Methods named as in the specification take Python integers."""

    def __init__(self, task: Task, limits: Limits) -> None:
        self.quota = Quota(min(limits.egress_bytes, MAX_WRITTEN_BYTES), limits.output_files)
        self.stdout = Log("standard output", limits.log_bytes, bytearray())
        self.stderr = Log("standard error", limits.log_bytes, bytearray())
        self._files = FileTable(task.inputs, self.quota, task.secrets)
        self._argv = [arg.encode() + b"\x00" for arg in task.argv]
        self._env = [f"{key}={value}".encode() + b"\x00" for key, value in sorted(task.env.items())]
        self._start = self._now = task.clock * NANOSECONDS
        self._seed = task.seed
        self._drawn = 0

    def outputs(self) -> dict[str, bytes]:
        """What the program wrote, by relative path."""
        return self._files.outputs()

    def files(self) -> dict[str, bytes]:
        """All that lies in its working directory now, by relative path."""
        return self._files.outputs(all_files=True)

    # --- arguments, environment, clock, randomness ---------------------------------------------------------------

    def args_sizes_get(self, memory: GuestMemory, count: int, size: int) -> None:
        memory.put_sizes(self._argv, count, size)

    def args_get(self, memory: GuestMemory, pointers: int, buffer: int) -> None:
        memory.put_strings(self._argv, pointers, buffer)

    def environ_sizes_get(self, memory: GuestMemory, count: int, size: int) -> None:
        memory.put_sizes(self._env, count, size)

    def environ_get(self, memory: GuestMemory, pointers: int, buffer: int) -> None:
        memory.put_strings(self._env, pointers, buffer)

    def clock_res_get(self, memory: GuestMemory, clock: int, result: int) -> None:
        memory.put_u64(result, CLOCK_STEP_NS)

    def clock_time_get(self, memory: GuestMemory, clock: int, precision: int, result: int) -> None:
        self._now += CLOCK_STEP_NS
        memory.put_u64(result, self._read_clock(clock))

    def _read_clock(self, clock: int) -> int:
        if clock == 0:
            return self._now
        if clock in (1, 2, 3):
            return self._now - self._start
        raise WasiError(Errno.INVAL)

    def random_get(self, memory: GuestMemory, buffer: int, size: int) -> None:
        memory.check(buffer, size)
        stream = hashlib.shake_256(self._seed + self._drawn.to_bytes(8)).digest(size)
        self._drawn += 1
        memory.put(buffer, stream)

    def sched_yield(self, memory: GuestMemory) -> None:
        """Nobody to yield to."""

    def proc_exit(self, memory: GuestMemory, code: int) -> None:
        raise ProcessExit(code)

    def proc_raise(self, memory: GuestMemory, signal: int) -> None:
        raise WasiError(Errno.NOSYS)

    def poll_oneoff(self, memory: GuestMemory, subscriptions: int, events: int, count: int, result: int) -> None:
        """Files are always ready; a clock is reached by moving it on. Nobody sleeps."""
        if not 0 < count <= MAX_VECTORS:
            raise WasiError(Errno.INVAL)
        asked = [memory.get(subscriptions + 48 * index, 48) for index in range(count)]
        ready = [raw for raw in asked if raw[8] != _EVENT_CLOCK]
        if not ready:
            due = [(self._due(raw), raw) for raw in asked]
            self._now = max(self._now, min(time for time, _ in due))
            ready = [raw for time, raw in due if time <= self._now]
        for index, raw in enumerate(ready):
            memory.put(events + 32 * index, raw[:8] + struct.pack("<HB5xQH6x", 0, raw[8], 0, 0))
        memory.put_u32(result, len(ready))

    def _due(self, raw: bytes) -> int:
        clock, timeout, _, flags = struct.unpack_from("<I4xQQH", raw, 16)
        if not flags & 1:
            return self._now + timeout
        return timeout if clock == 0 else timeout + self._start

    # --- descriptors ---------------------------------------------------------------------------------------------

    def fd_prestat_get(self, memory: GuestMemory, fd: int, result: int) -> None:
        memory.put(result, struct.pack("<B3xI", 0, len(self._files.preopen_name(fd))))

    def fd_prestat_dir_name(self, memory: GuestMemory, fd: int, path: int, size: int) -> None:
        memory.put(path, self._files.preopen_name(fd)[:size])

    def fd_fdstat_get(self, memory: GuestMemory, fd: int, result: int) -> None:
        entry = self._files.get(fd)
        memory.put(result, struct.pack("<BxHxxxxQQ", entry.filetype, entry.flags, _ALL_RIGHTS, _ALL_RIGHTS))

    def fd_fdstat_set_flags(self, memory: GuestMemory, fd: int, flags: int) -> None:
        self._files.get(fd).flags = _known_flags(flags)

    def fd_fdstat_set_rights(self, memory: GuestMemory, fd: int, base: int, inheriting: int) -> None:
        self._files.get(fd)

    def fd_close(self, memory: GuestMemory, fd: int) -> None:
        self._files.close(fd)

    def fd_renumber(self, memory: GuestMemory, source: int, target: int) -> None:
        self._files.renumber(source, target)

    def fd_advise(self, memory: GuestMemory, fd: int, offset: int, size: int, advice: int) -> None:
        self._files.get(fd)

    def fd_sync(self, memory: GuestMemory, fd: int) -> None:
        self._files.get(fd)

    fd_datasync = fd_sync

    def fd_allocate(self, memory: GuestMemory, fd: int, offset: int, size: int) -> None:
        self._files.grow(self._files.get(fd), offset + size)

    def fd_filestat_set_size(self, memory: GuestMemory, fd: int, size: int) -> None:
        self._files.resize(self._files.get(fd), size)

    def fd_filestat_set_times(self, memory: GuestMemory, fd: int, atime: int, mtime: int, flags: int) -> None:
        self._files.get(fd)

    def fd_filestat_get(self, memory: GuestMemory, fd: int, result: int) -> None:
        memory.put(result, self._files.stat(self._files.get(fd)))

    def fd_seek(self, memory: GuestMemory, fd: int, offset: int, whence: int, result: int) -> None:
        signed = offset - (1 << 64) if offset >> 63 else offset
        memory.put_u64(result, self._files.seek(self._files.get(fd), signed, whence))

    def fd_tell(self, memory: GuestMemory, fd: int, result: int) -> None:
        memory.put_u64(result, self._files.seek(self._files.get(fd), 0, 1))

    def fd_read(self, memory: GuestMemory, fd: int, vectors: int, count: int, result: int) -> None:
        entry = self._files.get(fd)
        memory.put_u32(result, self._scatter(memory, entry, vectors, count, None))

    def fd_pread(self, memory: GuestMemory, fd: int, vectors: int, count: int, offset: int, result: int) -> None:
        memory.put_u32(result, self._scatter(memory, self._files.get(fd), vectors, count, offset))

    def _scatter(self, memory: GuestMemory, entry: Descriptor, vectors: int, count: int, offset: int | None) -> int:
        total = 0
        for pointer, size in memory.vectors(vectors, count):
            memory.check(pointer, size)
            chunk = self._files.read(entry, size, None if offset is None else offset + total)
            memory.put(pointer, chunk)
            total += len(chunk)
            if len(chunk) < size:
                break
        return total

    def fd_write(self, memory: GuestMemory, fd: int, vectors: int, count: int, result: int) -> None:
        memory.put_u32(result, self._gather(memory, fd, vectors, count, None))

    def fd_pwrite(self, memory: GuestMemory, fd: int, vectors: int, count: int, offset: int, result: int) -> None:
        memory.put_u32(result, self._gather(memory, fd, vectors, count, offset))

    def _gather(self, memory: GuestMemory, fd: int, vectors: int, count: int, offset: int | None) -> int:
        data = b"".join(memory.get(pointer, size) for pointer, size in memory.vectors(vectors, count))
        entry = self._files.get(fd)
        if entry.stream:
            {1: self.stdout, 2: self.stderr}[entry.stream].write(data, self.quota)
        else:
            self._files.write(entry, data, offset)
        return len(data)

    def fd_readdir(self, memory: GuestMemory, fd: int, buffer: int, size: int, cookie: int, result: int) -> None:
        listing = self._files.listing(self._files.get(fd), cookie, size)
        memory.put(buffer, listing[:size])
        memory.put_u32(result, min(size, len(listing)))

    # --- paths ---------------------------------------------------------------------------------------------------

    def path_open(
        self,
        memory: GuestMemory,
        fd: int,
        lookup: int,
        path: int,
        size: int,
        oflags: int,
        rights: int,
        inheriting: int,
        flags: int,
        result: int,
    ) -> None:
        memory.put_u32(result, self._files.open(fd, memory.text(path, size), oflags, rights, _known_flags(flags)))

    def path_filestat_get(self, memory: GuestMemory, fd: int, lookup: int, path: int, size: int, result: int) -> None:
        memory.put(result, self._files.stat_path(fd, memory.text(path, size)))

    def path_filestat_set_times(
        self,
        memory: GuestMemory,
        fd: int,
        lookup: int,
        path: int,
        size: int,
        atime: int,
        mtime: int,
        flags: int,
    ) -> None:
        self._files.stat_path(fd, memory.text(path, size))

    def path_create_directory(self, memory: GuestMemory, fd: int, path: int, size: int) -> None:
        self._files.make_directory(fd, memory.text(path, size))

    def path_remove_directory(self, memory: GuestMemory, fd: int, path: int, size: int) -> None:
        self._files.remove_directory(fd, memory.text(path, size))

    def path_unlink_file(self, memory: GuestMemory, fd: int, path: int, size: int) -> None:
        self._files.unlink(fd, memory.text(path, size))

    def path_rename(
        self, memory: GuestMemory, fd: int, path: int, size: int, new_fd: int, new_path: int, new_size: int
    ) -> None:
        self._files.rename(fd, memory.text(path, size), new_fd, memory.text(new_path, new_size))

    def path_link(self, memory: GuestMemory, *_: int) -> None:
        raise WasiError(Errno.NOTSUP)

    path_symlink = path_link
    sock_accept = sock_recv = sock_send = sock_shutdown = path_link

    def path_readlink(self, memory: GuestMemory, *_: int) -> None:
        raise WasiError(Errno.INVAL)
