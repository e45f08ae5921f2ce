"""How a job's leases ended: bills recomputed from signed terms and attested usage, held against what was paid."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.table import Table

from marketplace.cli.output import amount, gfuel, short, talk, usdc
from marketplace.cli.took import usage_text
from marketplace.errors import InvalidSignature, MalformedMessage, MarketError, NotFound

if TYPE_CHECKING:
    from marketplace.client import MarketClient
    from marketplace.client.bills import Bill


def job_bills(client: "MarketClient", job: dict[str, Any]) -> list["Bill"]:
    """A bill for every closed lease. Raises ClearingError where the recomputed one differs from the amounts paid."""
    return [lease_bill(client, lease) for lease in job["leases"] if lease.get("outcome")]


def lease_bill(client: "MarketClient", lease: dict[str, Any]) -> "Bill":
    """One lease's bill, with what its agent says that it took. Raises ClearingError where it differs from what the
    chain's event says.
    """
    from marketplace.client.bills import checked_usage, compute_bill, require_same
    from marketplace.protocol.enums import Outcome
    from marketplace.protocol.messages import Attestation

    terms = client.lease_terms(lease["leaseId"])
    try:
        evidence = client.attestation(lease["leaseId"])
    except NotFound:
        evidence = {}
    attestation = Attestation.parse(evidence["attestation"]) if evidence else None
    paid, fee, refund = (int(lease[name]) for name in ("paid", "fee", "refund"))
    outcome = Outcome[str(lease["outcome"]).upper()]
    agreed = paid + fee if lease.get("reason") in ("receipt", "claim_released") else None
    bill = compute_bill(
        lease["leaseId"],
        terms.bid,
        terms.ask,
        terms.price,
        outcome,
        int(lease["feeBps"]),
        attestation,
        agreed,
    )
    require_same(bill, paid=paid, fee=fee, refund=refund)
    if attestation is None or evidence.get("usage") is None:
        return bill
    try:
        return replace(bill, usage=checked_usage(evidence["usage"], attestation, terms, client.domain()))
    except (MalformedMessage, InvalidSignature) as error:  # no money depends on it: the bill stands, and the result
        talk().print(f"The usage report of lease {short(bill.lease_id)} is left out: {error.message}", style="yellow")
        return bill


def print_bills(bills: list["Bill"], console: Console) -> None:
    """Every bill of a job, and their sum where there are several."""
    for bill in bills:
        console.print(bill_table(bill))
    if len(bills) > 1:
        console.print(
            f"Together: paid {usdc(sum(bill.pay for bill in bills))}, back {usdc(sum(bill.refund for bill in bills))}."
        )


def bill_table(bill: "Bill") -> Group:
    """Formula 4.1 line by line, then what happened to the locked money."""
    used = bill.used
    lines = bill.lines
    title = f"[b]Bill[/b]  lease {short(bill.lease_id)}, provider {short(bill.provider)}, {bill.outcome.name.lower()}"
    rows = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 2))
    rows.add_column(no_wrap=True)
    rows.add_column(justify="right", no_wrap=True)
    rows.add_column(style="dim")
    if bill.pay and used is not None:
        time_lines = lines.gpu + lines.vcpu + lines.memory
        rows.add_row(
            "C_comp  machine time",
            usdc(time_lines),
            f"{used.seconds} s of {used.vcpus} vCPU, {used.memory_mb} MB" + (f", {used.gpus} GPU" if used.gpus else ""),
        )
        rows.add_row("C_comp  fuel", usdc(lines.fuel), gfuel(used.fuel))
        rows.add_row("C_data  egress", usdc(lines.data), f"{used.egress_mb} MB")
        if lines.minimum_topup:
            rows.add_row("minimum charge", usdc(lines.minimum_topup), "up to the ask's least charge")
        why = "above the node's own cost" if bill.rent else "nobody else competed for the node"
        rows.add_row("scarcity rent", usdc(bill.rent), why)
    if bill.agreed:
        rows.add_row("by receipt or claim", usdc(bill.agreed), "agreed beside what was used")
    rows.add_row(
        "[b]you pay[/b]", f"[b]{usdc(bill.pay)}[/b]", f"{amount(bill.paid)} to the provider, {amount(bill.fee)} fee"
    )
    rows.add_row(
        "[b]you get back[/b]",
        f"[b]{usdc(bill.refund)}[/b]",
        f"of {amount(bill.locked)} locked; your cap was {amount(bill.max_price)}",
    )
    if bill.usage is None:
        return Group(title, rows)
    return Group(title, rows, f"  [dim]it took {usage_text(bill.usage)}[/dim]")


def job_end_error(job: dict[str, Any]) -> MarketError:
    """What `hive` raises for a job that ended without a paid result."""
    from marketplace.errors import JobFailed

    sentences = {
        "failed": "The program did not come to its end; you have your money back",
        "fraud": "The provider's result was not what the job produces; you have your money back, and its penalty",
        "refunded": "Nobody delivered before the deadline; you have your money back",
        "cancelled": "The job was cancelled; nothing was locked",
        "expired": "Nobody took the job before its bid lapsed; nothing was locked",
    }
    detail = "; ".join(dict.fromkeys(str(lease["detail"]) for lease in job.get("leases", ()) if lease.get("detail")))
    sentence = sentences.get(job["state"], f"The job ended as {job['state']}")
    return JobFailed(
        f"{sentence}{f' ({detail})' if detail else ''}.",
        hint=f"`hive explain {short(job['jobId'])}` and `hive logs {short(job['jobId'])}` say more.",
        job=job["jobId"],
        state=job["state"],
    )
