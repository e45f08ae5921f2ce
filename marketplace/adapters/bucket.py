"""`ports.Blobs` in a bucket that speaks S3: one object a blob, named as in a folder.

An upload waits in a file of this machine until its digest is checked, and is then sent whole, or in parts that S3 shows
only once all are there. Who may read and write the bucket, and where it is, is said as to any program: `AWS_REGION`,
`AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID` and so on.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import structlog

from marketplace.adapters.blob_files import PIECE_BYTES, RESERVED_BYTES, Incoming, Room, open_outgoing
from marketplace.adapters.blobs import remove_abandoned
from marketplace.domain.blobs import StoredBlob, digest_at, path_of
from marketplace.errors import NotFound, ServiceUnavailable, SettingsError

REQUEST_SECONDS = 30
"""How long one request may take; a part of an upload is one."""
RETRY_SECONDS = 20
"""How long a request that fails is tried again, at most `RETRIES` times."""
RETRIES = 3
FRESH_SECONDS = 3_600
"""A blob that was stored within is not sent again for its age: retention counts in days."""
SETTING = "COMPUTEHIVE_MARKET_BLOBS_URL"
_REFUSALS = {
    "404 Not Found": "names no bucket that exists; create it first",
    "403 Forbidden": "is not to be listed with these AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
}
_log = structlog.get_logger("computehive.blobs")


class BucketUpload:
    """A blob that is being received, in a file of this machine."""

    def __init__(self, blobs: "BucketBlobs", digest: str, file: BinaryIO, incoming: Incoming) -> None:
        self._blobs, self._digest, self._file, self._incoming = blobs, digest, file, incoming

    def write(self, data: bytes) -> None:
        """The next bytes. Raises TooLarge."""
        self._incoming.write(data)

    def finish(self) -> bool:
        """Send what came; True if it was new. Raises DigestMismatch, StorageFull, ServiceUnavailable."""
        self._incoming.require_whole()
        self._file.seek(0)
        return self._blobs.store(self._digest, self._incoming.size, self._file)


class BucketBlobs:
    """Blobs under `url`, `s3://BUCKET/PREFIX`, each at most `limit` bytes. Safe to share between threads, processes.

    Raises SettingsError for another kind of address, without the library, or where there is no such bucket;
    ServiceUnavailable where it does not answer.
    """

    def __init__(self, url: str, staging: Path, limit: int, *, total: int = 0, reserved: int = RESERVED_BYTES) -> None:
        self._store, self._staging, self._limit = _connect(url), staging, limit
        self._room = Room(staging, reserved, total, lambda: sum(one.size for one in self.all()))
        staging.mkdir(parents=True, exist_ok=True)
        remove_abandoned(staging, "partial-*")
        _require_bucket(self._store, url)

    @contextmanager
    def receive(self, digest: str) -> Iterator[BucketUpload]:
        """Take a blob in pieces; without `finish` nothing of it stays. Raises StorageFull on a full disk."""
        path_of(digest)
        self._room.require_disk()
        with tempfile.NamedTemporaryFile(dir=self._staging, prefix="partial-") as file:
            yield BucketUpload(self, digest, file, Incoming(digest, self._limit, file))

    def store(self, digest: str, size: int, file: BinaryIO) -> bool:
        """Send a whole blob; False if it was there. Raises StorageFull, ServiceUnavailable.

        One that was there for a while is sent over itself: somebody wants it, so it counts as new. No server can be
        asked for that alone: S3 refuses to copy an object onto itself unchanged, and others differ in what they take.
        """
        import obstore

        age = self._age(digest)
        if age is not None and age < FRESH_SECONDS:
            return False
        if age is None:
            self._room.take(size)
        with _translated():
            obstore.put(self._store, path_of(digest), file)
        return age is None

    def put(self, digest: str, data: bytes) -> bool:
        """Store; True if it was new. Raises DigestMismatch, TooLarge, StorageFull, ServiceUnavailable."""
        with self.receive(digest) as upload:
            upload.write(data)
            return upload.finish()

    def get(self, digest: str) -> bytes:
        """Raises NotFound, ServiceUnavailable where it is damaged too."""
        with self.open(digest) as file:
            return file.read()

    def open(self, digest: str) -> BinaryIO:
        """For reading; a read raises ServiceUnavailable where the blob is damaged. Raises NotFound."""

        def read_from(place: int) -> Iterator[bytes]:
            import obstore

            with _translated(digest):
                found = obstore.get(self._store, path_of(digest), options={"range": {"offset": place}})
                for piece in found.stream(min_chunk_size=PIECE_BYTES):
                    yield bytes(piece)

        return open_outgoing(digest, self.size(digest), read_from)

    def has(self, digest: str) -> bool:
        """Raises ServiceUnavailable."""
        try:
            self.size(digest)
        except NotFound:
            return False
        return True

    def size(self, digest: str) -> int:
        """Bytes. Raises NotFound, ServiceUnavailable."""
        return self._head(digest)["size"]

    def all(self) -> Iterator[StoredBlob]:
        """Every blob, in no order, a page at a time. Raises ServiceUnavailable."""
        import obstore

        with _translated():
            for page in obstore.list(self._store):
                for found in page:
                    if digest := digest_at(found["path"]):
                        yield StoredBlob(digest, found["size"], int(found["last_modified"].timestamp()))

    def delete(self, digest: str) -> bool:
        """Forget a blob; True if it was here. Raises ServiceUnavailable."""
        import obstore

        if not self.has(digest):
            return False
        with _translated():
            obstore.delete(self._store, path_of(digest))
        return True

    def _age(self, digest: str) -> float | None:
        """Seconds since the blob was stored, by this machine's clock and the bucket's; None where there is none."""
        try:
            return time.time() - self._head(digest)["last_modified"].timestamp()
        except NotFound:
            return None

    def _head(self, digest: str) -> dict[str, Any]:
        import obstore

        with _translated(digest):
            return obstore.head(self._store, path_of(digest))


def _connect(url: str):
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment or "@" in parts.netloc:
        raise SettingsError(
            f"{SETTING}: expected s3://BUCKET or s3://BUCKET/PREFIX.",
            hint="Who may use it, and where it is, is said by AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL.",
        )
    try:
        from obstore.exceptions import BaseError
        from obstore.store import S3Store
    except ImportError as error:
        raise SettingsError(f"{SETTING} needs a library that is missing.", hint="Install computehive[s3].") from error
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    try:
        return S3Store(
            parts.netloc,
            prefix=parts.path.strip("/") or None,
            **({"endpoint": endpoint} if endpoint else {}),
            client_options={"timeout": f"{REQUEST_SECONDS}s", "allow_http": endpoint.startswith("http://")},
            retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_SECONDS)},
        )
    except (BaseError, ValueError) as error:
        raise SettingsError(f"{SETTING}: {_first_line(error)}.") from error


def _require_bucket(store, url: str) -> None:
    """Raises SettingsError where there is none, or where it is not ours to list; ServiceUnavailable."""
    import obstore
    from obstore.exceptions import BaseError

    with _translated():
        try:
            next(iter(obstore.list(store, chunk_size=1)), None)
        except (BaseError, FileNotFoundError) as error:
            for status, problem in _REFUSALS.items():
                if status in _first_line(error):
                    raise SettingsError(f"{SETTING}: {url} {problem}.") from error
            raise


@contextmanager
def _translated(digest: str = "bucket") -> Iterator[None]:
    """What the bucket's errors mean: it has no such object, or is away. Why goes to the log: it may name accounts."""
    from obstore.exceptions import BaseError

    try:
        yield
    except FileNotFoundError as error:
        raise NotFound("blob", digest) from error
    except (BaseError, OSError) as error:
        _log.warning("blobs away", detail=_first_line(error))
        raise ServiceUnavailable("The market's store of blobs does not answer.", hint="Try again.") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
