"""The workflow document: named jobs, what they take of each other, what each may cost. What `hive workflow run` reads.

Nobody signs it: each of its jobs becomes a bid, or several where it may be tried again, whose specification says where
it stands (`upstream.Place`). `workflow.schema.json` beside this file is the published JSON Schema; a test holds it
equal to this model.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from marketplace.errors import InputError, InvalidAmount
from marketplace.protocol.enums import Verification
from marketplace.protocol.metering import Resources
from marketplace.protocol.paths import RelativePath
from marketplace.protocol.programs import MAX_INPUT_BYTES, Document
from marketplace.protocol.units import FUEL_PER_GFUEL, format_usdc, parse_usdc
from marketplace.protocol.upstream import MAX_ATTEMPTS, MAX_BIDS, JobName

DEFAULT_MAX_BYTES = 256_000_000
"""The longest file that a sandbox writes."""
LEAST_SLACK_SECONDS = 60
SLACK_SECONDS = 1_500
"""Time for a match, for verdicts and for settlement beside a job's own seconds, unless it says how much."""


def _text(value: Any) -> Any:
    """An amount may be written as a number."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Amount = Annotated[str, BeforeValidator(_text), Field(max_length=32)]
"""USDC."""


class Taken(Document):
    """A file of another job."""

    job: JobName
    output: Annotated[str, Field(pattern=r"^(out|log)/", max_length=1024)]
    """What that job's result calls it: `out/<path>`, `log/stdout`, `log/stderr`."""
    path: RelativePath
    """Where this job finds it, below `/in`."""
    max_bytes: Annotated[int, Field(ge=0, le=MAX_INPUT_BYTES)] = DEFAULT_MAX_BYTES


class WorkflowJob(Document):
    """One job; what it can say is what `hive run` has options for."""

    name: JobName
    program: Annotated[str, Field(min_length=1, max_length=1024)]
    """A file, below the document's folder unless it is absolute, or an image in a registry."""
    inputs: tuple[Annotated[str, Field(min_length=1, max_length=1024)], ...] = ()
    """Files and folders of the renter's own."""
    args: tuple[str, ...] = ()
    env: dict[str, str] = Field(default={})
    takes: tuple[Taken, ...] = ()
    """Files of other jobs, which have to be paid first."""
    after: tuple[JobName, ...] = ()
    """Jobs that have to be paid first, whose files it does not take."""
    max_price: Amount
    """The hard cap of each replica."""
    gpus: Annotated[int, Field(ge=0, lt=2**16)] = 0
    vcpus: Annotated[int, Field(ge=1, lt=2**16)] = 1
    memory: Annotated[int, Field(ge=1, lt=2**32)] = 512
    """MB."""
    seconds: Annotated[int, Field(ge=1, lt=2**31)] = 300
    fuel: Annotated[float, Field(gt=0, lt=2**33)] = 50.0
    """Gfuel."""
    egress: Annotated[int, Field(ge=1, lt=2**32)] = 10
    """MB."""
    replicas: Annotated[int, Field(ge=1, le=255)] = 1
    verify: Literal["reexecute", "replicate", "accept"] | None = None
    """None: what `hive run` would choose."""
    regions: tuple[str, ...] = ()
    retries: Annotated[int, Field(ge=0, lt=MAX_ATTEMPTS)] = 0
    """How often it is tried again after it was not paid."""
    within: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    """Seconds that each attempt may take from when it could begin, a match and verdicts included."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the jobs that must be paid first, each once, in the order in which they are named."""
        return tuple(dict.fromkeys([*(one.job for one in self.takes), *self.after]))

    @property
    def cap(self) -> int:
        """Micro-USDC that all replicas of one attempt may cost. At most one attempt is paid."""
        return parse_usdc(self.max_price) * self.replicas

    @property
    def attempts(self) -> int:
        """How many bids it becomes."""
        return self.retries + 1

    @property
    def slot(self) -> int:
        """Seconds that an attempt may take."""
        return self.within or self.seconds + SLACK_SECONDS

    @property
    def resources(self) -> Resources:
        """What its bids reserve."""
        fuel = int(self.fuel * FUEL_PER_GFUEL)
        return Resources(self.gpus, self.vcpus, self.memory, self.seconds, fuel, self.egress)

    @property
    def verification(self) -> Verification | None:
        """The policy that it names."""
        return Verification[self.verify.upper()] if self.verify else None


