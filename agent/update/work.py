"""Looking for a release and preparing it: what `hive provider update` and the daemon's helper process do."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.lock import hold_folder
from agent.update.install import install
from agent.update.installation import Installation
from agent.update.release import Release, installed_version, is_newer
from agent.update.seen import load_seen
from agent.update.source import FILE_SECONDS, Pin, Source
from marketplace.errors import ConflictError


@dataclass(frozen=True, slots=True)
class Found:
    """The release that is offered. Times are unix seconds."""

    version: str
    published_at: int
    verified_at: int
    valid_until: int
    is_newer: bool
    """Than the one that asks."""
    is_ready: bool = False
    """Installed beside it and tried."""
    aside: str = ""
    """Why it is not to be used, where it was tried before and failed."""

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {
            "version": self.version, "publishedAt": self.published_at, "verifiedAt": self.verified_at,
            "validUntil": self.valid_until, "isNewer": self.is_newer, "isReady": self.is_ready, "aside": self.aside,
        }  # fmt: skip


def look(pin: Pin, data: Path, installation: Installation | None, now: Callable[[], float] = time.time) -> Found:
    """What is offered; nothing is installed. Raises as `Source.newest`; ConflictError where another one is at it."""
    with _opened(pin, data, now) as source:
        return _found(source.newest(), data, installation)


def prepare(
    pin: Pin,
    data: Path,
    installation: Installation,
    *,
    again: bool = False,
    now: Callable[[], float] = time.time,
    seconds: float = FILE_SECONDS,
) -> Found:
    """Fetch what is offered, install it beside what runs, try it; nothing is switched. Only a newer version is taken.

    `again`: even one that was set aside. Raises as `look`, and AgentError, UpdateRejected as `install`.
    """
    with _opened(pin, data, now, seconds) as source:
        release = source.newest()
        found = _found(release, data, installation)
        if again:
            installation.take_back(release.version)
        elif found.aside:
            return found
        if found.is_newer and not found.is_ready:
            installation.sweep()
            install(installation, release, *source.fetch(release))
            installation.sweep()  # what it takes the place of
            shutil.rmtree(data / "update" / "downloads", ignore_errors=True)
        return _found(release, data, installation)


def adopt(pin: Pin, data: Path, root: Path, now: Callable[[], float] = time.time) -> Found:
    """Make an installation in `root` that can replace itself, of the release that is offered now.

    Raises ConflictError where something else is in `root`, and as `prepare`.
    """
    with _opened(pin, data, now) as source:
        release = source.newest()
        installation = Installation.make(root)
        install(installation, release, *source.fetch(release))
        installation.switch_to(release.version, is_on_trial=False)
        return _found(release, data, installation)


def _found(release: Release, data: Path, installation: Installation | None) -> Found:
    seen = load_seen(data / "update")
    current = installation.current if installation else installed_version()
    return Found(
        version=release.version,
        published_at=release.published_at,
        verified_at=seen.verified_at,
        valid_until=seen.valid_until,
        is_newer=is_newer(release.version, current),
        is_ready=installation is not None and installation.is_ready(release.version),
        aside=installation.why_aside(release.version) if installation else "",
    )


@contextmanager
def _opened(pin: Pin, data: Path, now: Callable[[], float], seconds: float = FILE_SECONDS) -> Iterator[Source]:
    folder = data / "update"
    with hold_folder(folder, "update"):
        source = Source(pin, folder, now, seconds)
        try:
            yield source
        finally:
            source.close()


def previous_of(installation: Installation) -> str:
    """The version to go back to. Raises ConflictError where there is none."""
    if not installation.previous:
        raise ConflictError(
            f"{installation.root} has no version to go back to: {installation.current} is its only one."
        )
    return installation.previous
