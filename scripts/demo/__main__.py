"""`make demo`: the whole story on a local chain. Exits with 1 if anything of it turned out untrue.

python -m scripts.demo [--output build/demo]
"""

import argparse
import shutil
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console

from examples.build import build as build_examples
from marketplace.cli.localmarket import LocalMarket
from marketplace.cli.localplan import TREASURY
from marketplace.cli.output import usdc
from marketplace.cli.verify import check_round
from marketplace.errors import MarketError
from scripts.demo.books import replay
from scripts.demo.cast import LIAR, PLAN
from scripts.demo.jobs import ROOT
from scripts.demo.ledger import Check, Snapshot, audit, take_snapshot
from scripts.demo.report import WIDTH, Report
from scripts.demo.story import Placed, Story

OUTPUT = ROOT / "build" / "demo"
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Tell the story; 0 if all of it is true."""
    parser = argparse.ArgumentParser(prog="make demo", description="The main job of ComputeHive on a local chain.")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where results and logs go (default: build/demo)")
    output = parser.parse_args(arguments).output.resolve()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        shutil.rmtree(output, ignore_errors=True)
        return 0 if tell(Report(console), output) else 1
    except MarketError as error:
        console.print(f"[bold red]The demo failed:[/bold red] {error}", markup=True)
        console.print(f"Logs: {output / 'market' / 'logs'}")
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED


def tell(report: Report, output: Path) -> bool:
    """The whole story, in order. Whether every claim of it held."""
    report.chapter("A market of one's own")
    market = LocalMarket(PLAN, output / "market")
    with report.console.status("starting") as status, ThreadPoolExecutor(1) as pool:
        market.tell = status.update
        programs = pool.submit(build_examples)
        market.start()
        programs.result()
    with market:
        report.introduce(market)
        report.line(
            f"[dim]{report.elapsed:5.1f} s[/dim]  chain, contracts, market service, providers and oracles are up"
        )
        story = Story(market, output, report.event)
        try:
            checks = _tell_jobs(report, market, story)
        finally:
            story.close()
    report.chapter("Is every micro-USDC accounted for?")
    report.checks(checks)
    report.chapter("Results to open")
    report.files(story.placed, Path.cwd() if output.is_relative_to(Path.cwd()) else output)
    untrue = [check for check in checks if not check.holds]
    verdict = f"[bold red]{len(untrue)} claims did not hold.[/]" if untrue else "[bold green]All of it is true.[/]"
    report.line(f"\n{verdict} It took {report.elapsed:.0f} s, and nothing is left running.")
    return not untrue


def _tell_jobs(report: Report, market: LocalMarket, story: Story) -> list[Check]:
    before = _snapshot(market)
    report.chapter("Eight bids: the price first, then a signature")
    report.bids(story.quote_and_sign())
    report.chapter("What happens to them")
    story.place()
    story.watch()
    report.chapter("Two that no round can match")
    for each in story.explain_unserved():
        report.explanation(each)
    cancelled = story.cancel("stingy")
    report.line(f"    {cancelled.job.renter} withdraws [bold]{cancelled.job.key}[/bold]; the bid is void on chain.")
    story.collect()
    _tell_fraud(report, story)
    report.chapter("The bills, each recomputed from signed orders and attested usage")
    report.bills(story.placed)
    after = _snapshot(market)
    report.chapter("Everybody's money, before and after")
    report.balances(before, after)
    return _checks(market, story, before, after)


def _tell_fraud(report: Report, story: Story) -> None:
    forged = next(each for each in story.placed if each.job.ends == "fraud")
    if not forged.bills:
        return
    report.chapter("One lie, caught")
    said = story.forged_file().decode(errors="replace").strip()
    report.line(
        f"{LIAR} never ran [bold]{forged.job.key}[/bold]. It attested under its own key to a result it made up:"
    )
    report.line(f"    “{said}”")
    verdicts = forged.document["leases"][0]["verdicts"]
    names = ", ".join(report.names[verdict["oracle"]] for verdict in verdicts if verdict["outcome"] == "fraud")
    penalty = forged.document["leases"][0]["penalty"]
    report.line(
        f"{names} ran the job and found another result. {forged.job.renter} has her money back,"
        f" and {usdc(penalty)} of {LIAR}'s stake on top."
    )


def _snapshot(market: LocalMarket) -> Snapshot:
    bonds = {market.addresses[name]: market.oracle_bond(name) for name in PLAN.oracles}
    return take_snapshot(market.reader(), _parties(market), bonds, market.book.contracts)


def _parties(market: LocalMarket) -> dict[str, str]:
    names = [*(each.name for each in (*PLAN.renters, *PLAN.providers)), *PLAN.oracles, TREASURY]
    return {name: market.addresses[name] for name in names}


def _checks(market: LocalMarket, story: Story, before: Snapshot, after: Snapshot) -> list[Check]:
    reader = market.reader()
    books = replay(reader.events(market.book.deployed_at_block, reader.head().number))
    checks = [_ended_as_told(story.placed), *audit(before, after, books, _parties(market), reader.committees())]
    billed = {bill.lease_id: bill for each in story.placed for bill in each.bills}
    same = all(
        lease_id in billed
        and (billed[lease_id].paid, billed[lease_id].fee, billed[lease_id].refund) == (end.paid, end.fee, end.refund)
        for lease_id, end in books.closed.items()
    )
    checks.append(Check("every bill, recomputed, is what the contract paid", same, f"{len(billed)} bills"))
    checks.append(_rounds_verified(story, {event.round_digest for event in books.opened.values()}))
    return checks


def _ended_as_told(placed: list[Placed]) -> Check:
    wrong = [f"{each.job.key} is {each.state}, not {each.job.ends}" for each in placed if each.state != each.job.ends]
    return Check("each job ended as its story says", not wrong, "; ".join(wrong) or f"{len(placed)} jobs")


def _rounds_verified(story: Story, posted: set[str]) -> Check:
    """Every round that opened a lease, recomputed from its transcript, under the digest that is on chain."""
    rounds = [each for each in story.client.rounds() if each["digest"] in posted]
    for each in rounds:
        check_round(each["digest"], story.client.transcript(each["number"]))
    return Check(
        "every round, recomputed from its transcript, has the digest posted on chain",
        len(rounds) == len(posted) > 0,
        f"rounds {', '.join(str(each['number']) for each in rounds)}",
    )


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
