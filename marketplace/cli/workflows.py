"""`hive workflow run|status|cancel|list`: jobs that need each other, signed at once."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marketplace.cli.context import (
    JsonOption,
    PasswordFileOption,
    UrlOption,
    WalletOption,
    YesOption,
    find_keystore,
    find_market,
    named_wallet,
    require_consent,
    unlock,
)
from marketplace.cli.known import remember_job
from marketplace.cli.output import out, print_json, short, talk, usdc
from marketplace.cli.signed import require_funds
from marketplace.cli.workflow_views import print_commitment, print_list, print_workflow, tell_changes
from marketplace.errors import ConflictError, InputError, JobFailed, NotFound, WaitTimeout, WrongSigner

if TYPE_CHECKING:
    from marketplace.client import MarketClient

PANEL = "Jobs"
POLL_SECONDS = 1.0
ID_LENGTH = 66
ID_FORM = re.compile(r"0x[0-9a-f]{1,64}")
WorkflowArgument = Annotated[str, typer.Argument(help="The workflow's id, as `hive workflow list` shows it.")]
FollowOption = Annotated[bool, typer.Option("--follow", "-f", help="Wait for its end and tell what happens.")]
TimeoutOption = Annotated[
    int, typer.Option("--timeout", min=1, help="Seconds to wait with --follow; the workflow goes on afterwards.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to `hive`."""
    workflow = typer.Typer(name="workflow", help="Jobs that need each other's results.", no_args_is_help=True)
    for command in (run, status, cancel):
        workflow.command(command.__name__)(command)
    workflow.command("list")(list_all)
    app.add_typer(workflow, rich_help_panel=PANEL)


def run(
    file: Annotated[Path, typer.Argument(help="The workflow document, YAML or JSON.")],
    follow: FollowOption = False,
    timeout: TimeoutOption = 3600,
    wallet: WalletOption = None,
    url: UrlOption = None,
    password_file: PasswordFileOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Sign all jobs of a workflow at once and place them: each begins once those that it needs are paid."""
    from marketplace.client.jobs import runtimes_of, upload_job
    from marketplace.client.workflows import build_workflow, load_workflow, prepare_workflow
    from marketplace.protocol.eip712 import Domain

    workflow = load_workflow(file)
    market = find_market(url)
    with market.client() as client:
        config = client.config()
        prepared = prepare_workflow(workflow, file.parent, runtimes_of(config))
        keystore = find_keystore(wallet, market)
        require_funds(client, keystore.address, workflow.total_cap, named_wallet(wallet))
        print_commitment(workflow, sum(job.upload_bytes for job in prepared.values()))
        require_consent("Sign these bids?", yes=yes)
        account = unlock(keystore, market, password_file)
        for job in prepared.values():
            upload_job(client, job)
        bids = build_workflow(
            workflow,
            prepared,
            renter=account.address,
            market=config["market"],
            first_salt=client.next_salt(account.address),
            now=int(time.time()),
        )
        domain = Domain(chain_id=int(config["chainId"]), escrow=config["contracts"]["Escrow"])
        placed = client.place_workflow(bids, domain, account)
        for one in bids:
            remember_job(one.bid.struct_hash(), one.bid.to_json(), market.url)
        _show(client, placed, timeout, follow=follow, as_json=as_json)


def status(
    workflow: WorkflowArgument,
    follow: FollowOption = False,
    timeout: TimeoutOption = 3600,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Where a workflow and each of its jobs stands, and why."""
    with find_market(url).client() as client:
        _show(client, client.workflow(resolve(client, workflow)), timeout, follow=follow, as_json=as_json)


def cancel(
    workflow: WorkflowArgument,
    wallet: WalletOption = None,
    url: UrlOption = None,
    password_file: PasswordFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Withdraw every bid of a workflow that waits. What runs goes on, and is paid for."""
    from marketplace.client.jobs import build_cancel
    from marketplace.protocol.messages import Bid

    market = find_market(url)
    with market.client() as client:
        found = client.workflow(resolve(client, workflow))
        keystore = find_keystore(wallet, market)
        if found["renter"] != keystore.address:
            raise WrongSigner(
                f"The workflow belongs to {found['renter']}; this wallet is {keystore.address}.",
                hint="Name the right one with --wallet.",
            )
        waiting = list(_waiting(found))
        if not waiting:
            raise ConflictError(f"Workflow {short(found['workflowId'])} is {found['state']}: nothing of it waits.")
        account, domain = unlock(keystore, market, password_file), client.domain()
        for job_id in waiting:
            order = build_cancel(Bid.parse(client.job(job_id)["bid"]))
            client.cancel(order, order.sign(domain, account.key))
        found = client.workflow(found["workflowId"])
    if as_json:
        print_json(found)
        return
    out().print(f"{len(waiting)} bids of workflow {short(found['workflowId'])} are withdrawn.")
    print_workflow(found)


def list_all(
    wallet: WalletOption = None,
    everybody: Annotated[bool, typer.Option("--all", help="Everybody's, not only this wallet's.")] = False,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Workflows, newest first."""
    market = find_market(url)
    with market.client() as client:
        renter = None if everybody else find_keystore(wallet, market).address
        found = client.workflows(renter)
    if as_json:
        print_json(found)
        return
    print_list(found["workflows"])


def resolve(client: "MarketClient", given: str) -> str:
    """The id of a workflow that is named by it or its beginning, among the newest.

    Raises InputError for what cannot be an id, NotFound, ConflictError where several begin so.
    """
    wanted = given.lower()
    if not ID_FORM.fullmatch(wanted):
        raise InputError(
            f"{given!r} is not a workflow's id: expected 0x and hex digits.", hint="`hive workflow list` shows yours."
        )
    if len(wanted) == ID_LENGTH:
        return wanted
    begun = [one["workflowId"] for one in client.workflows()["workflows"] if one["workflowId"].startswith(wanted)]
    if not begun:
        raise NotFound("workflow", given)
    if len(begun) > 1:
        raise ConflictError(f"{len(begun)} workflows begin with {given}.", hint="Say more of the id.")
    return begun[0]


def _waiting(workflow: dict[str, Any]) -> Iterator[str]:
    for job in workflow["jobs"]:
        yield from (one["jobId"] for one in job["attempts"] if one["state"] in ("queued", "reserved"))


def _show(client: "MarketClient", found: dict[str, Any], timeout: int, *, follow: bool, as_json: bool) -> None:
    """Raises JobFailed where it is followed to an end that is not the one that was wanted."""
    if follow:
        found = _follow(client, found, timeout)
    if as_json:
        print_json(found)
    else:
        print_workflow(found)
    if follow and found["state"] != "done":
        raise JobFailed(
            f"Workflow {short(found['workflowId'])} is {found['state']}; {usdc(found['paid'])} were paid for what ran.",
            hint=f"`hive workflow status {short(found['workflowId'])}` says what each job came to.",
        )


def _follow(client: "MarketClient", found: dict[str, Any], timeout: int) -> dict[str, Any]:
    ends_at, known = time.monotonic() + timeout, dict[str, str]()
    talk().print(f"workflow {found['workflowId']}", soft_wrap=True)
    while True:
        tell_changes(found, known)
        if found["state"] != "running":
            return found
        if time.monotonic() > ends_at:
            raise WaitTimeout(
                f"Workflow {short(found['workflowId'])} is still running after {timeout} s; it goes on.",
                hint=f"`hive workflow status {short(found['workflowId'])} --follow` waits again.",
            )
        time.sleep(POLL_SECONDS)
        found = client.workflow(found["workflowId"])
