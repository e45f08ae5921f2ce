"""A folder that answers requests for quotes as the kernel's configfs-tsm does, as far as named pipes can.

What it cannot show: that the kernel makes the files by itself when a folder is made (a test's `make_folder` does), and
that it removes them with it.
"""

import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread

from agent.tee import KernelReports


class PlayedKernel:
    """Answers every request with `sign(report_data)`. `asked` holds what was written."""

    def __init__(
        self, folder: Path, sign: Callable[[bytes], bytes], *, provider: str = "tdx_guest", writes: int = 1
    ) -> None:
        self.folder, self.asked = folder, []
        self._sign, self._provider, self._writes = sign, provider, writes
        folder.mkdir()

    @property
    def reports(self) -> KernelReports:
        return KernelReports(self.folder, self._make_request)

    def _make_request(self, request: Path) -> None:
        request.mkdir()
        (request / "provider").write_text(f"{self._provider}\n")
        (request / "generation").write_text("0\n")
        for name in ("inblob", "outblob"):
            os.mkfifo(request / name)
        Thread(target=self._answer, args=(request,), daemon=True).start()

    def _answer(self, request: Path) -> None:
        """Each end of a pipe waits for the other, so the order is always write, count, read."""
        self.asked.append((request / "inblob").read_bytes())
        (request / "generation").write_text(f"{self._writes}\n")
        (request / "outblob").write_bytes(self._sign(self.asked[-1]))
