"""How the story looks on a terminal."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from marketplace.cli.explained import obstacle_text
from marketplace.cli.localmarket import LocalMarket
from marketplace.cli.offers import plain_reason
from marketplace.cli.output import amount, gfuel, size, state_text, usdc
from marketplace.client.bills import Bill
from marketplace.protocol.units import format_usdc
from scripts.demo.ledger import Check, Snapshot
from scripts.demo.story import Placed

WIDTH = 100
TOLD = {
    "matched": "matched by the auction",
    "attestation": "delivered and attested",
    "lease_closed": "settled on chain",
}
"""Which events the story tells; the others are in `hive status`."""


class Report:
    """One console, and the time since the beginning."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.started = time.monotonic()
        self.names: dict[str, str] = {}

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.started

    def chapter(self, title: str) -> None:
        """A heading."""
        self.console.print()
        self.console.rule(f"[bold]{title}[/bold]", align="left", style="dim")

    def line(self, text: str) -> None:
        """A sentence; Rich markup allowed."""
        self.console.print(text)

    def introduce(self, market: LocalMarket) -> None:
        """Who is there."""
        self.names = {address: name for name, address in market.addresses.items()}
        shown = self._table("provider", "region", "units", "vCPU·h", "GB·h", "Gfuel", "stake", numbers=5)
        for each in market.plan.providers:
            rates = each.rates
            money = map(amount, (rates.vcpu_hour, rates.gb_hour, rates.gfuel, each.stake))
            shown.add_row(each.name, each.region, str(each.units), *money)
        self._print(shown)
        oracles = ", ".join(market.plan.oracles)
        renters = " and ".join(each.name for each in market.plan.renters)
        self.line("[dim]Rates and stakes in USDC.")
        bond = usdc(market.oracle_bond(market.plan.oracles[0]))
        self.line(f"Oracles: {oracles}; {market.plan.threshold} of {len(market.plan.oracles)} must agree.")
        self.line(f"Each has bonded {bond}, which it loses if it signs two different verdicts on one lease.")
        self.line(f"Renters: {renters}, each with {usdc(market.plan.renters[0].deposit)} in the escrow.")

    def bids(self, placed: Sequence[Placed]) -> None:
        """What is asked for, at which price, with which cap."""
        shown = self._table("job", "", "renter", "price now", "hard cap", numbers=2)
        for each in placed:
            now = amount(each.quoted) if each.quoted is not None else "no offer"
            shown.add_row(each.job.key, each.job.title, each.job.renter, now, amount(each.bid.max_price))
        self._print(shown)

    def event(self, placed: Placed, event: dict[str, Any]) -> None:
        """One step of one job."""
        if event["event"] not in TOLD:
            return
        data, name = event.get("data") or {}, event["event"]
        if name == "matched":
            provider = self.names.get(data["provider"], data["provider"])
            detail = f"{provider}, price {usdc(data['price'])}, round {data['round']}"
        elif name == "attestation":
            detail = f"{data['exit'].replace('_', ' ')}, {gfuel(data['fuel'])}"
        else:
            money = f"paid {amount(data['paid'])} + fee {amount(data['fee'])}, back {amount(data['refund'])}"
            detail = f"{data['outcome']}: {money} USDC"
        self.line(
            f"[dim]{self.elapsed:5.1f} s[/dim]  {placed.job.key:<10} {TOLD[name]:<23} [dim]{escape(detail)}[/dim]"
        )

    def explanation(self, placed: Placed) -> None:
        """Why a bid found nobody."""
        found = placed.explanation
        self.line(f"[bold]{placed.job.key}[/bold] ({placed.job.renter}): {escape(found['reason'])}")
        by_reason: dict[str, list[str]] = {}
        for obstacle in found["obstacles"]:
            name = self.names.get(obstacle["provider"], obstacle["provider"])
            by_reason.setdefault(obstacle_text(obstacle), []).append(name)
        for reason, names in by_reason.items():
            self.line(f"    {', '.join(sorted(names))}: {escape(reason)}")
        for suggestion in found["suggestions"]:
            self.line(f"    [cyan]→ {escape(plain_reason(suggestion))}[/cyan]")

    def bills(self, placed: Sequence[Placed]) -> None:
        """Formula 4.1 for every lease, and where its money went."""
        columns = ("C_comp", "fuel", "C_data", "rent", "paid", "fee", "back")
        shown = self._table("job", "on", "end", *columns, numbers=len(columns))
        raised = []
        for each in placed:
            if not each.bills:
                shown.add_row(each.job.key, "—", state_text(each.state), *["—"] * len(columns))
            for bill in each.bills:
                shown.add_row(each.job.key, self.names[bill.provider], state_text(each.state), *_bill_row(bill))
                if bill.lines.minimum_topup:
                    raised.append(f"{each.job.key} by {usdc(bill.lines.minimum_topup)}")
        self._print(shown)
        self.line("[dim]USDC. C_comp: machine time, memory and fuel (beside it). C_data: egress. Rent: scarcity rent.")
        self.line("[dim]C_comp + C_data + rent = paid + fee, and paid + fee + back = what the lease had locked.")
        if raised:
            self.line(f"[dim]Raised to the ask's minimum charge: {', '.join(raised)}.")

    def balances(self, before: Snapshot, after: Snapshot) -> None:
        """Everybody, before and after."""
        shown = self._table("", "wallet", "in escrow", "at stake", "before", "after", "change", numbers=6)
        for name, held in after.holdings.items():
            earlier = before.holdings[name]
            if not held.total and not earlier.total:
                continue
            change = held.total - earlier.total
            style = "green" if change > 0 else "red" if change < 0 else "dim"
            parts = (held.wallet, held.free + held.credit, held.stake + held.bond, earlier.total, held.total)
            money = map(amount, parts)
            shown.add_row(name, *money, f"[{style}]{change / 1e6:+.6f}[/{style}]" if change else "[dim]0[/dim]")
        fees = after.fees - before.fees
        collected = map(amount, (before.fees, after.fees))
        shown.add_row("fees, for the treasury", "", amount(after.fees), "", *collected, f"+{format_usdc(fees)}")
        total = amount(before.everything), amount(after.everything)
        shown.add_row(
            "[bold]all together[/bold]", "", "", "", *total, format_usdc(after.everything - before.everything)
        )
        self._print(shown)

    def checks(self, checks: Sequence[Check]) -> None:
        """The audit, sentence by sentence."""
        for check in checks:
            mark = "[green]✓[/green]" if check.holds else "[bold red]✗[/bold red]"
            self.line(f" {mark} {escape(check.claim)}  [dim]{escape(check.detail)}[/dim]")

    def files(self, placed: Sequence[Placed], root: Path) -> None:
        """What a person can open now."""
        for each in placed:
            for path in each.files:
                self.line(f"  {path.relative_to(root)}  [dim]{size(path.stat().st_size)}[/dim]")

    def _print(self, shown: Table) -> None:
        self.console.print()
        self.console.print(shown)
        self.console.print()

    def _table(self, *columns: str, numbers: int) -> Table:
        """A table whose last `numbers` columns are amounts in USDC."""
        shown = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="dim", padding=(0, 1, 0, 0))
        for index, column in enumerate(columns):
            is_number = index >= len(columns) - numbers
            shown.add_column(column, justify="right" if is_number else "left", no_wrap=is_number or index != 1)
        return shown


def _bill_row(bill: Bill) -> list[str]:
    lines = bill.lines
    return [
        amount(each) for each in (lines.compute, lines.fuel, lines.data, bill.rent, bill.paid, bill.fee, bill.refund)
    ]
