"""A backup of a market: a folder with a copy of its SQLite database, its blobs, and a manifest of digests.

    manifest.json   written last: without it there is no backup
    market.db       a whole SQLite file
    blobs/ab/cd…    as in the market's own folder

Blobs are copied after the database: each that it names was stored before it was named. They never change, so a backup
on the same disk shares them by hard links.
"""

import hashlib
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from marketplace.adapters.store.copy import copy_database
from marketplace.domain.chain import BlockRef
from marketplace.errors import ConflictError, InputError, ServiceUnavailable

FORMAT = 1
DATABASE, BLOBS, MANIFEST = "market.db", "blobs", "manifest.json"
DIGEST = re.compile("0x[0-9a-f]{64}")
PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose orders and leases these are: a market is one operator's on one Escrow."""

    chain_id: int
    escrow: str
    market: str


@dataclass(frozen=True, slots=True)
class Backup:
    """What a manifest says."""

    identity: Identity
    taken_at: int
    """Unix seconds."""
    revision: str
    """Of the database."""
    followed: BlockRef | None
    """The last block of the chain that the database knows."""
    database_digest: str
    blobs: dict[str, int]
    """Bytes by digest; empty where they are in a bucket."""
    bucket: str | None = None
    """Where the market's blobs stayed: none of them is in the backup."""

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Raises InputError where the folder holds no backup, or one of another format."""
        try:
            found = json.loads((folder / MANIFEST).read_text())
            if found.pop("format") != FORMAT:
                raise InputError(f"{folder} is a backup of another format.", hint="Take the program that made it.")
            followed = found.pop("followed")
            identity = Identity(**found.pop("identity"))
            backup = cls(identity=identity, followed=BlockRef(**followed) if followed else None, **found)
            if not all(map(DIGEST.fullmatch, [backup.database_digest, *backup.blobs])):
                raise ValueError("not digests")  # of which the names of files are made
            return backup
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(
                f"{folder} holds no whole backup: {MANIFEST} is missing or not one.",
                hint="Name a folder that `hive market backup` has made.",
            ) from error


def take_backup(data: Path, target: Path, identity: Identity, now: int, bucket: str | None = None) -> Backup:
    """Copy the market of the folder `data`, which may be at work, into the new folder `target`.

    Blobs of a market that has them in a bucket stay there, and the backup says so. `target` appears whole or not at
    all. Raises ConflictError where it exists, ServiceUnavailable where the disk does not take it; NotFound, InputError,
    ConflictError, ServiceUnavailable as `copy_database`.
    """
    if target.exists():
        raise ConflictError(f"{target} exists already.", hint="Name a new folder for each backup.")
    unfinished = target.with_name(target.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True, mode=0o700)
        copied = copy_database(data / DATABASE, unfinished / DATABASE)
        found = [] if bucket else _blobs(data)
        blobs = {digest: _share(path, unfinished / path.relative_to(data)) for digest, path in found}
        digest = _digest(unfinished / DATABASE)
        backup = Backup(identity, now, copied.revision, copied.followed, digest, blobs, bucket)
        _write(unfinished / MANIFEST, json.dumps(backup.to_json(), indent=1).encode())
        os.replace(unfinished, target)
        _sync(target.parent)
        return backup
    except OSError as error:
        raise ServiceUnavailable(f"{target} cannot be written: {error.strerror}.") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def unpack_backup(folder: Path, target: Path, identity: Identity) -> Backup:
    """Copy a backup into the empty folder `target` as a market's, every byte held against its digest.

    Raises InputError for what is no whole backup, ConflictError for another market's, ServiceUnavailable where the disk
    does not take it.
    """
    backup = Backup.load(folder)
    if backup.identity != identity:
        raise ConflictError(
            f"The backup is of the market {backup.identity.market} on {backup.identity.escrow} of chain "
            f"{backup.identity.chain_id}, not of {identity.market} on {identity.escrow} of chain {identity.chain_id}.",
            hint="Set COMPUTEHIVE_MARKET_OPERATOR_KEYSTORE and …_ADDRESS_BOOK to those of the market it was taken of.",
        )
    _copy(folder / DATABASE, target / DATABASE, backup.database_digest)
    for digest in backup.blobs:
        place = Path(BLOBS) / digest[2:4] / digest[4:]
        _copy(folder / place, target / place, digest)
    return backup


def put_in_place(staged: Path, data: Path) -> None:
    """Make what was unpacked the market of the folder `data`; the database comes last, blobs that are there stay."""
    for digest, path in list(_blobs(staged)):
        place = data / BLOBS / digest[2:4] / digest[4:]
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, place)
        _sync(place.parent)
    with closing(sqlite3.connect(staged / DATABASE)) as database:
        database.execute("PRAGMA journal_mode = DELETE")  # all of it is in the one file that is moved
    os.replace(staged / DATABASE, data / DATABASE)
    _sync(data)
    shutil.rmtree(staged)


def _blobs(data: Path) -> Iterator[tuple[str, Path]]:
    """Whole ones, by digest."""
    for path in sorted((data / BLOBS).glob("??/*")):
        if not path.name.startswith("."):  # an upload under way
            yield f"0x{path.parent.name}{path.name}", path


def _share(source: Path, target: Path) -> int:
    """A second name for the file, or a copy where the disk is another; its bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    return target.stat().st_size


def _copy(source: Path, target: Path, digest: str) -> None:
    """Raises InputError where the bytes are missing or others."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        actual = hashlib.sha256()
        with source.open("rb") as reading, target.open("wb") as writing:
            while piece := reading.read(PIECE):
                actual.update(piece)
                writing.write(piece)
            writing.flush()
            os.fsync(writing.fileno())
    except FileNotFoundError as error:
        raise InputError(f"The backup lacks {source}.", hint="Take another backup.") from error
    except OSError as error:
        raise ServiceUnavailable(f"{target} cannot be written: {error.strerror}.") from error
    if (found := "0x" + actual.hexdigest()) != digest:
        raise InputError(f"{source} hashes to {found}, not to {digest}.", hint="It is damaged: take another backup.")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return "0x" + hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
