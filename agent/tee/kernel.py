"""Quotes from the Linux kernel of a confidential guest, by configfs-tsm (Linux 6.7, `ABI/testing/configfs-tsm-report`).

A folder made under `report/` is a request: write 64 bytes to `inblob`, read the quote from `outblob`. `generation`
counts the writes, so that a quote over another writer's bytes is noticed.
"""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from marketplace.errors import AgentError, UnsupportedTee

REPORTS_FOLDER = Path("/sys/kernel/config/tsm/report")
PROVIDERS = {"tdx_guest": "tdx", "sev_guest": "sev-snp", "arm_cca_guest": "arm-cca"}
"""Technology by the kernel's name for the driver that answers."""
SUPPORTED = ("tdx",)
MAX_QUOTE_BYTES = 32_768


class KernelReports:
    """Requests to the kernel. `make_folder` is replaced by tests: plain folders are not born with files in them."""

    def __init__(self, folder: Path = REPORTS_FOLDER, make_folder: Callable[[Path], None] = Path.mkdir) -> None:
        self._folder, self._make_folder = folder, make_folder

    def require_interface(self) -> None:
        """Raises AgentError where the kernel takes no requests; whose quotes it gives shows only an answer."""
        if not self._folder.is_dir():
            raise AgentError(
                f"This machine makes no quotes: {self._folder} is not there.",
                hint="Attested jobs need a TDX guest with Linux 6.7 or newer, and configfs mounted.",
            )

    def quote(self, report_data: bytes) -> bytes:
        """A quote over 64 bytes. Raises AgentError where the kernel refuses, UnsupportedTee for another technology."""
        self.require_interface()
        request = self._folder / f"hive-{os.getpid()}-{secrets.token_hex(4)}"
        try:
            self._make_folder(request)
            return _request(request, report_data)
        except OSError as error:
            raise AgentError(
                f"The kernel gave no quote ({error.strerror or error}).",
                hint=f"Check that this user may write to {self._folder}, and that the host's quoting service runs.",
            ) from error
        finally:
            with suppress(OSError):  # the quote is here, or the reason why not; an empty request harms nobody
                request.rmdir()


def _request(request: Path, report_data: bytes) -> bytes:
    technology = PROVIDERS.get(driver := (request / "provider").read_text().strip(), driver)
    if technology not in SUPPORTED:
        raise UnsupportedTee(technology, hint="Of guests' quotes only those of Intel TDX are.")
    before = int((request / "generation").read_text())
    (request / "inblob").write_bytes(report_data)
    with (request / "outblob").open("rb") as file:
        quote = file.read(MAX_QUOTE_BYTES + 1)
    if int((request / "generation").read_text()) != before + 1:
        raise AgentError("Another process wrote to this request for a quote.", hint="It is tried again with the next.")
    if not quote or len(quote) > MAX_QUOTE_BYTES:
        raise AgentError(f"The kernel gave {len(quote)} bytes; expected a quote of at most {MAX_QUOTE_BYTES}.")
    return quote
