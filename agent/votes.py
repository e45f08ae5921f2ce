"""Replicas of one job on distinct providers, and what their results say about each other. Pure.

The rule, for a bid of k replicas (`Verification.REPLICATE`): each attestation of an end that another machine must see
as well is one vote for what it says. What more than half of the k say is the job's result; who says something else is
a fraud. Once no result can reach that any more, nobody is paid and nobody is blamed. Until then nothing is decided, so
that every oracle decides alike, whenever it looks: a majority stays one whatever the others still say.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from marketplace.protocol.enums import ExitKind, Outcome
from marketplace.protocol.messages import Attestation


class Undecided(Exception):
    """Too few replicas have attested yet."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """What an attestation says about the job, and not about the machine that ran it."""

    exit_kind: int
    exit_code: int
    result_digest: str
    fuel: int

    @classmethod
    def of(cls, attestation: Attestation) -> "Ballot":
        """What this attestation votes for."""
        return cls(attestation.exit_kind, attestation.exit_code, attestation.result_digest, attestation.fuel)


def decide_by_votes(
    own: Attestation, attested: Sequence[Attestation], replicas: int, *, is_metered: bool = True
) -> tuple[Outcome, str]:
    """The outcome for the lease that `own` is of, and the result that the verdict names.

    `attested` are the replicas' attestations, `own` among them. Where nothing is metered, how a limit is noticed
    differs from machine to machine (which of two processes the kernel ends, where a log is cut): only a program that
    came to its end has a vote then. Raises Undecided.
    """
    if not _has_vote(own, is_metered):
        return Outcome.FAILED, own.result_digest
    votes = Counter(Ballot.of(one) for one in attested if _has_vote(one, is_metered))
    winner, most = max(votes.items(), key=lambda item: item[1])
    if 2 * most > replicas:
        return _outcome(Ballot.of(own), winner), winner.result_digest
    if 2 * (most + replicas - len(attested)) > replicas:
        raise Undecided(f"{len(attested)} of {replicas} replicas have attested; no result has a majority yet")
    return Outcome.FAILED, own.result_digest


def _has_vote(attestation: Attestation, is_metered: bool) -> bool:
    kind = ExitKind(attestation.exit_kind)
    return kind.is_reproducible if is_metered else kind is ExitKind.EXITED


def _outcome(own: Ballot, winner: Ballot) -> Outcome:
    if own != winner:
        return Outcome.FRAUD
    return Outcome.PAID if winner.exit_kind == ExitKind.EXITED else Outcome.FAILED
