"""Workflows as orders: jobs whose inputs are others' outputs, all signed at once.

Every job of a workflow says in its own specification where it stands in it (`marketplace.protocol.upstream.Place`), so
that a workflow is no more than its bids: nothing is signed beside them, and what it looks like is derived from them, as
its state is from theirs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from marketplace.domain.jobs import JobState
from marketplace.errors import MalformedMessage
from marketplace.protocol.canonical import json_digest
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.messages import Bid
from marketplace.protocol.upstream import MAX_BIDS, Place


class WorkflowState(StrEnum):
    """Where a workflow stands."""

    RUNNING = "running"
    """Some of its jobs have not ended."""
    DONE = "done"
    """Every job was paid, and its program ended with exit code 0."""
    FAILED = "failed"
    """One was not, though it was tried; what needs it was cancelled."""
    CANCELLED = "cancelled"
    """Nothing failed, but something was withdrawn."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One job of a workflow: the hashes of its bids, first attempt first, and the names of the jobs that it needs."""

    name: str
    bids: tuple[str, ...]
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WorkflowRecord:
    """A workflow that was placed. Its id is the digest of its bids' hashes, in the order of their salts."""

    workflow_id: str
    name: str
    renter: str
    bids: tuple[str, ...]
    placed_at: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one bid. `exit_code` is its program's, where it was paid."""

    state: JobState
    exit_code: int | None = None

    @property
    def has_failed(self) -> bool:
        """Whether it ran, or could have, and what it was for did not come of it."""
        if self.state is JobState.PAID:
            return bool(self.exit_code)
        return self.state.is_end and self.state is not JobState.CANCELLED


def workflow_id(bids: Sequence[str]) -> str:
    """Of these bid hashes, in the order of their salts."""
    return json_digest({"bids": list(bids)})


def plan_workflow(orders: Sequence[tuple[Bid, JobSpec]]) -> tuple[Planned, ...]:
    """The jobs that these bids make up, in the order of their salts.

    Raises MalformedMessage, by bid and field, unless they are all bids of one workflow of one renter, each job has its
    attempts one after the other, and each need names all the bids of one job that comes before.
    """
    if not 1 <= len(orders) <= MAX_BIDS:
        raise MalformedMessage("bids", f"are {len(orders)}; a workflow has 1 to {MAX_BIDS}")
    places = [_place_of(index, spec, orders) for index, (_, spec) in enumerate(orders)]
    salts = [bid.salt for bid, _ in orders]
    for index, (before, after) in enumerate(pairwise(salts), start=1):
        if after <= before:
            raise MalformedMessage(f"bids.{index}.bid.salt", f"{after} does not come after {before}, the one before it")
    attempts: dict[str, tuple[str, ...]] = {}
    needs: dict[str, tuple[str, ...]] = {}
    for index, ((bid, _), place) in enumerate(zip(orders, places, strict=True)):
        needs[place.job] = _needs_of(index, place, attempts, needs)
        attempts[place.job] = (*attempts.get(place.job, ()), bid.struct_hash())
    _require_complete(places, attempts)
    return tuple(Planned(name, bids, needs[name]) for name, bids in attempts.items())


def _place_of(index: int, spec: JobSpec, orders: Sequence[tuple[Bid, JobSpec]]) -> Place:
    place, (first, first_spec) = spec.workflow, orders[0]
    if place is None:
        raise MalformedMessage(f"bids.{index}.jobSpec.workflow", "is missing: the job is part of no workflow")
    if orders[index][0].renter != first.renter:
        raise MalformedMessage(f"bids.{index}.bid.renter", f"is another than the first bid's, {first.renter}")
    if first_spec.workflow is not None and place.name != first_spec.workflow.name:
        raise MalformedMessage(f"bids.{index}.jobSpec.workflow.name", f"is not {first_spec.workflow.name!r}")
    if place.bids != len(orders):
        raise MalformedMessage(
            f"bids.{index}.jobSpec.workflow.bids", f"says that there are {place.bids} bids; {len(orders)} came"
        )
    return place


def _needs_of(
    index: int, place: Place, attempts: dict[str, tuple[str, ...]], needs: dict[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """Names of the jobs that a bid needs; bids that come later cannot be meant, as they would name this one's hash."""
    field, by_bids = f"bids.{index}.jobSpec.workflow", {bids: name for name, bids in attempts.items()}
    if place.instead_of != attempts.get(place.job, ()):
        raise MalformedMessage(
            f"{field}.insteadOf", f"are not the bids for {place.job!r} that come before this one, in their order"
        )
    found = []
    for number, need in enumerate(place.needs):
        name = by_bids.get(need.bids)
        if name is None or name == place.job:
            raise MalformedMessage(f"{field}.needs.{number}.bids", "are not all the bids of one job that comes before")
        found.append(name)
    if place.attempt and tuple(found) != needs[place.job]:
        raise MalformedMessage(f"{field}.needs", f"are not those of the first bid for {place.job!r}")
    return tuple(found)


def _require_complete(places: Sequence[Place], attempts: dict[str, tuple[str, ...]]) -> None:
    """An attempt that comes after a need for its job would be in nobody's."""
    for index, place in enumerate(places):
        for number, need in enumerate(place.needs):
            if need.bids not in attempts.values():
                raise MalformedMessage(
                    f"bids.{index}.jobSpec.workflow.needs.{number}.bids", "leave out a later bid for the same job"
                )


def job_state(attempts: Sequence[Attempt]) -> JobState:
    """Where a job with these attempts stands: paid where one is, else where the first that goes on is, else how the
    last one ended that was tried at all.
    """
    states = [one.state for one in attempts]
    if JobState.PAID in states:
        return JobState.PAID
    for state in states:
        if not state.is_end:
            return state
    return next((state for state in reversed(states) if state is not JobState.CANCELLED), JobState.CANCELLED)


def workflow_state(jobs: Iterable[Sequence[Attempt]]) -> WorkflowState:
    """Where a workflow stands whose jobs have had these attempts."""
    jobs = list(jobs)
    states = [job_state(attempts) for attempts in jobs]
    if any(not state.is_end for state in states):
        return WorkflowState.RUNNING
    for attempts, state in zip(jobs, states, strict=True):
        if any(one.has_failed for one in attempts if one.state is state):
            return WorkflowState.FAILED
    return WorkflowState.CANCELLED if JobState.CANCELLED in states else WorkflowState.DONE
