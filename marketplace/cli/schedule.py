"""When a job may run: the options of `hive quote` and `hive run`, and what they mean."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from marketplace.errors import InputError

if TYPE_CHECKING:
    from marketplace.protocol.checkpointing import Checkpointing
    from marketplace.protocol.jobspec import Schedule


@dataclass(frozen=True)
class ScheduleOptions:
    """A start that lies ahead, a deadline of one's own, whether a better bid may take its place, what it saves then."""

    start: Annotated[
        str | None,
        typer.Option("--start", help="Not before: +SECONDS, unix seconds, or 2027-01-31T08:00 (a unit is reserved)."),
    ] = None
    within: Annotated[
        int | None,
        typer.Option("--within", min=1, help="Seconds from its start until the result must be there, settled."),
    ] = None

    preemptible: Annotated[
        int | None,
        typer.Option(
            "--preemptible", min=10, max=3600, help="Make way for better bids after so many seconds' notice; no rent."
        ),
    ] = None

    checkpoint: Annotated[
        str | None,
        typer.Option("--checkpoint", help="Folder, below its own, in which it saves its state, to be gone on from."),
    ] = None
    checkpoint_seconds: Annotated[
        int, typer.Option("--checkpoint-seconds", min=5, max=86_400, help="How often that is fetched, at most.")
    ] = 60

    freeze: Annotated[
        bool,
        typer.Option("--freeze", help="Containers: the whole process too, for the same machine to go on with."),
    ] = False

    @property
    def is_later(self) -> bool:
        """Whether the job does not compete for what stands idle now."""
        return self.start is not None or self.preemptible is not None

    def to_schedule(self) -> "Schedule":
        """As the job specification says it. Raises InputError for a start that is none, or has passed."""
        from marketplace.protocol.jobspec import Schedule

        if self.start is None:
            return Schedule(preemption_notice_seconds=self.preemptible)
        if self.preemptible is not None:
            raise InputError("A job cannot be reserved ahead and preemptible.", hint="Leave out one of the two.")
        start = parse_time(self.start, int(time.time()))
        if start <= time.time():
            raise InputError(f"--start {self.start} has passed.", hint="Leave it out to start at once.")
        return Schedule(not_before=start)

    def to_checkpoint(self) -> "Checkpointing | None":
        """As the job specification says it. Raises InputError for a freezing job without a folder."""
        from marketplace.protocol.checkpointing import Checkpointing

        if self.checkpoint is None:
            if self.freeze:
                raise InputError(
                    "--freeze helps on the same machine only.", hint="Name a folder for all others: --checkpoint state."
                )
            return None
        return Checkpointing(
            directory=self.checkpoint.strip("/"), interval_seconds=self.checkpoint_seconds, freeze=self.freeze
        )

    def deadline(self, schedule: "Schedule") -> int | None:
        """Unix seconds, or None for the usual one."""
        return max(int(time.time()), schedule.not_before) + self.within if self.within is not None else None


def parse_time(text: str, now: int) -> int:
    """Unix seconds of `+SECONDS` from `now`, of unix seconds, or of an ISO 8601 time (local where it names no zone).

    Raises InputError.
    """
    if text.removeprefix("+").isdecimal():
        seconds = int(text) + (now if text.startswith("+") else 0)
        if seconds >= 2**40:
            raise InputError(f"{text} is too far ahead.", hint="Times are in seconds, not in milliseconds.")
        return seconds
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError as error:
        raise InputError(
            f"{text!r} is not a time.", hint="Say +3600, unix seconds, or a time such as 2027-01-31T08:00+01:00."
        ) from error
