"""How a workflow looks on a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from marketplace.cli.output import out, short, size, talk, usdc

if TYPE_CHECKING:
    from marketplace.protocol.workflow import Workflow


def print_commitment(workflow: "Workflow", upload_bytes: int) -> None:
    """What signing means, in words and before it happens."""
    table = Table(box=None, pad_edge=False)
    for title in ("job", "needs", "attempts", "at most"):
        table.add_column(title)
    for job in workflow.order():
        table.add_row(job.name, ", ".join(job.needs) or "-", str(job.attempts), usdc(job.cap))
    talk().print(table)
    bids = sum(job.attempts for job in workflow.jobs)
    talk().print(
        f"You sign {bids} bids that cost [b]at most {usdc(workflow.total_cap)}[/b] together: a job is tried again only"
        " after an attempt that cost nothing."
    )
    talk().print(f"{size(upload_bytes)} will be uploaded. Once they are placed you may go offline.")


def print_workflow(workflow: dict[str, Any]) -> None:
    """State and jobs."""
    title = f" {escape(workflow['name'])!r}" if workflow["name"] else ""
    out().print(f"workflow {workflow['workflowId']}{title}: [b]{workflow['state']}[/b]", soft_wrap=True)
    out().print(f"paid {usdc(workflow['paid'])} of at most {usdc(workflow['cap'])}")
    table = Table(box=None, pad_edge=False)
    for name in ("job", "state", "needs", "id", "why"):
        table.add_column(name, overflow="fold")
    for job in workflow["jobs"]:
        for number, attempt in enumerate(job["attempts"]):
            table.add_row(
                job["name"] if number == 0 else f"  retry {number}",
                _state(attempt),
                ", ".join(job["needs"]) or "-",
                short(attempt["jobId"]),
                escape(attempt["reason"] or ""),
            )
    out().print(table)


def print_list(workflows: Sequence[dict[str, Any]]) -> None:
    """One line each."""
    table = Table(box=None, pad_edge=False)
    for name in ("id", "name", "state", "jobs", "paid", "at most"):
        table.add_column(name)
    for one in workflows:
        table.add_row(
            short(one["workflowId"]), escape(one["name"]), one["state"], str(len(one["jobs"])), usdc(one["paid"]),
            usdc(one["cap"]),
        )  # fmt: skip
    out().print(table)


def tell_changes(workflow: dict[str, Any], known: dict[str, str]) -> None:
    """Say which attempts stand elsewhere than `known` says, and note it there."""
    for job in workflow["jobs"]:
        for number, attempt in enumerate(job["attempts"]):
            if known.get(attempt["jobId"]) == attempt["state"]:
                continue
            is_first = attempt["jobId"] not in known and attempt["state"] == "queued"
            known[attempt["jobId"]] = attempt["state"]
            if is_first:
                continue
            retry = f" (retry {number})" if number else ""
            why = f": {escape(attempt['reason'])}" if attempt["state"] == "cancelled" and attempt["reason"] else ""
            talk().print(f"{job['name']}{retry} is {_state(attempt)}{why}", soft_wrap=True)


def _state(attempt: dict[str, Any]) -> str:
    return attempt["state"] + (f", exit code {attempt['exitCode']}" if attempt["exitCode"] else "")
