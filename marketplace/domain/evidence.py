"""What providers, oracles and renters have signed about leases, as the market keeps it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from marketplace.protocol.manifest import Manifest
from marketplace.protocol.messages import Attestation, Receipt, Verdict, VerdictBatch, VerdictReveal
from marketplace.protocol.usage import SignedUsage


@dataclass(frozen=True, slots=True)
class AttestationRecord:
    """A provider's evidence with the manifest that it commits to."""

    attestation: Attestation
    signature: str
    manifest: Manifest
    received_at: int
    usage: SignedUsage | None = None
    """What the run took of its machine, where the agent says so."""
    sealed: Manifest | None = None
    """Of a private job: the ciphertexts of outputs and logs, by the paths that the manifest gives them."""


@dataclass(frozen=True, slots=True)
class VerdictRecord:
    """One oracle's verdict, by the signed reveal that opened its seal."""

    reveal: VerdictReveal
    oracle: str
    signature: str
    received_at: int
    is_late: bool = False
    """It was sealed when others were open already."""

    @property
    def verdict(self) -> Verdict:
        """What the oracle says."""
        return self.reveal.verdict


@dataclass(frozen=True, slots=True)
class ReceiptRecord:
    """A renter's signed receipt."""

    receipt: Receipt
    signature: str
    received_at: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the evidence about a lease is: all that its stage follows from, beside what the chain says."""

    is_attested: bool
    seals: int
    is_proposed: bool
    """A batch with its verdict is on its way."""
    receipt: Receipt | None


class BatchState(StrEnum):
    """Where a proposed batch of verdicts stands."""

    PROPOSED = "proposed"
    """Oracles are asked for their signatures."""
    SETTLING = "settling"
    """Enough signatures; the transaction is in the outbox."""
    SETTLED = "settled"
    FAILED = "failed"
    """The contract refused the batch, or it left a lease open."""


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """Verdicts that oracles sign together; `signatures` by oracle address."""

    digest: str
    verdicts: tuple[Verdict, ...]
    state: BatchState
    proposed_at: int
    signatures: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    proposals: int = 1
    """How often it was proposed: once more after each refusal by the contract."""

    @property
    def message(self) -> VerdictBatch:
        """What is signed."""
        return VerdictBatch.of(self.verdicts)


@dataclass(frozen=True, slots=True)
class Agreement:
    """A verdict that enough oracles share; `since` when enough of them had revealed it, unix seconds."""

    verdict: Verdict
    oracles: frozenset[str]
    since: int


def agreed_verdict(records: Iterable[VerdictRecord], threshold: int) -> Agreement | None:
    """The verdict that at least `threshold` oracles share, with those oracles; None while there is none.

    Two verdicts cannot both qualify while the threshold is a majority; with a smaller one the most shared wins, ties by
    struct hash, so that every run decides alike.
    """
    by_hash: dict[str, list[VerdictRecord]] = {}
    for record in records:
        by_hash.setdefault(record.verdict.struct_hash(), []).append(record)
    if not by_hash:
        return None
    _, best = min(by_hash.items(), key=lambda item: (-len(item[1]), item[0]))
    if len(best) < threshold:
        return None
    since = sorted(record.received_at for record in best)[threshold - 1]
    return Agreement(best[0].verdict, frozenset(record.oracle for record in best), since)


@dataclass(frozen=True, slots=True)
class AgreedVerdict:
    """A verdict that enough oracles share, and where its lease stands on chain."""

    verdict: Verdict
    oracles: frozenset[str]
    is_claimed: bool
    """Claimed leases have left their group and are closed by a call of their own."""
    place: tuple[int, int]
    """Group and place in it: the order in which the contract goes through a batch."""
    since: int = 0
    """When enough oracles had revealed it, unix seconds."""


def due_batches(
    ready: Sequence[AgreedVerdict], *, alone: frozenset[str], limit: int, agreed_until: int
) -> list[tuple[Verdict, ...]]:
    """Those of `group_batches` that are full, or of which one verdict was agreed on at `agreed_until` or before.

    The others wait for more of their kind, or until their time has come: a batch costs its transaction and each
    oracle's signature once, however many leases it closes.
    """
    since = {one.verdict.lease_id: one.since for one in ready}
    batches = group_batches(ready, alone=alone, limit=limit)
    return [
        batch
        for batch in batches
        if len(batch) >= limit or min(since[verdict.lease_id] for verdict in batch) <= agreed_until
    ]


def group_batches(ready: Sequence[AgreedVerdict], *, alone: frozenset[str], limit: int) -> list[tuple[Verdict, ...]]:
    """Verdicts that the same oracles share on leases that one call closes, at most `limit` together.

    Leases in `alone` go each by itself. An oracle signs a batch only where it agrees with all of it, so a batch never
    mixes different sets of oracles.
    """
    groups: dict[tuple[frozenset[str], bool], list[Verdict]] = {}
    batches: list[tuple[Verdict, ...]] = []
    for one in sorted(ready, key=lambda one: (one.place, one.verdict.lease_id)):
        if one.verdict.lease_id in alone:
            batches.append((one.verdict,))
        else:
            groups.setdefault((one.oracles, one.is_claimed), []).append(one.verdict)
    for verdicts in groups.values():
        batches += [tuple(verdicts[start : start + limit]) for start in range(0, len(verdicts), limit)]
    return batches
