"""A repository of releases as its makers keep it.

    FOLDER/public/metadata, FOLDER/public/targets   what is served, as it stands
    FOLDER/staged/                                  what waits for signatures: served, a root that few have signed
                                                    would stop every client

What is published is first held against the root, as clients will do it.
"""

import hashlib
import os
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.parser import Parser
from pathlib import Path

from securesystemslib.signer import CryptoSigner, Key
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from agent.update.release import MANIFEST, Release, ReleaseFile, is_newer
from marketplace.errors import ConflictError, InputError, NotFound

STAGED_ROLES = ("root", "targets")
ROOT_DAYS, TARGETS_DAYS, ONLINE_DAYS = 365, 90, 7
"""How long signatures hold. The last is how long somebody can keep a release from a client without being noticed."""


@dataclass(frozen=True, slots=True)
class Holders:
    """Who may sign for a role, and how many of them it takes."""

    keys: Sequence[Key]
    threshold: int


class Repository:
    """One folder of the maker's. Times are unix seconds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.public, self._staged = folder / "public", folder / "staged"

    # --- offline: roots and releases, signed by k of n -------------------------------------------------------------

    def stage_root(self, holders: Mapping[str, Holders], now: float, days: int = ROOT_DAYS) -> None:
        """The first root, or one that replaces it: it then needs the signatures of both thresholds.

        `holders` by role: root, targets, snapshot, timestamp. Raises InputError for a threshold that cannot be met.
        """
        before = self._newest("root")
        root = Root(version=before.signed.version + 1 if before else 1, expires=_after(now, days))
        for role, who in holders.items():
            if not 1 <= who.threshold <= len({key.keyid for key in who.keys}):
                raise InputError(f"{role}: {who.threshold} of {len(who.keys)} keys cannot sign.")
            for key in who.keys:
                root.add_key(key, role)
            root.roles[role].threshold = who.threshold
        self._stage("root", Metadata(root))

    def stage_release(self, wheel: Path, lock: Path, now: float, days: int = TARGETS_DAYS) -> Release:
        """A release to be signed: the version is the wheel's own. Raises InputError, ConflictError for an older one."""
        version = version_in(wheel)
        before = self._newest("targets")
        if before and not is_newer(version, self._published_version(before.signed)):
            raise ConflictError(f"{version} is not newer than what is published: clients would refuse it.")
        shutil.rmtree(self._staged / "targets", ignore_errors=True)
        files = [self._add(f"computehive-{version}-py3-none-any.whl", wheel.read_bytes()),
                 self._add(f"requirements-{version}.lock", lock.read_bytes())]  # fmt: skip
        release = Release(version=version, published_at=int(now), wheel=_entry(files[0]), lock=_entry(files[1]))
        files.append(self._add(MANIFEST, (release.model_dump_json(by_alias=True, indent=2) + "\n").encode()))
        number = before.signed.version + 1 if before else 1
        targets = {file.path: file for file in files}
        self._stage("targets", Metadata(Targets(version=number, expires=_after(now, days), targets=targets)))
        return release

    def sign(self, role: str, signer: CryptoSigner) -> int:
        """Add one holder's signature to what is staged; how many more it takes. Raises NotFound, InputError."""
        path = self._staged / f"{role}.json"
        if not path.exists():
            raise NotFound("staged", role)
        metadata = Metadata.from_file(str(path))
        roots = self._roots_over(role, metadata)
        if not any(signer.public_key.keyid in root.roles[role].keyids for root in roots):
            raise InputError(f"This key may not sign {role}.", hint="The root names who may.")
        metadata.sign(signer, append=True)
        metadata.to_file(str(path))
        return max(self._missing(role, metadata, root) for root in roots)

    # --- online: what changes every week ---------------------------------------------------------------------------

    def publish(self, signer: CryptoSigner, now: float, days: int = ONLINE_DAYS) -> dict[str, int]:
        """Move what is staged and signed into place, then say so in a new snapshot and timestamp.

        Without anything staged it only says anew that nothing has changed; that is due before `days` are over. Returns
        for how many whole days more root and targets hold, which no online key can renew.
        Raises ConflictError, and changes nothing, where signatures are missing or have lapsed.
        """
        staged = {role: Metadata.from_file(str(path)) for role in STAGED_ROLES
                  if (path := self._staged / f"{role}.json").exists()}  # fmt: skip
        for role, metadata in staged.items():
            missing = max(self._missing(role, metadata, root) for root in self._roots_over(role, metadata))
            if missing:
                raise ConflictError(f"{role}: {missing} more signatures are needed.", hint="Have its holders sign.")
        root = (staged.get("root") or self._required("root")).signed
        targets = staged.get("targets") or self._required("targets")
        left = {role: _days_left(role, signed, now) for role, signed in (("root", root), ("targets", targets.signed))}
        if self._missing("targets", targets, root):
            raise ConflictError("targets: are not signed as the new root asks.", hint="Stage and sign a release too.")
        online = self._online(targets.signed.version, signer, root, now, days)
        self._move(staged)
        for name, metadata in online.items():
            self._write(self.public / "metadata" / name, metadata.to_bytes())
        return left

    def _online(
        self, targets_version: int, signer: CryptoSigner, root: Root, now: float, days: int
    ) -> dict[str, Metadata]:
        """Snapshot and timestamp, the latter last: it is what makes the others seen."""
        before = self._newest("snapshot")
        number = before.signed.version + 1 if before else 1
        listed = {"targets.json": MetaFile(targets_version)}
        snapshot = Metadata(Snapshot(version=number, expires=_after(now, days), meta=listed))
        snapshot.sign(signer)
        data = snapshot.to_bytes()
        meta = MetaFile(number, len(data), {"sha256": hashlib.sha256(data).hexdigest()})
        timestamp = Metadata(Timestamp(version=number, expires=_after(now, days), snapshot_meta=meta))
        timestamp.sign(signer)
        for role, metadata in (("snapshot", snapshot), ("timestamp", timestamp)):
            if self._missing(role, metadata, root):
                raise InputError(f"This key may not sign {role}.", hint="The root names who may.")
        return {f"{number}.snapshot.json": snapshot, "timestamp.json": timestamp}

    def _move(self, staged: Mapping[str, Metadata]) -> None:
        (self.public / "targets").mkdir(parents=True, exist_ok=True)
        for path in sorted(self._staged.glob("targets/*")) if "targets" in staged else ():
            path.replace(self.public / "targets" / path.name)
        for role, metadata in staged.items():
            self._write(self.public / "metadata" / f"{metadata.signed.version}.{role}.json", metadata.to_bytes())
            (self._staged / f"{role}.json").unlink()

    # --- what there is ---------------------------------------------------------------------------------------------

    def root_file(self) -> Path:
        """The first root: what clients pin. Raises NotFound before it is published."""
        path = self.public / "metadata" / "1.root.json"
        if not path.exists():
            raise NotFound("published root in", str(self._folder))
        return path

    def _newest(self, role: str) -> Metadata | None:
        found = (self.public / "metadata").glob(f"*.{role}.json")
        paths = sorted(found, key=lambda path: int(path.name.partition(".")[0]))
        return Metadata.from_file(str(paths[-1])) if paths else None

    def _required(self, role: str) -> Metadata:
        found = self._newest(role)
        if found is None:
            raise NotFound("published or staged", role)
        return found

    def _roots_over(self, role: str, metadata: Metadata) -> list[Root]:
        """The roots whose thresholds a document must meet: a new root's own, and that of the one it replaces."""
        published = self._newest("root")
        if role == "root":
            return [metadata.signed, *([published.signed] if published else [])]
        staged = self._staged / "root.json"
        return [Metadata.from_file(str(staged)).signed if staged.exists() else self._required("root").signed]

    def _missing(self, role: str, metadata: Metadata, root: Root) -> int:
        result = root.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
        return max(0, result.threshold - len(result.signed))

    def _published_version(self, targets: Targets) -> str:
        file = targets.targets[MANIFEST]
        path = self.public / "targets" / f"{file.hashes['sha256']}.{MANIFEST}"
        return Release.parse(path.read_bytes()).version

    def _add(self, name: str, data: bytes) -> TargetFile:
        file = TargetFile(len(data), {"sha256": hashlib.sha256(data).hexdigest()}, name)
        self._write(self._staged / "targets" / f"{file.hashes['sha256']}.{name}", data)
        return file

    def _stage(self, role: str, metadata: Metadata) -> None:
        self._write(self._staged / f"{role}.json", metadata.to_bytes())

    def _write(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.part")
        partial.write_bytes(data)
        os.replace(partial, path)


def version_in(wheel: Path) -> str:
    """The version that a wheel of this project has. Raises InputError for anything else."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
            fields = Parser().parsestr(archive.read(name).decode(), headersonly=True)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{wheel} is no wheel: {error}.", hint="`python -m hatchling build -t wheel`") from error
    if fields["Name"] != "computehive":
        raise InputError(f"{wheel} is a wheel of {fields['Name']}, not of computehive.")
    return str(fields["Version"])


def _entry(file: TargetFile) -> ReleaseFile:
    return ReleaseFile(name=file.path, sha256=file.hashes["sha256"], length=file.length)


def _days_left(role: str, signed: Root | Targets, now: float) -> int:
    """Whole days. Raises ConflictError where it has lapsed: clients refuse whatever is served with it."""
    left = signed.expires.timestamp() - now
    if left <= 0:
        raise ConflictError(
            f"{role}: its signatures have lapsed ({signed.expires:%Y-%m-%d}).",
            hint="Stage a root anew and have its holders sign." if role == "root" else "Stage and sign a release.",
        )
    return int(left / timedelta(days=1).total_seconds())


def _after(now: float, days: int) -> datetime:
    return datetime.fromtimestamp(int(now), tz=UTC) + timedelta(days=days)
