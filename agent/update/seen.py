"""What this machine has seen of releases, in its data folder: versions only go up from there."""

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from marketplace.errors import AgentError

FILE_NAME = "seen.json"


@dataclass(frozen=True, slots=True)
class Seen:
    """Times are unix seconds; 0 and empty: never, none."""

    highest: str = ""
    """The highest version that was ever signed for us."""
    verified_at: int = 0
    """When signatures were verified last, all of them; never goes back, whatever the clock does."""
    valid_until: int = 0
    """When what was verified then lapses."""
    refused_at: int = 0
    refusal: str = ""
    """What was wrong at the last look; empty where all was well."""


def load_seen(folder: Path) -> Seen:
    """What was seen; nothing, where nothing was yet. Raises AgentError for a file that is none of ours.

    A damaged file is not taken for an empty one: that would forget the highest version.
    """
    path = folder / FILE_NAME
    try:
        document = json.loads(path.read_text())
        kinds = {field.name: type(field.default) for field in fields(Seen)}
        if document.keys() != kinds.keys() or any(type(document[name]) is not kinds[name] for name in kinds):
            raise ValueError("other fields than expected")
        return Seen(**document)
    except FileNotFoundError:
        return Seen()
    except (OSError, ValueError, AttributeError) as error:
        raise AgentError(
            f"{path} cannot be read: {error}.", hint="Delete it to begin anew; the highest version seen is forgotten."
        ) from error


def record_seen(folder: Path, seen: Seen) -> None:
    """Keep it, whole or not at all. Raises AgentError where `folder` cannot be written."""
    write_whole(folder / FILE_NAME, json.dumps(asdict(seen), indent=2) + "\n")


def write_whole(path: Path, text: str) -> None:
    """A file that is there as a whole or not at all, whenever the power goes. Raises AgentError."""
    partial = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise AgentError(f"{path} cannot be written: {error.strerror or error}.") from error


def sync_folder(folder: Path) -> None:
    """What was renamed in `folder` stays so."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
