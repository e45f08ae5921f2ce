"""Images that stay in the engine between jobs, up to a quota; those that were used longest ago go first."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock

import structlog

from agent.containers.engine import Engine
from agent.containers.images import read_image

log = structlog.get_logger("containers")
_MB = 10**6


class ImageCache:
    """Which archive became which image. What the file does not tell of, such as the provider's own images, stays."""

    def __init__(self, engine: Engine, path: Path, quota_mb: int, now: Callable[[], float] = time.time) -> None:
        self._engine, self._path, self._quota, self._now = engine, path, quota_mb * _MB, now
        self._lock = Lock()
        self._known: dict[str, dict] = _read(path)

    def get(self, digest: str, fetch: Callable[[str], bytes]) -> str:
        """The id of the image in the archive `digest`, in the engine by now.

        Raises InvalidModule, TooLarge, and what `fetch` raises.
        """
        with self._lock:
            known = self._known.get(digest)
        if known is None or not self._engine.has_image(known["image"]):
            image = read_image(fetch(digest))
            known = {"image": self._engine.load(image.archive), "bytes": image.unpacked_bytes}
        with self._lock:
            self._known[digest] = known | {"used": self._now()}
            self._prune(keep=digest)
            self._write()
        return known["image"]

    def _prune(self, keep: str) -> None:
        for digest, entry in sorted(self._known.items(), key=lambda item: item[1]["used"]):
            if sum(one["bytes"] for one in self._known.values()) <= self._quota:
                return
            if digest != keep and self._engine.drop_image(entry["image"]):
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