class Workflow(Document):
    """Jobs that need each other, in any order."""

    version: Literal[1] = 1
    name: Annotated[str, Field(max_length=120)] = ""
    cap: Amount | None = None
    """USDC that all jobs together may cost at most; the document is refused where their caps come to more."""
    jobs: Annotated[tuple[WorkflowJob, ...], Field(min_length=1, max_length=MAX_BIDS)]

    @classmethod
    def parse(cls, document: Any) -> "Workflow":
        """The workflow in a document. Raises InputError naming the field, and what would be right."""
        try:
            workflow = cls.model_validate(document)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(map(str, first["loc"])) or "document"
            raise InputError(f"Workflow.{field}: {first['msg']}.", hint="See workflow.schema.json.") from error
        _require_names(workflow)
        _require_amounts(workflow)
        _require_bids(workflow)
        workflow.order()
        return workflow

    @property
    def total_cap(self) -> int:
        """Micro-USDC that all of it may cost: the sum of its jobs' caps."""
        return sum(job.cap for job in self.jobs)

    def order(self) -> tuple[WorkflowJob, ...]:
        """Every job after those that it needs; else as they are written. Raises InputError, naming the cycle."""
        by_name = {job.name: job for job in self.jobs}
        done: dict[str, WorkflowJob] = {}
        while len(done) < len(by_name):
            ready = [job for job in self.jobs if job.name not in done and all(one in done for one in job.needs)]
            if not ready:
                cycle = " → ".join(_find_cycle({job.name: job.needs for job in self.jobs if job.name not in done}))
                raise InputError(
                    f"Workflow.jobs: these need each other in a circle: {cycle} (each needs the next).",
                    hint="Take one of these needs out.",
                )
            done |= {job.name: job for job in ready}
        return tuple(done.values())

    def latest_ends(self, now: int) -> dict[str, tuple[int, ...]]:
        """By when each attempt of each job must have ended, unix seconds: all before it may take their whole time."""
        ends: dict[str, tuple[int, ...]] = {}
        for job in self.order():
            start = max([now, *(ends[need][-1] for need in job.needs)])
            ends[job.name] = tuple(start + number * job.slot for number in range(1, job.attempts + 1))
        return ends


def _require_names(workflow: Workflow) -> None:
    names: dict[str, int] = {}
    for index, job in enumerate(workflow.jobs):
        if job.name in names:
            raise InputError(
                f"Workflow.jobs.{index}.name: {job.name!r} is the name of jobs.{names[job.name]} already.",
                hint="Give each job a name of its own.",
            )
        names[job.name] = index
    for index, job in enumerate(workflow.jobs):
        unknown = next((need for need in job.needs if need not in names), None)
        if unknown is not None:
            raise InputError(
                f"Workflow.jobs.{index}: {job.name!r} needs {unknown!r}, and there is no such job.",
                hint=f"There are: {', '.join(names)}.",
            )
        paths = [one.path for one in job.takes]
        twice = next((path for path in paths if paths.count(path) > 1), None)
        if twice is not None:
            raise InputError(f"Workflow.jobs.{index}.takes: two files are to lie at {twice!r}.")


def _require_amounts(workflow: Workflow) -> None:
    for index, job in enumerate(workflow.jobs):
        try:
            worth = job.cap
        except InvalidAmount as error:
            raise InputError(f"Workflow.jobs.{index}.maxPrice: {error}", hint=error.hint) from error
        if worth == 0:
            raise InputError(f"Workflow.jobs.{index}.maxPrice: 0 buys nothing.", hint="Name what it may cost in USDC.")
        if job.slot < job.seconds + LEAST_SLACK_SECONDS:
            raise InputError(
                f"Workflow.jobs.{index}.within: {job.slot} s leave no time for a match and for verdicts beside the"
                f" job's own {job.seconds} s.",
                hint=f"Say {job.seconds + LEAST_SLACK_SECONDS} or more.",
            )
    if workflow.cap is None:
        return
    try:
        cap = parse_usdc(workflow.cap)
    except InvalidAmount as error:
        raise InputError(f"Workflow.cap: {error}", hint=error.hint) from error
    if workflow.total_cap > cap:
        raise InputError(
            f"Workflow.cap: the jobs may cost {format_usdc(workflow.total_cap)} USDC together, the cap is"
            f" {format_usdc(cap)} USDC.",
            hint="Raise the cap, or lower maxPrice of some jobs.",
        )


def _require_bids(workflow: Workflow) -> None:
    bids = sum(job.attempts for job in workflow.jobs)
    if bids > MAX_BIDS:
        raise InputError(
            f"Workflow.jobs: with all retries these are {bids} bids; a workflow has at most {MAX_BIDS}.",
            hint="Make it two, or retry less.",
        )


def _find_cycle(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """A circle among jobs of which each needs another one of them, from one of its jobs back to it."""
    path = [next(iter(needs))]
    while True:
        following = next(need for need in needs[path[-1]] if need in needs)
        if following in path:
            return [*path[path.index(following) :], following]
        path.append(following)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a workflow document."""
    schema = Workflow.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:computehive:workflow:1", **schema}
