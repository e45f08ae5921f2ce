"""Fetching a result and checking it all the way: bytes → digests → manifest → result digest → the agent's signature."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from marketplace.client.files import write_whole
from marketplace.client.http import MarketClient
from marketplace.client.private import JobKey
from marketplace.client.terms import LeaseTerms
from marketplace.errors import CannotDecrypt, DigestMismatch, InputError, InvalidManifest, WrongSigner
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.manifest import STDERR_PATH, STDOUT_PATH, Manifest, ManifestEntry
from marketplace.protocol.messages import Attestation, require_signed_by


@dataclass(frozen=True, slots=True)
class VerifiedResult:
    """A manifest whose root was attested for this very lease, by the agent that the provider's signed ask names."""

    lease_id: str
    manifest: Manifest
    attestation: Attestation
    sealed: Manifest | None = None
    """Of a private job: where the ciphertexts of its files are, by path. The market's word, which decrypting checks."""
    key: JobKey | None = None

    @property
    def outputs(self) -> int:
        """How many output files there are, logs not counted."""
        return sum(entry.path not in (STDOUT_PATH, STDERR_PATH) for entry in self.manifest.entries)


def fetch_result(
    client: MarketClient, lease_id: str, terms: LeaseTerms, domain: Domain, key: JobKey | None = None
) -> VerifiedResult:
    """The attested result of a lease, checked; `key` opens that of a private job.

    Raises NotFound before there is one; InvalidManifest, InvalidSignature, WrongSigner where something does not hold.
    """
    document = client.attestation(lease_id)
    attestation = Attestation.parse(document["attestation"])
    manifest = Manifest.parse(document["manifest"])
    if attestation.lease_id != lease_id or attestation.job_digest != terms.bid.job_digest:
        raise WrongSigner(f"The attestation is for lease {attestation.lease_id}, not for {lease_id}.")
    require_signed_by(attestation, terms.ask.agent, domain, document["signature"])
    if manifest.root() != attestation.result_digest:
        raise InvalidManifest(
            f"The manifest hashes to {manifest.root()}, the provider attested {attestation.result_digest}.",
            hint="Do not use these files; the oracles' verdict decides who is paid.",
            lease=lease_id,
        )
    sealed = Manifest.parse(document["sealed"]) if document.get("sealed") is not None else None
    return VerifiedResult(lease_id, manifest, attestation, sealed, key)


def download_result(client: MarketClient, result: VerifiedResult, folder: Path) -> Iterator[tuple[Path, int]]:
    """Write every file of the manifest under `folder` as (path, bytes); each is checked before it is written, whole.

    Raises DigestMismatch, InvalidManifest for a path that would leave `folder`, InputError where it cannot be written,
    CannotDecrypt.
    """
    for entry in result.manifest.entries:
        target = folder / safe_path(entry.path)
        data = read_file(client, result, entry)
        if len(data) != entry.size:
            raise DigestMismatch(expected=f"{entry.size} bytes", actual=f"{len(data)} bytes", path=entry.path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, data)
        except OSError as error:
            raise InputError(
                f"{target} cannot be written ({error.strerror}).", hint="Choose another --output."
            ) from error
        yield target, entry.size


def read_file(client: MarketClient, result: VerifiedResult, entry: ManifestEntry) -> bytes:
    """One file of a result. Raises NotFound, DigestMismatch; CannotDecrypt of a private job's without its key."""
    hidden = {one.path: one for one in result.sealed.entries}.get(entry.path) if result.sealed is not None else None
    if hidden is None:
        return client.get_blob(entry.digest, entry.size)
    if result.key is None:
        raise CannotDecrypt("The result is of a private job.", hint="Its renter has the key.", path=entry.path)
    data = result.key.unseal(client.get_blob(hidden.digest))
    found = result.key.entry(entry.path, data)
    if found != entry:
        raise DigestMismatch(expected=entry.digest, actual=found.digest, path=entry.path)
    return data


def read_log(client: MarketClient, result: VerifiedResult, path: str = STDOUT_PATH) -> bytes:
    """One log of a result; empty where the manifest lists none."""
    for entry in result.manifest.entries:
        if entry.path == path:
            return read_file(client, result, entry) if entry.size else b""
    return b""


def safe_path(path: str) -> PurePosixPath:
    """A manifest path as a relative one. Raises InvalidManifest for one that climbs out or is absolute."""
    if path.startswith("/") or "\\" in path or "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise InvalidManifest(f"The manifest names {path!r}, which is not a plain relative path.", path=path)
    return PurePosixPath(path)
