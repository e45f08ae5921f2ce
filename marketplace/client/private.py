"""Private jobs from both ends: sealing what a renter sends, and the key with which everybody else reads it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from marketplace.client.age import new_identity, recipient_of, seal, unseal
from marketplace.client.jobs import PreparedJob
from marketplace.errors import CannotDecrypt, InputError, InvalidSignature, MalformedMessage, TooLarge
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.manifest import ManifestEntry
from marketplace.protocol.privacy import (
    MAX_SECRETS_BYTES,
    GrantedKey,
    KeyGrant,
    KeyOffer,
    Privacy,
    compute_commitment,
    keyed_entry,
)


@dataclass(frozen=True, slots=True)
class JobKey:
    """A private job's secret key, and its secrets as far as they are known here. Never shown."""

    identity: str = field(repr=False)
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @classmethod
    def new(cls, secrets: Mapping[str, bytes] | None = None) -> "JobKey":
        """A fresh one. Raises TooLarge for secrets of more than 65,536 bytes together."""
        size = sum(map(len, (secrets or {}).values()))
        if size > MAX_SECRETS_BYTES:
            raise TooLarge("The secrets together", size, MAX_SECRETS_BYTES)
        return cls(new_identity(), secrets or {})

    @property
    def recipient(self) -> str:
        """Its public half."""
        return recipient_of(self.identity)

    @property
    def privacy(self) -> Privacy:
        """What a job specification says of it."""
        commitment = compute_commitment(self.identity, self.secrets)
        return Privacy(recipient=self.recipient, commitment=commitment, secrets=tuple(sorted(self.secrets)))

    def unseal(self, data: bytes) -> bytes:
        """Decrypt something of the job's. Raises CannotDecrypt."""
        return unseal(data, self.identity)

    def entry(self, path: str, data: bytes) -> ManifestEntry:
        """How the job's manifest names a file."""
        return keyed_entry(self.identity, path, data)

    def require_fits(self, privacy: Privacy) -> None:
        """Raises CannotDecrypt for the key of another job, InputError where a secret is missing, unknown or another."""
        if self.recipient != privacy.recipient:
            raise CannotDecrypt(f"The key granted is not that of {privacy.recipient}, which the job names.")
        if set(self.secrets) != set(privacy.secrets):
            odd = min(set(self.secrets) ^ set(privacy.secrets))
            raise InputError(
                f"The job names the secrets {list(privacy.secrets)}; {odd!r} is missing or not one of them.",
                hint="Give each of them again: --secret NAME, or --secret NAME=FILE.",
            )
        if compute_commitment(self.identity, self.secrets) != privacy.commitment:
            raise InputError(
                "The key or a secret is not the one that the job was signed with.",
                hint="Give the secrets of then; for others place a new job.",
            )


def seal_job(job: PreparedJob, key: JobKey) -> PreparedJob:
    """The same job, private: every blob encrypted, and the specification naming the ciphertexts."""
    sealed = {digest: seal(data, key.recipient) for digest, data in job.blobs.items()}
    names = {digest: {"digest": sha256_digest(data), "size": len(data)} for digest, data in sealed.items()}
    document = job.spec.to_json()
    document["inputs"] = [entry | names[entry["digest"]] for entry in document["inputs"]]
    if job.spec.uploaded_program is not None:
        document["program"] |= names[job.spec.program.digest]
    document["privacy"] = key.privacy.model_dump(mode="json", by_alias=True)
    return PreparedJob(JobSpec.parse(document), {names[digest]["digest"]: data for digest, data in sealed.items()})


def make_grant(key: JobKey, job_id: str, holder: str, recipient: str, granted_at: int) -> tuple[KeyGrant, bytes]:
    """A grant to be signed, and the ciphertext that it names. Raises MalformedMessage for a recipient that is none.

    `granted_at` is now, Unix seconds: the market takes none older than the last.
    """
    granted = GrantedKey(job_id, holder, key.identity, dict(key.secrets))
    ciphertext = seal(granted.to_bytes(), recipient)
    digest = sha256_digest(ciphertext)
    return KeyGrant(job_id=job_id, holder=holder, ciphertext=digest, granted_at=granted_at), ciphertext


def open_grant(grant: KeyGrant, ciphertext: bytes, identity: str, privacy: Privacy) -> JobKey:
    """The job's key, for its holder. The grant's signature was checked before.

    Raises CannotDecrypt, InputError, MalformedMessage where what was granted is not this job's key, to this holder.
    """
    if sha256_digest(ciphertext) != grant.ciphertext:
        raise MalformedMessage("KeyGrant.ciphertext", "is not what came with the grant")
    granted = GrantedKey.parse(unseal(ciphertext, identity))
    if (granted.job_id, granted.holder) != (grant.job_id, grant.holder):
        raise MalformedMessage("KeyGrant.ciphertext", "was made for another job or another holder")
    key = JobKey(granted.identity, granted.secrets)
    key.require_fits(privacy)
    return key


def read_grant(document: Any) -> tuple[KeyGrant, str]:
    """A grant and its signature, from a market's answer. Raises MalformedMessage."""
    if not isinstance(document, dict):
        raise MalformedMessage("KeyGrant", "expected an object")
    return KeyGrant.parse(document.get("grant")), str(document.get("signature"))


def read_offers(documents: Iterable[Any], members: Collection[str], domain: Domain) -> list[KeyOffer]:
    """The public keys of these oracles, by their own signatures; what else a market names is left aside."""
    found = []
    for document in documents:
        try:
            offer = KeyOffer.parse(document.get("offer") if isinstance(document, dict) else None)
            if offer.oracle in members and offer.recover(domain, str(document.get("signature"))) == offer.oracle:
                found.append(offer)
        except (InputError, InvalidSignature):
            continue
    return found
