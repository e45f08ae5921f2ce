"""A program's linear memory as its system calls see it: every address checked, every size bounded."""

import struct

import wasmtime

from agent.sandbox.errno import Errno, WasiError

MASK32, MASK64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
MAX_VECTORS = 1024
_MAX_PATH_BYTES = 4096


class GuestMemory:
    """Checked access to the program's linear memory during one call."""

    __slots__ = ("_caller", "_memory", "_size")

    def __init__(self, caller: wasmtime.Caller) -> None:
        self._caller = caller
        self._memory = caller["memory"]
        self._size = self._memory.data_len(caller)

    def check(self, pointer: int, size: int) -> None:
        """Raises WasiError(FAULT) unless the range lies inside the memory."""
        if pointer + size > self._size:
            raise WasiError(Errno.FAULT)

    def get(self, pointer: int, size: int) -> bytes:
        self.check(pointer, size)
        return bytes(self._memory.read(self._caller, pointer, pointer + size)) if size else b""

    def put(self, pointer: int, data: bytes) -> None:
        self.check(pointer, len(data))
        if data:
            self._memory.write(self._caller, data, pointer)

    def put_u32(self, pointer: int, value: int) -> None:
        self.put(pointer, struct.pack("<I", value & MASK32))

    def put_u64(self, pointer: int, value: int) -> None:
        self.put(pointer, struct.pack("<Q", value & MASK64))

    def text(self, pointer: int, size: int) -> str:
        """A path. Raises WasiError(ILSEQ) unless it is UTF-8, INVAL with a NUL, NAMETOOLONG above 4 KiB."""
        if size > _MAX_PATH_BYTES:
            raise WasiError(Errno.NAMETOOLONG)
        try:
            path = self.get(pointer, size).decode()
        except UnicodeDecodeError as error:
            raise WasiError(Errno.ILSEQ) from error
        if "\x00" in path:
            raise WasiError(Errno.INVAL)
        return path

    def vectors(self, pointer: int, count: int) -> list[tuple[int, int]]:
        """(pointer, size) of each buffer of a scatter/gather list.

        Raises WasiError(INVAL) for one that adds up to more than the whole memory: its buffers overlap, so that one
        cheap call would make the host copy a thousand times the memory.
        """
        if count > MAX_VECTORS:
            raise WasiError(Errno.INVAL)
        flat = struct.unpack(f"<{2 * count}I", self.get(pointer, 8 * count))
        if sum(flat[1::2]) > self._size:
            raise WasiError(Errno.INVAL)
        return list(zip(flat[::2], flat[1::2], strict=True))

    def put_sizes(self, items: list[bytes], count: int, size: int) -> None:
        self.put_u32(count, len(items))
        self.put_u32(size, sum(map(len, items)))

    def put_strings(self, items: list[bytes], pointers: int, buffer: int) -> None:
        for index, item in enumerate(items):
            self.put_u32(pointers + 4 * index, buffer)
            self.put(buffer, item)
            buffer += len(item)
