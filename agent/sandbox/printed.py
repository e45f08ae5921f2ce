"""What a running program has printed so far, for another thread than the program's to read."""

from marketplace.protocol.livelog import STDERR, STDOUT


class Printed:
    """The buffers that a sandbox fills, once it shows them: they only grow, so a reader needs no copy of its own.

    A program never waits for a reader. One of a sandbox that shows nothing prints nothing, as far as this tells.
    """

    def __init__(self) -> None:
        self._buffers: dict[int, bytearray] = {}

    def show(self, stdout: bytearray, stderr: bytearray) -> None:
        """Called by the sandbox, before the program begins."""
        self._buffers = {STDOUT: stdout, STDERR: stderr}

    def read(self, stream: int, offset: int, most: int) -> bytes:
        """At most so many bytes of a stream, from `offset` on; empty where there are none yet."""
        return bytes(self._buffers.get(stream, b"")[offset : offset + most])
