"""Images that stay in the engine between jobs, up to a quota; those that were used longest ago go first."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import structlog

from agent.containers.engine import Engine

log = structlog.get_logger("containers")
_MB = 10**6


@dataclass(frozen=True, slots=True)
class Loaded:
    """An image that has just come into the engine: its id, and the bytes of its layers unpacked."""

    image: str
    unpacked_bytes: int


class _Hold:
    """One image while jobs use it: how many, and whose turn it is to fetch it."""

    def __init__(self) -> None:
        self.users, self.turn = 0, Lock()


class ImageCache:
    """Which digest became which image. What the file does not tell of, such as the provider's own images, stays."""

    def __init__(self, engine: Engine, path: Path, quota_mb: int, now: Callable[[], float] = time.time) -> None:
        self._engine, self._path, self._quota, self._now = engine, path, quota_mb * _MB, now
        self._lock = Lock()
        self._known: dict[str, dict] = _read(path)
        self._holds: dict[str, _Hold] = {}

    @contextmanager
    def hold(self, digest: str, load: Callable[[], Loaded]) -> Iterator[str]:
        """The id of the image that `digest` names, which stays in the engine until the context ends.

        `load` brings it there, once for all jobs that want it at the same time. Raises what that raises.
        """
        with self._held(digest) as turn:
            with turn:
                image = self._find(digest) or self._load(digest, load)
            yield image

    @contextmanager
    def _held(self, digest: str) -> Iterator[Lock]:
        with self._lock:
            hold = self._holds.setdefault(digest, _Hold())
            hold.users += 1
        try:
            yield hold.turn
        finally:
            with self._lock:
                hold.users -= 1
                if not hold.users:
                    del self._holds[digest]

    def _find(self, digest: str) -> str:
        """Its image, where the engine still has it; else empty."""
        with self._lock:
            known = self._known.get(digest)
        if known is None or not self._engine.has_image(known["image"]):
            return ""
        self._note(digest, known)
        return known["image"]

    def _load(self, digest: str, load: Callable[[], Loaded]) -> str:
        loaded = load()
        self._note(digest, {"image": loaded.image, "bytes": loaded.unpacked_bytes})
        return loaded.image

    def _note(self, digest: str, known: dict) -> None:
        with self._lock:
            self._known[digest] = known | {"used": self._now()}
            self._prune()
            self._write()

    def _prune(self) -> None:
        """Down to the quota, but for what jobs hold: between being found and being run nothing else keeps an image."""
        held = {self._known[digest]["image"] for digest in self._holds if digest in self._known}
        for digest, entry in sorted(self._known.items(), key=lambda item: item[1]["used"]):
            if sum(one["bytes"] for one in self._known.values()) <= self._quota:
                return
            if entry["image"] not in held and self._engine.drop_image(entry["image"]):
                del self._known[digest]
                log.info("image dropped", image=entry["image"], mb=entry["bytes"] // _MB)

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps(self._known))
        partial.replace(self._path)


def _read(path: Path) -> dict[str, dict]:
    try:
        known = json.loads(path.read_text())
        return {digest: {key: entry[key] for key in ("image", "bytes", "used")} for digest, entry in known.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
