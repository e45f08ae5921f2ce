"""The output manifest and its Merkle root, the result digest.

The tree is that of RFC 9162 §2.1 over SHA-256: leaf `H(0x00 || entry)`, node `H(0x01 || left || right)`, split at
the largest power of two below the size; an entry is the canonical JSON of `{path, size, digest}`. One output file can
therefore be proven alone.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from marketplace.errors import InvalidManifest
from marketplace.protocol.canonical import canonical_json, sha256_digest
from marketplace.protocol.eip712 import Bytes32
from marketplace.protocol.merkle_log import EMPTY_ROOT, compute_root, hash_leaf, hash_node

OUTPUT_PREFIX = "out/"
STDOUT_PATH = "log/stdout"
STDERR_PATH = "log/stderr"
MAX_ENTRIES = 10_000


class ManifestEntry(BaseModel):
    """One file that a job produced."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(min_length=1, max_length=1024)
    """`out/<relative path>` for an output file, `log/stdout` or `log/stderr` for a log, `evidence/…` for evidence."""
    size: int = Field(ge=0, lt=2**53)
    digest: Bytes32

    @classmethod
    def of(cls, path: str, data: bytes) -> "ManifestEntry":
        """The entry of a file with these bytes."""
        return cls(path=path, size=len(data), digest=sha256_digest(data))


class Manifest(BaseModel):
    """All files that a job produced, sorted by path, without duplicates."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entries: tuple[ManifestEntry, ...] = Field(max_length=MAX_ENTRIES)

    @classmethod
    def build(cls, entries: Iterable[ManifestEntry]) -> "Manifest":
        """A manifest of `entries` in canonical order. Raises InvalidManifest where two share a path."""
        ordered = tuple(sorted(entries, key=lambda entry: entry.path.encode()))
        manifest = cls(entries=ordered)
        manifest.validate_order()
        return manifest

    @classmethod
    def parse(cls, document: Any) -> "Manifest":
        """The manifest in a JSON document. Raises InvalidManifest if it is malformed or not in canonical order."""
        try:
            manifest = cls.model_validate(document)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise InvalidManifest(f"Manifest.{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
        manifest.validate_order()
        return manifest

    def validate_order(self) -> None:
        """Raises InvalidManifest unless paths are strictly ascending, byte by byte."""
        paths = [entry.path.encode() for entry in self.entries]
        for before, after in pairwise(paths):
            if before >= after:
                raise InvalidManifest(f"Manifest paths must ascend without duplicates: {before!r}, {after!r}")

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        return self.model_dump(mode="json")

    @property
    def egress_bytes(self) -> int:
        """All bytes that leave the provider: outputs and logs."""
        return sum(entry.size for entry in self.entries)

    def root(self) -> str:
        """The result digest: Merkle root over the entries."""
        return "0x" + merkle_root([_leaf_data(entry) for entry in self.entries]).hex()

    def proof(self, path: str) -> list[str]:
        """The inclusion proof of the entry at `path`, leaf to root. Raises InvalidManifest if there is none."""
        for index, entry in enumerate(self.entries):
            if entry.path == path:
                return ["0x" + node.hex() for node in merkle_proof(list(map(_leaf_data, self.entries)), index)]
        raise InvalidManifest(f"The manifest has no entry {path!r}.")


def _leaf_data(entry: ManifestEntry) -> bytes:
    return canonical_json(entry.model_dump(mode="json"))


def _split(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 9162 §2.1.1: the root of `leaves`; of no leaves, the SHA-256 of nothing."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return hash_leaf(leaves[0])
    middle = _split(len(leaves))
    return hash_node(merkle_root(leaves[:middle]), merkle_root(leaves[middle:]))


def merkle_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """RFC 9162 §2.1.3.1: the sibling hashes of leaf `index`, from the leaf up."""
    if len(leaves) <= 1:
        return []
    middle = _split(len(leaves))
    if index < middle:
        return [*merkle_proof(leaves[:middle], index), merkle_root(leaves[middle:])]
    return [*merkle_proof(leaves[middle:], index - middle), merkle_root(leaves[:middle])]


def verify_inclusion(entry: ManifestEntry, index: int, size: int, proof: Sequence[str], root: str) -> bool:
    """Whether `proof` shows that `entry` is number `index` of `size` under `root`."""
    steps = [bytes.fromhex(part[2:]) for part in proof]
    return verify_leaf(_leaf_data(entry), index, size, steps, bytes.fromhex(root[2:]))


def verify_leaf(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that `leaf` is number `index` of `size` under `root` (RFC 9162 §2.1.3.2)."""
    return compute_root(index, size, hash_leaf(leaf), proof) == root
