"""A running container's standard output and error, kept as far as limits reach."""

import threading
from collections.abc import Iterable

from agent.sandbox.printed import Printed
from agent.sandbox.types import Limits


class LogPump:
    """Reads both streams in a thread of its own. `overflow` says which limit was passed, empty while none was.

    It reads on to the end and forgets the rest: an engine whose output nobody takes cannot even end a container.
    """

    def __init__(
        self,
        stream: Iterable[tuple[bytes | None, bytes | None]],
        limits: Limits,
        printed: Printed | None = None,
        before: tuple[bytes, bytes] = (b"", b""),
    ) -> None:
        """`before`: what both streams held when the program was frozen, which is gone on from."""
        self._stream, self._limits = stream, limits
        self._kept = {"standard output": bytearray(before[0]), "standard error": bytearray(before[1])}
        if printed is not None:
            printed.show(*self._kept.values())
        self.overflow = ""
        self._thread = threading.Thread(target=self._pump, name="container-log", daemon=True)
        self._thread.start()

    @property
    def stdout(self) -> bytes:
        """What was kept of standard output."""
        return bytes(self._kept["standard output"])

    @property
    def stderr(self) -> bytes:
        """What was kept of standard error."""
        return bytes(self._kept["standard error"])

    def finish(self, seconds: float) -> None:
        """Wait until the last byte of a container that has ended is here."""
        self._thread.join(seconds)

    def _pump(self) -> None:
        try:
            for out, err in self._stream:
                self._keep("standard output", out)
                self._keep("standard error", err)
        except Exception:  # the connection breaks with the engine, which whoever waits for the container sees as well
            return

    def _keep(self, name: str, chunk: bytes | None) -> None:
        if not chunk or self.overflow:
            return
        kept = self._kept[name]
        used = sum(map(len, self._kept.values()))
        room = max(0, min(self._limits.log_bytes - len(kept), self._limits.egress_bytes - used))
        kept += chunk[:room]
        if len(chunk) > room:
            self.overflow = f"{name} exceeds its limit after {len(kept)} bytes"
