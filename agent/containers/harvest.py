"""A job's files between memory and tar, the form in which the engine's API gives and takes them.

What comes out was written by a stranger: only plain files count, by paths that stay below the folder, as far as limits
reach. Links, devices and pipes are left where they are.
"""

import io
import tarfile
from collections.abc import Iterable, Mapping

from agent.containers.streams import file_of
from agent.sandbox.types import Limits
from agent.sandbox.vfs import MAX_FILE_BYTES

LONGEST_PATH = 1_000
"""Characters; longer ones have no place in a manifest."""


class OutputLimit(Exception):
    """More was written than was paid for."""


def pack(files: Mapping[str, bytes]) -> bytes:
    """A tar of these files that anybody may read and nobody may write."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in sorted({parent for path in files for parent in _parents(path)}):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o555
            archive.addfile(entry)
        for path, data in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), 0o444
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def unpack(chunks: Iterable[bytes], folder: str, limits: Limits, logged: int) -> dict[str, bytes]:
    """The plain files below `folder` in a tar, by relative path; of hard links the first name.

    `logged` bytes of the egress are used already. Raises OutputLimit.
    """
    outputs: dict[str, bytes] = {}
    left = limits.egress_bytes - logged
    with tarfile.open(fileobj=file_of(chunks), mode="r|") as archive:
        for entry in archive:
            path = entry.name.removeprefix("./").removeprefix(f"{folder}/")
            if not entry.isreg() or entry.issparse() or not _is_below(path):
                continue
            if entry.size > MAX_FILE_BYTES:
                raise OutputLimit(f"an output file of more than {MAX_FILE_BYTES} bytes, which no market takes")
            left -= entry.size
            if left < 0:
                raise OutputLimit(f"outputs and logs exceed the {limits.egress_bytes} bytes reserved")
            if len(outputs) >= limits.output_files:
                raise OutputLimit(f"more than {limits.output_files} output files")
            file = archive.extractfile(entry)
            assert file is not None, "plain files have contents"
            outputs[path] = file.read()
    return outputs


def _is_below(path: str) -> bool:
    if "\\" in path:
        return False  # no renter could save it under that name everywhere
    try:
        path.encode()
    except UnicodeEncodeError:
        return False  # a name that is no UTF-8 has no place in a manifest
    return (
        len(path) <= LONGEST_PATH
        and not path.startswith("/")
        and all(part not in ("", ".", "..") for part in path.split("/"))
    )
