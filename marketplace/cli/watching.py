"""What a job prints, shown while it runs, and held against the attested log afterwards."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from marketplace.cli.output import short, talk
from marketplace.cli.terminal import Writer
from marketplace.errors import InputError, MarketError

if TYPE_CHECKING:
    from marketplace.client import MarketClient
    from marketplace.client.events import JobEvent
    from marketplace.client.livelog import SeenLog
    from marketplace.client.results import VerifiedResult

LAST_SECONDS = 30.0
"""How long the last of a log is waited for once its job has ended."""


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How a job that was placed is attended."""

    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the result; else hive-results/<id>.")
    ] = None
    timeout: Annotated[int, typer.Option("--timeout", min=1, help="Seconds to wait; the job goes on afterwards.")] = (
        3600
    )
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show what the program prints while it runs, not only at its end.")
    ] = False


def require_one_output(watch: WatchOptions, *, as_json: bool, detach: bool = False) -> None:
    """Raises InputError where --follow is given with what leaves nothing to show."""
    if watch.follow and (as_json or detach):
        other = "--json prints one document at the end" if as_json else "--detach does not wait"
        raise InputError(f"--follow shows output as it comes; {other}.", hint="Leave out one of them.")


class LogView:
    """Shows the log of one lease of a job as events tell it: of replicas, the first that begins."""

    def __init__(self, writers: Mapping[str, Writer], tell: Callable[[str], None] | None = None) -> None:
        """`writers` by the streams that are wanted; `tell` is for a line of Rich markup."""
        self._writers, self._tell = writers, tell or (lambda line: talk().print(line, soft_wrap=True))
        self.seen: SeenLog | None = None

    def show(self, event: "JobEvent") -> None:
        """Raises MalformedMessage for bytes that do not follow what came before."""
        if event.kind == "withheld":
            self._tell(f"[dim]Shown at its end only. {escape(str(event.data.get('reason', '')))}[/dim]")
        elif event.kind == "begin":
            self._begin(event.data)
        elif event.kind == "log" and self.seen is not None and event.data.get("leaseId") == self.seen.lease_id:
            self._write(*self.seen.add(event.data))

    def finish(self, client: "MarketClient", results: list["VerifiedResult"]) -> None:
        """Show what is missing of the attested log, and say where it does not go on from what was shown."""
        from marketplace.client.results import read_log

        lease_id = self.seen.lease_id if self.seen is not None else results[0].lease_id
        result = next((one for one in results if one.lease_id == lease_id), None)
        if result is None:
            self._end()
            self._tell("[yellow]Nobody attested to this output: it proves nothing.[/yellow]")
            return
        logs = {name: read_log(client, result, f"log/{name}") for name in ("stdout", "stderr")}
        different = [name for name in logs if self.seen is not None and not self.seen.is_beginning_of(name, logs[name])]
        if not different:
            for name, attested in logs.items():
                self._write(name, attested[self.seen.sizes[name] if self.seen is not None else 0 :])
        self._end()
        if different:
            self._tell(
                f"[red]What was shown is not what the provider attested ({' and '.join(different)}).[/red]"
                " Only the attested log counts: `hive logs` without --follow shows it."
            )
        else:
            said = "what was shown is what the provider attested" if any(logs.values()) else "it printed nothing"
            self._tell(f"[dim]({said})[/dim]")

    def _begin(self, data: dict[str, Any]) -> None:
        from marketplace.client.livelog import SeenLog

        lease_id = str(data.get("leaseId"))
        if self.seen is not None and self.seen.lease_id != lease_id:
            return
        if data.get("again"):
            self._end()
            self._tell("[yellow]Its machine began it anew: what was shown so far is void.[/yellow]")
        elif self.seen is None:
            stand = "attested" if data.get("attested") else "as it runs; not attested yet"
            self._tell(f"[dim]lease {escape(short(lease_id))}…, {stand}[/dim]")
        self.seen = SeenLog(lease_id)

    def _write(self, name: str, data: bytes) -> None:
        if name in self._writers and data:
            self._writers[name].write(data)

    def _end(self) -> None:
        for writer in self._writers.values():
            writer.write(b"", is_last=True)


def both_streams(*, raw: bool = False) -> dict[str, Writer]:
    """A program's standard output and error onto ours."""
    return {"stdout": Writer(raw=raw), "stderr": Writer(raw=raw, to_error=True)}


class Watch:
    """A view that is filled in a thread of its own, while somebody else attends the job."""

    def __init__(self, client: "MarketClient", job_id: str) -> None:
        self.view = LogView(both_streams())
        self._client, self._job_id = client, job_id
        self._thread = threading.Thread(target=self._follow, name="job-log", daemon=True)
        self._thread.start()

    def wait(self) -> LogView:
        """The view once the log is whole, or cannot be followed."""
        self._thread.join(LAST_SECONDS)
        return self.view

    def _follow(self) -> None:
        try:
            show_log(self._client, self._job_id, self.view)
        except MarketError as error:
            talk().print(f"[yellow]Its output cannot be followed:[/yellow] {escape(str(error))}", soft_wrap=True)


def show_log(client: "MarketClient", job_id: str, view: LogView) -> None:
    """Fill a view until the job will print nothing more. Raises ServiceUnavailable, NotFound, MalformedMessage."""
    from marketplace.client.events import follow_events

    for event in follow_events(lambda after: client.job_log_stream(job_id, after)):
        view.show(event)
