"""Private jobs: what of them is encrypted, to whom, and how it is named all the same. Pure: the cipher is the client's.

A job whose specification has `privacy` is private as a whole. Its inputs and its own program are ciphertexts, and are
named as such; its outputs and logs lie at the market as ciphertexts too, and their manifest names what is in them by
a keyed digest, so that who can guess a short output cannot confirm it. The cipher is age, version 1 (C2SP,
age-encryption.org/v1), with X25519 recipients.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from marketplace.errors import InvalidManifest, MalformedMessage
from marketplace.protocol.canonical import json_digest
from marketplace.protocol.eip712 import Address, Bytes32, String, TypedMessage, Uint64
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.manifest import OUTPUT_PREFIX, Manifest, ManifestEntry
from marketplace.protocol.parsing import parse_json

MAX_SECRETS, MAX_SECRETS_BYTES = 64, 65_536
"""How many secrets a job may have, and their values together."""
LOG_PREFIX = "log/"
_WITHOUT_A_KEY = (ExitKind.SANDBOX_ERROR, ExitKind.EVICTED)
"""How a private job ends that had no key."""
DIGEST_PURPOSE = b"ComputeHive digests of outputs"
OVERHEAD_BYTES, PLAIN_BYTES_PER_OVERHEAD = 4_096, 2_048
"""What a ciphertext may have beyond its plaintext: age's header and padding stanzas, and 16 bytes in 65,536."""

Recipient = Annotated[str, Field(pattern=r"^age1[02-9ac-hj-np-z]{58}$")]
"""An X25519 public key in age's form (Bech32). Whether its checksum holds is found out where it is used."""
SecretName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]


class Privacy(BaseModel):
    """The part `privacy` of a job specification."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    recipient: Recipient
    """The job's own public key. Whoever has its secret key can read inputs and outputs: see `KeyGrant`."""
    commitment: Bytes32
    """`compute_commitment` of what is granted: one public key has several secret ones, and secrets are anything.

    Without it a renter could grant each replica something else, and have the one punished whose result differs.
    """
    secrets: Annotated[tuple[SecretName, ...], Field(max_length=MAX_SECRETS)] = ()
    """Names of files that the program finds under `/secrets`; what is in them travels in the grant alone."""

    @model_validator(mode="after")
    def _names_differ(self) -> "Privacy":
        if len(set(self.secrets)) != len(self.secrets):
            raise ValueError("two secrets share a name")
        return self


class KeyGrant(TypedMessage):
    """Gives a job's key to one holder: the agent of a lease, or an oracle that is to run the job again.

    Signed by the renter for an agent, by a lease's agent for an oracle. Never goes on chain.
    """

    job_id: Bytes32
    """The bid's hash."""
    holder: Address
    ciphertext: Bytes32
    """SHA-256 of the key, encrypted to the holder."""
    granted_at: Uint64
    """Unix seconds. Of one signer's grants to one holder the newest counts: an older one, which anybody may have kept,
    does not take its place."""


class KeyOffer(TypedMessage):
    """An oracle's public key for private jobs, and the sandbox in which it runs jobs again. The newest counts; never
    goes on chain.
    """

    oracle: Address
    recipient: String
    sandbox_digest: Bytes32
    """As `NodeProfile.sandboxDigests` names a node's own."""
    offered_at: Uint64
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class GrantedKey:
    """What a grant's ciphertext holds. It says for whom and for which job, so that it serves for no other."""

    job_id: str
    holder: str
    identity: str = field(repr=False)
    """The job's secret key, in age's form."""
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def to_bytes(self) -> bytes:
        """As it is encrypted: JSON, secrets as hex."""
        secrets = {name: value.hex() for name, value in self.secrets.items()}
        document = {"jobId": self.job_id, "holder": self.holder, "identity": self.identity, "secrets": secrets}
        return json.dumps(document).encode()

    @classmethod
    def parse(cls, data: bytes) -> "GrantedKey":
        """Raises MalformedMessage; what it says is never part of the error."""
        try:
            document = parse_json(data, "KeyGrant.ciphertext")
            secrets = {str(name): bytes.fromhex(value) for name, value in document["secrets"].items()}
            fields = [document[name] for name in ("jobId", "holder", "identity")]
        except (MalformedMessage, ValueError, KeyError, TypeError, AttributeError):
            raise MalformedMessage("KeyGrant.ciphertext", "holds no key of a job") from None
        return cls(*map(str, fields), secrets)


def compute_commitment(identity: str, secrets: Mapping[str, bytes]) -> str:
    """SHA-256 of the canonical JSON of a job's secret key and its secrets: binds to both, and hides both, as the key is
    256 random bits.
    """
    return json_digest({"identity": identity, "secrets": {name: value.hex() for name, value in secrets.items()}})


def keyed_digest(identity: str, data: bytes) -> str:
    """How a private job's manifest names a file: HMAC-SHA-256 under a key that follows from the job's identity.

    The same for everybody who has the identity, so that replicas and oracles find the same result digest.
    """
    key = hmac.digest(identity.encode(), DIGEST_PURPOSE, hashlib.sha256)
    return "0x" + hmac.digest(key, data, hashlib.sha256).hex()


def keyed_entry(identity: str, path: str, data: bytes) -> ManifestEntry:
    """The entry of a private job's file."""
    return ManifestEntry(path=path, size=len(data), digest=keyed_digest(identity, data))


def is_sealed_path(path: str) -> bool:
    """Whether a file of a private job is kept from others: all but evidence, which oracles must read."""
    return path.startswith((OUTPUT_PREFIX, LOG_PREFIX))


def most_sealed(size: int, files: int = 1) -> int:
    """How many bytes the ciphertexts of so many files with `size` bytes together may have."""
    return size + size // PLAIN_BYTES_PER_OVERHEAD + files * OVERHEAD_BYTES


def require_sealed(manifest: Manifest, sealed: Manifest | None, exit_kind: int) -> None:
    """Raises InvalidManifest unless `sealed`, a list of ciphertexts by path, covers a private job's outputs and logs.

    A refusal has its reason in `log/stderr` alone, and no list: who refuses before it has the key could make none.
    """
    wanted = {entry.path: entry.size for entry in manifest.entries if is_sealed_path(entry.path)}
    if sealed is None and exit_kind in _WITHOUT_A_KEY and set(wanted) <= {"log/stderr"}:
        return
    if sealed is None:
        raise InvalidManifest("The job is private: `sealed`, the list of its ciphertexts, is missing.")
    found = {entry.path: entry.size for entry in sealed.entries}
    if set(found) != set(wanted):
        odd = min(set(found) ^ set(wanted))
        raise InvalidManifest(f"The job is private: {odd!r} must be in `manifest` and in `sealed`, as a ciphertext.")
    for path, size in wanted.items():
        most = most_sealed(size)
        if not size < found[path] <= most:
            raise InvalidManifest(f"{path!r} has {size} bytes; {found[path]} are no ciphertext of it (at most {most}).")


def storage_of(manifest: Manifest, sealed: Manifest | None) -> Manifest:
    """What must lie at the market: files as they are, but for those whose ciphertexts `sealed` lists."""
    hidden = {entry.path: entry for entry in sealed.entries} if sealed is not None else {}
    return Manifest(entries=tuple(hidden.get(entry.path, entry) for entry in manifest.entries))


def read_granted(document: Any) -> bytes:
    """The ciphertext in a market's answer. Raises MalformedMessage."""
    try:
        return bytes.fromhex(document["ciphertext"].removeprefix("0x"))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise MalformedMessage("KeyGrant.ciphertext", "expected 0x and hex digits") from None
