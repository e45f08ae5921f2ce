"""`hive jobs|status|result|bill|explain`: looking at jobs. Reads only; needs no wallet."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from marketplace.cli.context import JsonOption, UrlOption, WalletOption, find_keystore, find_market
from marketplace.cli.known import resolve_job
from marketplace.cli.output import (
    amount,
    clock_time,
    facts,
    out,
    print_json,
    short,
    state_text,
    table,
    talk,
    usdc,
)
from marketplace.cli.timeline import Story
from marketplace.errors import KeystoreError

PANEL = "Jobs"
LEASE_AMOUNTS = ("locked", "paid", "fee", "back")
JobArgument = Annotated[str, typer.Argument(help="A job's id, or its beginning (0x and four digits or more).")]


def register(app: typer.Typer) -> None:
    """Add the commands to `hive`."""
    for command in (jobs, status, result, bill, explain):
        app.command(command.__name__, rich_help_panel=PANEL)(command)


def jobs(
    everybody: Annotated[bool, typer.Option("--all", help="Everybody's, not only your wallet's.")] = False,
    state: Annotated[str | None, typer.Option("--state", help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100, help="How many, newest first.")] = 20,
    wallet: WalletOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Your jobs, newest first."""
    market = find_market(url)
    renter = None
    if not everybody:
        try:
            renter = find_keystore(wallet, market).address
        except KeystoreError as error:
            raise KeystoreError(error.message, hint="Or look at everybody's jobs with --all.") from error
    with market.client() as client:
        page = client.jobs(renter=renter, state=state, limit=limit)
    if as_json:
        print_json(page)
        return
    if not page["jobs"]:
        talk().print("No jobs yet: `hive run script.py` places one.")
        return
    shown = table("job", "name", "state", "placed", "cap", right=("cap",))
    for job in page["jobs"]:
        placed = clock_time(int(job["createdAt"])) if job.get("createdAt") else "—"
        shown.add_row(
            short(job["jobId"]),
            escape(job.get("name") or "—"),
            state_text(job["state"]),
            placed,
            usdc(job["bid"]["maxPrice"]),
        )
    out().print(shown)


def status(job: JobArgument, url: UrlOption = None, as_json: JsonOption = False) -> None:
    """Where a job stands: state, leases, timeline."""
    with find_market(url).client() as client:
        found = client.job(resolve_job(client, job))
    if as_json:
        print_json(found)
        return
    rows: list[tuple[str, Any]] = [("job", found["jobId"]), ("name", escape(found.get("name") or "—"))]
    rows += [
        ("state", state_text(found["state"])),
        ("cap", f"{usdc(found['bid']['maxPrice'])} a lease, {found['bid']['replicas']} of them at most"),
    ]
    rows.append(("deadline", clock_time(int(found["bid"]["deadline"]))))
    out().print(facts(rows))
    if found["leases"]:
        columns = ("lease", "provider", "state", *LEASE_AMOUNTS)
        shown = table(*columns, title="Leases, amounts in USDC", right=LEASE_AMOUNTS)
        for lease in found["leases"]:
            amounts = [amount(lease.get(name)) for name in ("price", "paid", "fee", "refund")]
            shown.add_row(short(lease["leaseId"]), short(lease["provider"]), str(lease["state"]), *amounts)
        out().print()
        out().print(shown)
    out().print()
    for event, line in Story().news(found["timeline"]):
        out().print(f"  [dim]{clock_time(int(event['at']))}[/dim]  {line}", soft_wrap=True)


def result(
    job: JobArgument,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder; else hive-results/<id>.")] = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Download a result; every file is checked against the manifest that the provider signed."""
    from marketplace.cli.follow import deliver, fetch_results, save_results
    from marketplace.cli.settled import job_bills

    with find_market(url).client() as client:
        found = client.job(resolve_job(client, job))
        results = fetch_results(client, found, client.domain())
        files = save_results(client, found, results, output)
        deliver(client, found, results, files, job_bills(client, found), as_json=as_json)


def bill(job: JobArgument, url: UrlOption = None, as_json: JsonOption = False) -> None:
    """What a job cost, recomputed from the signed orders and the attested usage, and compared with what was paid."""
    from marketplace.cli.settled import job_bills, print_bills

    with find_market(url).client() as client:
        found = client.job(resolve_job(client, job))
        bills = job_bills(client, found)
    if as_json:
        print_json({"jobId": found["jobId"], "state": found["state"], "bills": [each.to_json() for each in bills]})
        return
    if not bills:
        talk().print(f"Nothing was charged: the job is {found['state']}, no lease of it is closed.")
        return
    print_bills(bills, out())


def explain(job: JobArgument, url: UrlOption = None, as_json: JsonOption = False) -> None:
    """Matched or not, why, at what price, what the runners-up would have cost."""
    from marketplace.cli.explained import print_explanation

    with find_market(url).client() as client:
        found = client.job_explain(resolve_job(client, job))
    if as_json:
        print_json(found)
        return
    print_explanation(found, out())
