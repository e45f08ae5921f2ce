"""Paths of files within a job's own folders, as job specifications name them."""

from typing import Annotated

from pydantic import AfterValidator, Field


def _relative_path(path: str) -> str:
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or "\x00" in path or any(part in ("", ".", "..") for part in parts):
        raise ValueError("expected a relative path without '.', '..', backslash or empty parts")
    return path


RelativePath = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_relative_path)]
"""Below a folder, with slashes between."""
