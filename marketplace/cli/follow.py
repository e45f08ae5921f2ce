"""Attending a job: its timeline as it happens, then the checked result on disk, its output, its bill."""

import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from marketplace.cli.accepting import awaits_renter, tell_what_to_decide
from marketplace.cli.output import last_lines, print_json, short, size, talk, write_text
from marketplace.cli.patience import Patience, waiting_text
from marketplace.cli.settled import job_bills, job_end_error, print_bills
from marketplace.cli.timeline import WAITING_FOR, Story
from marketplace.cli.watching import LogView, Watch, WatchOptions
from marketplace.errors import MarketError, ProgramFailed

if TYPE_CHECKING:
    from marketplace.client import MarketClient
    from marketplace.client.results import VerifiedResult
    from marketplace.protocol.eip712 import Domain

DEFAULT_FOLDER = "hive-results"


def attend(
    client: "MarketClient",
    job_id: str,
    domain: "Domain",
    *,
    watch: WatchOptions,
    as_json: bool,
    tend: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Follow a job to its end, or until its renter has to judge it: its prints if wanted, its result, its bill.

    Meanwhile `tend` is called with it, again and again.

    Raises WaitTimeout while it goes on, JobFailed for an end without a paid result, ProgramFailed for a program that
    ended with an exit code of its own, and the errors of verification.
    """
    talk().print(
        f"\nJob [b]{short(job_id)}[/b] placed (Ctrl-C leaves it running; `hive status {short(job_id)}` returns to it)."
    )
    log = Watch(client, job_id) if watch.follow else None
    job = _narrate(client, job_id, watch.timeout, tend, has_log=log is not None)
    view = log.wait() if log is not None else None
    bills = job_bills(client, job)
    if awaits_renter(job):
        results = fetch_results(client, job, domain)
        files = save_results(client, job, results, watch.output)
        deliver(client, job, results, files, bills, as_json=as_json, view=view)
        tell_what_to_decide(job, results[0])
        return
    if job["state"] != "paid":
        talk().print()
        print_bills(bills, talk())
        with suppress(MarketError):  # most jobs that fail have left nothing
            print_stderr_tail(client, job, fetch_results(client, job, domain)[0])
        raise job_end_error(job)
    results = fetch_results(client, job, domain)
    files = save_results(client, job, results, watch.output)
    deliver(client, job, results, files, bills, as_json=as_json, view=view)
    if results[0].attestation.exit_code:
        code = results[0].attestation.exit_code
        if as_json:  # the one document is printed
            raise typer.Exit(ProgramFailed.exit_code)
        raise ProgramFailed(
            f"The program ended with exit code {code}. It has run, so what it used is paid.",
            hint=f"`hive logs {short(job_id)} --stderr` shows all that it wrote to standard error.",
        )


def fetch_results(client: "MarketClient", job: dict[str, Any], domain: "Domain") -> list["VerifiedResult"]:
    """The verified result of each lease that has one. Raises CannotDecrypt for a private job whose key is not here."""
    from marketplace.cli.private import recall_key
    from marketplace.client.results import fetch_result
    from marketplace.errors import NotFound

    found = []
    for lease in job["leases"]:
        try:
            terms = client.lease_terms(lease["leaseId"])
            found.append(fetch_result(client, lease["leaseId"], terms, domain, recall_key(terms.job_spec)))
        except NotFound:
            continue
    if not found:
        missing = NotFound("result yet of job", short(job["jobId"]))
        missing.hint = f"It is {job['state']}; `hive status {short(job['jobId'])}` tells more."
        raise missing
    return found


def save_results(
    client: "MarketClient", job: dict[str, Any], results: list["VerifiedResult"], output: Path | None
) -> list[tuple[Path, int]]:
    """Every file of a result on disk; replicas into a folder each, named by lease, unless they agree."""
    from marketplace.client.results import download_result

    folder = output or Path(DEFAULT_FOLDER) / short(job["jobId"])
    distinct = {result.attestation.result_digest: result for result in results}
    files: list[tuple[Path, int]] = []
    for result in distinct.values():
        target = folder if len(distinct) == 1 else folder / short(result.lease_id)
        files.extend(download_result(client, result, target))
    return files


def deliver(
    client: "MarketClient",
    job: dict[str, Any],
    results: list["VerifiedResult"],
    files: list[tuple[Path, int]],
    bills: list[Any],
    *,
    as_json: bool,
    view: LogView | None = None,
) -> None:
    """The program's own output on stdout, everything else beside it. `view` is where it was shown before."""
    from marketplace.client.results import read_log
    from marketplace.protocol.enums import ExitKind
    from marketplace.protocol.manifest import STDERR_PATH

    printed = read_log(client, results[0])
    if as_json:
        print_json(
            {
                "jobId": job["jobId"],
                "state": job["state"],
                "resultDigest": results[0].attestation.result_digest,
                "exitCode": results[0].attestation.exit_code,
                "files": [{"path": str(path), "size": count} for path, count in files],
                "stdout": printed.decode(errors="replace"),
                "stderr": read_log(client, results[0], STDERR_PATH).decode(errors="replace"),
                "bills": [bill.to_json() for bill in bills],
            }
        )
        return
    if view is not None:
        view.finish(client, results)
    elif printed:
        talk().print("\n[b]It printed[/b]")
        write_text(printed)
    talk().print("\n[b]Result[/b]  every file checked against the digest that the provider signed")
    for path, count in files:
        if count:
            talk().print(f"  {path}  [dim]{size(count)}[/dim]")
    if not any(count for _, count in files):
        talk().print("  no files, and nothing printed", style="dim")
    if job["state"] != "paid":
        talk().print(f"  [yellow]The job is {job['state']}: this is what the provider delivered.[/yellow]")
    kind = ExitKind(results[0].attestation.exit_kind)
    if kind is not ExitKind.EXITED:
        talk().print(f"  [yellow]The program did not come to its end: {kind.name.lower().replace('_', ' ')}.[/yellow]")
        print_stderr_tail(client, job, results[0])
    elif results[0].attestation.exit_code:
        talk().print(f"  [yellow]The program ended with exit code {results[0].attestation.exit_code}.[/yellow]")
        print_stderr_tail(client, job, results[0])
    talk().print()
    print_bills(bills, talk())


def print_stderr_tail(client: "MarketClient", job: dict[str, Any], result: "VerifiedResult") -> None:
    """The last lines that a program wrote to standard error, where it wrote any."""
    from marketplace.client.results import read_log
    from marketplace.protocol.manifest import STDERR_PATH

    lines, before = last_lines(read_log(client, result, STDERR_PATH))
    if not lines:
        return
    more = f"  [dim]after {before} more: `hive logs {short(job['jobId'])} --stderr`[/dim]" if before else ""
    talk().print(f"\n[b]The end of its standard error[/b]{more}")
    for line in lines:
        talk().print(Text(f"  {line}"), soft_wrap=True)


def _narrate(
    client: "MarketClient",
    job_id: str,
    timeout: float,
    tend: Callable[[dict[str, Any]], None] | None,
    *,
    has_log: bool,
) -> dict[str, Any]:
    """The job at its end; until then its events are told as they come, and what it waits for.

    With a log beside it nothing moves on the terminal: two threads write there.
    """
    from marketplace.client.waiting import follow_job

    console, story, started = talk(), Story(), time.monotonic()
    job: dict[str, Any] = {}

    def tell(line: str) -> None:
        console.print(f"  [dim]{time.monotonic() - started:6.1f} s[/dim]  {line}", soft_wrap=True)

    def sleep(seconds: float) -> None:
        if tend is not None and job:
            tend(job)
        patience.sleep(seconds)

    patience = Patience(lambda: tell(f"[dim]{waiting_text(job)}[/dim]"))
    with nullcontext() if has_log else console.status("placing the order") as status:
        for job in follow_job(client, job_id, timeout=timeout, sleep=sleep):
            for _, line in story.news(job["timeline"]):
                tell(line)
            if awaits_renter(job):
                break
            if status is not None:
                status.update(WAITING_FOR.get(job["state"], job["state"]))
            patience.reset()
    return job
