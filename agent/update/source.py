"""A repository of releases as The Update Framework has it, and what of it may be believed.

Layout under its address: `metadata/` (root, timestamp, snapshot, targets) and `targets/` (the files). Imports
python-tuf, and is imported only where a repository is asked (`agent.update.work`).
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tuf.api.exceptions import (
    DownloadError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    RepositoryError,
)
from tuf.api.metadata import Metadata, TargetFile
from tuf.ngclient import Updater, UpdaterConfig

from agent.update.fetcher import FILE_SECONDS, BoundedFetcher
from agent.update.release import MANIFEST, MAX_MANIFEST_BYTES, Release, ReleaseFile, is_newer
from agent.update.seen import Seen, load_seen, record_seen
from marketplace.errors import MarketError, ServiceUnavailable, SettingsError, UpdateRejected

ROLES = ("root", "timestamp", "snapshot", "targets")
CLOCK_SLACK_SECONDS = 86_400
_LIMITS = UpdaterConfig(
    max_root_rotations=64,
    max_delegations=1,
    root_max_length=256_000,
    timestamp_max_length=16_384,
    snapshot_max_length=256_000,
    targets_max_length=1_000_000,
)
"""Bytes of each kind of metadata that are read at most."""


@dataclass(frozen=True, slots=True)
class Pin:
    """What the owner of this machine trusts: a root's file, and where releases are fetched from."""

    root: Path
    url: str


class Source:
    """One look at a repository. `folder` keeps what was verified, so that nothing older is believed again."""

    def __init__(
        self, pin: Pin, folder: Path, now: Callable[[], float] = time.time, seconds: float = FILE_SECONDS
    ) -> None:
        """`seconds` bounds each file. Raises SettingsError where the pinned root cannot be read."""
        self._pin, self._folder, self._now = pin, folder, now
        self._fetcher = BoundedFetcher(seconds)
        try:
            root = pin.root.read_bytes()
        except OSError as error:
            raise SettingsError(
                f"COMPUTEHIVE_AGENT_UPDATE_ROOT: {pin.root} cannot be read: {error.strerror or error}.",
                hint="It is the root.json of who makes the releases, had from them by a way that you trust.",
            ) from error
        self._metadata = folder / "metadata" / hashlib.sha256(root).hexdigest()[:16]  # another pin begins anew
        self._metadata.mkdir(parents=True, exist_ok=True)
        self._seen = load_seen(folder)
        with self._judged():
            self._updater = Updater(
                str(self._metadata), f"{pin.url.rstrip('/')}/metadata/",
                str(folder / "downloads"), f"{pin.url.rstrip('/')}/targets/",
                fetcher=self._fetcher, config=_LIMITS, bootstrap=root,
            )  # fmt: skip

    def close(self) -> None:
        """Let go of the connections."""
        self._fetcher.close()

    def newest(self) -> Release:
        """The release that is offered now, verified.

        Raises UpdateRejected where signatures, times or versions are not as they must be; ServiceUnavailable where
        the repository does not answer. Either is remembered.
        """
        with self._judged():
            self._require_honest_clock()
            self._updater.refresh()
            target = self._target(MANIFEST, MAX_MANIFEST_BYTES)
            release = Release.parse(Path(self._updater.download_target(target)).read_bytes())
            if not is_newer(release.version, self._seen.highest) and release.version != self._seen.highest:
                raise UpdateRejected(
                    f"Version {release.version} is offered after {self._seen.highest} was: versions only go up.",
                    hint="Whoever holds the signing keys offers an old release again; ask them why.",
                )
            valid_until = min(self._expiry(role) for role in ROLES)
        verified_at = max(self._seen.verified_at, int(self._now()))  # else each look could be a day before the last
        self._remember(Seen(release.version, verified_at, valid_until))
        return release

    def fetch(self, release: Release) -> tuple[Path, Path]:
        """Its wheel and its lock, verified. Raises as `newest`."""
        with self._judged():
            return self._download(release.wheel), self._download(release.lock)

    def _download(self, file: ReleaseFile) -> Path:
        target = self._target(file.name, file.length)
        if target.length != file.length or target.hashes.get("sha256") != file.sha256:
            raise UpdateRejected(f"{file.name}: {MANIFEST} and the signed list of files name different bytes.")
        return Path(self._updater.find_cached_target(target) or self._updater.download_target(target))

    def _target(self, name: str, most: int) -> TargetFile:
        target = self._updater.get_targetinfo(name)
        if target is None:
            raise UpdateRejected(f"{name}: is not among the files that are signed.")
        if target.length > most:
            raise UpdateRejected(f"{name}: {target.length} bytes are signed, at most {most} are taken.")
        return target

    def _expiry(self, role: str) -> int:
        signed = Metadata.from_file(str(self._metadata / f"{role}.json")).signed
        return int(signed.expires.timestamp())

    def _require_honest_clock(self) -> None:
        """What has lapsed is told by the clock: one that goes back would make an old release young again."""
        behind = self._seen.verified_at - self._now()
        if behind > CLOCK_SLACK_SECONDS:
            raise UpdateRejected(
                f"This machine's clock is {behind / 86_400:.0f} days behind the last look at releases.",
                hint="Set the clock (NTP). If it was wrong then, delete seen.json in the update folder.",
            )

    @contextmanager
    def _judged(self) -> Iterator[None]:
        """Errors of the framework as ours, and remembered."""
        try:
            try:
                yield
            except ExpiredMetadataError as error:
                raise UpdateRejected(
                    f"{self._pin.url} offers what has lapsed: {error}.",
                    hint="Nobody signs any more, somebody keeps newer releases from you, or the clock is wrong.",
                ) from error
            except (RepositoryError, DownloadLengthMismatchError) as error:
                raise UpdateRejected(
                    f"{self._pin.url} offers nothing that the pinned root vouches for: {error}.",
                    hint="Nothing was installed. If it stays so, ask who makes the releases.",
                ) from error
            except (DownloadError, OSError) as error:
                raise ServiceUnavailable(f"No release could be fetched: {error}.") from error
        except MarketError as error:
            self._remember(replace(self._seen, refused_at=int(self._now()), refusal=error.message))
            raise

    def _remember(self, seen: Seen) -> None:
        record_seen(self._folder, seen)
        self._seen = seen
