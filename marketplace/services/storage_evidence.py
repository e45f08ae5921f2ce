"""What the services need of a database for what providers, oracles and renters sign, as protocols."""

from collections.abc import Collection
from typing import Protocol

from marketplace.domain.audits import AuditRecord
from marketplace.domain.checkpoints import CheckpointRecord
from marketplace.domain.evidence import (
    AttestationRecord,
    BatchRecord,
    BatchState,
    ReceiptRecord,
    Standing,
    VerdictRecord,
)
from marketplace.domain.grants import GrantRecord, OfferRecord
from marketplace.domain.paging import Page
from marketplace.domain.seals import Fault, FaultKind, Judgement, OracleCounts, SealRecord
from marketplace.protocol.messages import Attestation


class Evidence(Protocol):
    """What was signed about leases. Nothing is ever overwritten."""

    def load(self, lease_ids: Collection[str]) -> None:
        """All about these leases at once: what is asked about them after that costs no look."""
        ...

    def add_attestation(self, record: AttestationRecord) -> None: ...
    def attestation(self, lease_id: str) -> AttestationRecord | None: ...
    def signed(self, lease_id: str) -> Attestation | None:
        """The attestation alone: what the result consists of is not read."""
        ...

    def exit_code(self, lease_id: str) -> int | None:
        """As attested; of a workflow's job also once its evidence was forgotten."""
        ...

    def sizes(self, lease_id: str) -> dict[str, int]:
        """The bytes of each file of the result, by its path in the manifest; of no evidence, none."""
        ...

    def add_verdict(self, record: VerdictRecord) -> None: ...
    def verdicts(self, lease_id: str) -> list[VerdictRecord]: ...
    def verdict_of(self, lease_id: str, oracle: str) -> VerdictRecord | None: ...
    def verdicts_of(self, oracle: str, lease_ids: Collection[str]) -> dict[str, VerdictRecord]:
        """What one oracle has revealed about these leases, by lease."""
        ...

    def undecided(self) -> dict[str, list[VerdictRecord]]:
        """Verdicts on leases that are open and in no batch but failed ones, by lease, in the order of the leases."""
        ...

    def standings(self, lease_ids: Collection[str]) -> dict[str, Standing]:
        """How far it all is, by lease."""
        ...

    def add_receipt(self, record: ReceiptRecord) -> None: ...
    def receipt(self, lease_id: str) -> ReceiptRecord | None: ...
    def remove_receipt(self, lease_id: str) -> None:
        """Forget a receipt that the contract refused."""
        ...


class Batches(Protocol):
    """Batches of verdicts that oracles are asked to sign."""

    def load(self, lease_ids: Collection[str]) -> None:
        """Which of these leases have one: `has` costs no look for them after that."""
        ...

    def add(self, record: BatchRecord) -> None:
        """Propose; the same verdicts again after a failure start over, without the signatures that failed."""
        ...

    def get(self, digest: str) -> BatchRecord | None: ...
    def in_state(self, state: BatchState) -> list[BatchRecord]: ...
    def of_lease(self, lease_id: str) -> list[BatchRecord]: ...
    def has(self, lease_id: str) -> bool:
        """Whether any batch, failed or not, has the lease."""
        ...

    def over(self, lease_ids: Collection[str]) -> list[str]:
        """Batches with one of these leases, all of whose leases the chain has closed; by digest."""
        ...

    def sign(self, digest: str, oracle: str, signature: str) -> None: ...
    def set_state(self, digest: str, state: BatchState, reason: str = "") -> None: ...


class Seals(Protocol):
    """Sealed verdicts, how far each lease's judgement is, and who failed. Seals are never overwritten."""

    def load(self, lease_ids: Collection[str]) -> None:
        """All about these leases at once: what is asked about them after that costs no look."""
        ...

    def begin(self, lease_id: str, at: int) -> None:
        """Evidence is here that oracles are to judge. Doing so twice changes nothing."""
        ...

    def judgement(self, lease_id: str) -> Judgement | None: ...
    def due(self, opened_until: int) -> list[str]:
        """Leases whose judgement is not concluded, and may have to go on, longest attested first.

        Unopened ones with a seal or a lease that is closed, and those that were opened by `opened_until`.
        """
        ...

    def to_judge(self, oracle: str) -> list[str]:
        """Open leases with evidence for oracles of which `oracle` has sealed no verdict, oldest first."""
        ...

    def to_reveal(self, oracle: str) -> list[Judgement]:
        """Whose seals are open, `oracle`'s among them, and of which it has revealed nothing; longest attested first.

        Those that are not concluded, and those whose lease is open.
        """
        ...

    def open(self, lease_id: str, at: int, members: tuple[str, ...]) -> None: ...
    def conclude(self, lease_id: str, at: int) -> None: ...
    def add(self, record: SealRecord) -> None: ...
    def of_lease(self, lease_id: str) -> list[SealRecord]: ...
    def of_oracle(self, lease_id: str, oracle: str) -> SealRecord | None: ...
    def add_fault(self, fault: Fault) -> bool:
        """True if it was new: an oracle fails a lease in one way only once."""
        ...

    def faults_of(self, lease_id: str) -> list[Fault]: ...
    def faults(
        self, *, oracle: str | None, kinds: tuple[FaultKind, ...], cursor: str | None, limit: int
    ) -> Page[Fault]:
        """Newest first."""
        ...

    def counts(self, oracle: str) -> OracleCounts: ...


class Audits(Protocol):
    """What oracles signed about the draws of random audits. Nothing is ever overwritten."""

    def add(self, record: AuditRecord) -> None:
        """A seal whose share is not shown yet."""
        ...

    def open(self, record: AuditRecord) -> None:
        """The share of a seal that is there."""
        ...

    def of_lease(self, lease_id: str) -> list[AuditRecord]: ...


class Checkpoints(Protocol):
    """The newest saved state of each lease's job."""

    def put(self, record: CheckpointRecord) -> None: ...
    def get(self, lease_id: str) -> CheckpointRecord | None: ...


class Grants(Protocol):
    """Keys of private jobs, as ciphertexts; and the public keys of oracles."""

    def put(self, record: GrantRecord) -> None:
        """A newer one takes the place of the same signer's to the same holder."""
        ...

    def of_job(self, job_id: str) -> list[GrantRecord]:
        """Oldest first."""
        ...

    def put_offer(self, record: OfferRecord) -> None: ...
    def offers(self) -> list[OfferRecord]: ...
