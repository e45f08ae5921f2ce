"""`hive logs`: what a program printed, or prints. Reads only; needs no wallet."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from marketplace.cli.context import JsonOption, UrlOption, find_market
from marketplace.cli.job_views import PANEL, JobArgument
from marketplace.cli.known import resolve_job
from marketplace.cli.output import print_json, talk, write_text
from marketplace.cli.terminal import Writer
from marketplace.cli.watching import LogView, WatchOptions, both_streams, require_one_output, show_log
from marketplace.errors import NotFound

if TYPE_CHECKING:
    from marketplace.client import MarketClient


def register(app: typer.Typer) -> None:
    """Add the command to `hive`."""
    app.command("logs", rich_help_panel=PANEL)(logs)


def logs(
    job: JobArgument,
    stderr: Annotated[bool, typer.Option("--stderr", help="Standard error instead of standard output.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the program has ended.")] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Let what it prints control the terminal; elsewhere it always comes as it is.")
    ] = False,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """What the program printed, checked against the attested digest; while it runs, what it has printed so far."""
    require_one_output(WatchOptions(follow=follow), as_json=as_json)
    with find_market(url).client() as client:
        job_id = resolve_job(client, job)
        if follow:
            view = LogView({"stderr": Writer(raw=raw)} if stderr else both_streams(raw=raw))
            follow_log(client, job_id, view)
            return
        is_attested, texts = _find_log(client, client.job(job_id))
    if as_json:
        decoded = {name: text.decode(errors="replace") for name, text in texts.items()}
        print_json({"jobId": job_id, "attested": is_attested, **decoded})
        return
    shown, name = (texts["stderr"], "error") if stderr else (texts["stdout"], "output")
    write_text(shown, raw=raw)
    if not is_attested:
        talk().print("(so far, and not attested yet: --follow goes on)", style="dim")
    elif not shown:
        talk().print(f"(it wrote nothing to standard {name})", style="dim")
    if not stderr and texts["stderr"]:
        talk().print("(there is more on standard error: --stderr)", style="dim")


def follow_log(client: "MarketClient", job_id: str, view: LogView) -> None:
    """Show a log to its end, then hold it against the attested one.

    Raises NotFound for a job that ended without anything printed or attested, and as `show_log`.
    """
    from marketplace.cli.follow import fetch_results

    show_log(client, job_id, view)
    job = client.job(job_id)
    try:
        results = fetch_results(client, job, client.domain())
    except NotFound:
        if view.seen is None:
            raise
        results = []
    view.finish(client, results)


def _find_log(client: "MarketClient", job: dict[str, Any]) -> tuple[bool, dict[str, bytes]]:
    """Whether it is attested, and both streams: verified, or what the market has heard. Raises NotFound for neither."""
    from marketplace.cli.follow import fetch_results
    from marketplace.client.livelog import NAMES
    from marketplace.client.results import read_log

    try:
        first = fetch_results(client, job, client.domain())[0]
    except NotFound:
        heard = [one for one in client.job_logs(job["jobId"])["leases"] if not one.get("attested", True)]
        if not heard:
            raise
        return False, {name: str(heard[0][name]).encode() for name in NAMES}
    return True, {name: read_log(client, first, f"log/{name}") for name in NAMES}
