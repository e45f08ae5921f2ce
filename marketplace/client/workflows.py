"""From a workflow document to signed bids: everything is signed at once, and the renter may go offline.

Each job's specification names the bids whose results it takes; their hashes are known as soon as they are built, so
jobs are built after those that they need. What comes of it in which case, docs/protocol.md says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from marketplace.client.jobs import PreparedJob, build_bid, prepare_job
from marketplace.errors import InputError, MalformedMessage
from marketplace.protocol.images import is_reference
from marketplace.protocol.jobspec import JobSpec, Requirements
from marketplace.protocol.messages import Bid
from marketplace.protocol.parsing import parse_json
from marketplace.protocol.upstream import Awaited, Need, Place
from marketplace.protocol.workflow import Workflow, WorkflowJob


@dataclass(frozen=True, slots=True)
class WorkflowBid:
    """One of a workflow's bids, not signed yet."""

    job: str
    attempt: int
    bid: Bid
    spec: JobSpec


def load_workflow(path: Path) -> Workflow:
    """The document in a JSON or YAML file. Raises InputError naming the field, or the line."""
    return Workflow.parse(_read(path))


def prepare_workflow(workflow: Workflow, folder: Path, runtimes: Mapping[str, str]) -> dict[str, PreparedJob]:
    """Read the programs and inputs of all jobs, relative to `folder`. Raises InputError, InvalidJobSpec by job."""
    return {job.name: _prepare(job, folder, runtimes) for job in workflow.jobs}


def build_workflow(
    workflow: Workflow, prepared: Mapping[str, PreparedJob], *, renter: str, market: str, first_salt: int, now: int
) -> list[WorkflowBid]:
    """All bids, by ascending salt: each job after those that it needs, its attempts one after the other.

    A bid waits as long as its deadline leaves its seconds; deadlines are those of `Workflow.latest_ends`.
    """
    ends, built = workflow.latest_ends(now), list[WorkflowBid]()
    hashes: dict[str, tuple[str, ...]] = {}
    total = sum(job.attempts for job in workflow.jobs)
    for job in workflow.order():
        for attempt, deadline in enumerate(ends[job.name]):
            earlier = hashes.get(job.name, ())
            place = Place(
                name=workflow.name, bids=total, job=job.name, needs=_needs_of(job, hashes), instead_of=earlier
            )
            spec = JobSpec.parse(prepared[job.name].spec.to_json() | {"workflow": place.model_dump(by_alias=True)})
            bid = build_bid(
                replace(prepared[job.name], spec=spec),
                renter=renter,
                market=market,
                resources=job.resources,
                max_price=job.cap // job.replicas,
                salt=first_salt + len(built),
                replicas=job.replicas,
                verification=job.verification,
                now=now,
                valid_seconds=max(1, deadline - job.seconds - now),
                deadline=deadline,
            )
            built.append(WorkflowBid(job.name, attempt, bid, spec))
            hashes[job.name] = (*earlier, bid.struct_hash())
    return built


def _needs_of(job: WorkflowJob, hashes: Mapping[str, tuple[str, ...]]) -> tuple[Need, ...]:
    def files_of(name: str) -> tuple[Awaited, ...]:
        taken = (one for one in job.takes if one.job == name)
        return tuple(Awaited(path=one.path, output=one.output, max_bytes=one.max_bytes) for one in taken)

    return tuple(Need(bids=hashes[name], files=files_of(name)) for name in job.needs)


def _prepare(job: WorkflowJob, folder: Path, runtimes: Mapping[str, str]) -> PreparedJob:
    program = Path(job.program) if is_reference(job.program) else folder / job.program
    try:
        return prepare_job(
            program,
            [folder / one for one in job.inputs],
            runtimes=runtimes,
            args=job.args,
            env=job.env,
            name=job.name,
            requirements=Requirements(regions=job.regions),
        )
    except InputError as error:
        raise type(error)(f"Job {job.name!r}: {error}", hint=error.hint) from error


def _read(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}.", hint="Check the path.") from error
    try:
        return parse_json(text.encode(), path.name) if path.suffix.lower() == ".json" else _read_yaml(text)
    except (ValueError, MalformedMessage, RecursionError) as error:
        raise InputError(f"{path} is not {_kind(path)}: {error}.", hint="Correct it there.") from error


def _read_yaml(text: str) -> Any:
    """Raises ValueError."""
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def _kind(path: Path) -> str:
    return "JSON" if path.suffix.lower() == ".json" else "YAML"
