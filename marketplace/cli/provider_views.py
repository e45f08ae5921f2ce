"""`hive provider earnings|bids|why`: what came in, and which bids this provider's asks got, or lost, and why."""

import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from marketplace.cli.context import JsonOption
from marketplace.cli.explained import obstacle_text
from marketplace.cli.known import resolve_job
from marketplace.cli.options import with_options
from marketplace.cli.output import amount, clock_time, facts, out, print_json, short, table, usdc
from marketplace.cli.verify import check_round
from marketplace.cli.wiring import Holder
from marketplace.errors import NotFound
from marketplace.protocol.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from marketplace.client import MarketClient

SECONDS_PER_DAY = 24 * SECONDS_PER_HOUR
FATES = {
    "won": "won",
    "unfit": "cannot be served here",
    "dear": "above its limit",
    "steered": "preferences weigh more",
    "full": "units went to others",
    "beaten": "another node was better",
    "left": "left out",
}
"""`Fate` as a person says it."""


@with_options
def provider_earnings(
    *,
    holder: Holder,
    days: Annotated[int, typer.Option("--days", min=1, max=3_650, help="How far to look back.")] = 30,
    as_json: JsonOption = False,
) -> None:
    """What this provider was paid, from the contract's events: by day, an hour, and for each GPU of this machine."""
    from agent.income import read_incomes, sum_up
    from agent.inventory import survey_gpus

    now = int(time.time())
    incomes = read_incomes(holder.reader, holder.address)
    found = sum_up(incomes, now=now, since=now - days * SECONDS_PER_DAY, gpus=len(survey_gpus().gpus))
    if as_json:
        print_json(found | {"provider": holder.address})
        return
    _print_earnings(found)


def _print_earnings(found: dict[str, Any]) -> None:
    counts = ", ".join(f"{count} {name}" for name, count in found["leases"].items() if count) or "none"
    rows = [("earned", f"{usdc(found['earned'])}, after the fee"), ("leases that ended", counts)]
    if found["perHour"] is None:
        rows.append(("an hour", "not yet an hour since the first lease"))
    else:
        rows += [("an hour", f"{usdc(found['perHour'])}, over {found['hours']:g} h since {clock_time(found['since'])}")]
        rows += [("a day", usdc(found["perDay"]))]
    if found["perGpuHour"] is not None:
        rows.append(("a GPU-hour", f"{usdc(found['perGpuHour'])}, of {found['gpus']} GPUs"))
    out().print(facts(rows))
    if found["days"]:
        shown = table("day (UTC)", "leases", "USDC", right=("leases", "USDC"))
        for each in found["days"]:
            shown.add_row(each["day"], str(each["leases"]), amount(each["earned"]))
        out().print()
        out().print(shown)


@with_options
def provider_bids(
    *,
    holder: Holder,
    rounds: Annotated[int, typer.Option("--rounds", min=1, max=200, help="How many of the newest rounds.")] = 20,
    lost: Annotated[bool, typer.Option("--lost", help="Without those that were won.")] = False,
    as_json: JsonOption = False,
) -> None:
    """The bids of the newest rounds in which an ask of yours stood: won or lost, and why. Each round is recomputed."""
    with holder.market.client() as client:
        numbers = [int(each["number"]) for each in client.rounds(limit=rounds)]
        seen = [view for number in numbers for view in _views(client, number, holder.address)]
    chosen = [each for each in seen if not (lost and each["fate"] == "won")]
    if as_json:
        print_json({"provider": holder.address, "rounds": len(numbers), "bids": chosen})
        return
    if not chosen:
        out().print(f"No such bid met an ask of {holder.address} in the newest {len(numbers)} rounds.")
        return
    shown = table("round", "bid", "limit", "your price", "", right=("round", "limit", "your price"))
    for each in chosen:
        shown.add_row(
            str(each["round"]), short(each["bidHash"]), amount(each["maxPrice"]), amount(each["price"]), _fate(each)
        )
    out().print(shown)
    counts = Counter(FATES[each["fate"]] for each in chosen)
    out().print("\n" + ", ".join(f"{count} {fate}" for fate, count in counts.most_common()) + ".")
    out().print("`hive provider why ROUND` or `why JOB` says more.", style="dim")


@with_options
def provider_why(
    what: Annotated[str, typer.Argument(help="A round's number, or a job's id or a beginning of it.")],
    *,
    holder: Holder,
    as_json: JsonOption = False,
) -> None:
    """Why your ask got a job or not; of a round: each of its bids."""
    with holder.market.client() as client:
        number, wanted = _find_round(client, what)
        views = _views(client, number, holder.address)
    chosen = [each for each in views if wanted in (None, each["bidHash"])]
    if not chosen:
        raise NotFound(f"ask of {holder.address} in round", str(number))
    if as_json:
        print_json({"round": number, "bids": chosen})
        return
    for each in chosen:
        out().print(f"[b]{short(each['bidHash'])}[/]  round {number}, bid at most {usdc(each['maxPrice'])}")
        out().print(f"  {escape(each['reason'])}", soft_wrap=True)
        for constraint in each["constraints"]:
            out().print(f"  {escape(obstacle_text({'constraints': [constraint]}))}", soft_wrap=True)


def _find_round(client: "MarketClient", what: str) -> tuple[int, str | None]:
    """The round, and the bid that is asked for. Raises NotFound for a job that no round has decided yet."""
    if what.isdecimal():
        return int(what), None
    job = resolve_job(client, what)
    number = client.job_explain(job).get("round")
    if number is None:
        raise NotFound("round that decided job", job)
    return int(number), job


def _views(client: "MarketClient", number: int, provider: str) -> list[dict[str, Any]]:
    """Every bid of a round as this provider's asks saw it. Raises TranscriptMismatch where the round is not true."""
    from marketplace.clearing import explain_ask

    transcript = client.transcript(number)
    own = [each for each in transcript["asks"] if each["ask"]["provider"].lower() == provider.lower()]
    if not own:
        return []
    result = check_round(client.round(number)["digest"], transcript)
    hashes = [each.ask_hash for each in result.problem.snapshot.asks if each.ask.provider.lower() == provider.lower()]
    return [view.to_json() | {"round": number} for one in hashes for view in explain_ask(result, one)]


def _fate(view: dict[str, Any]) -> str:
    said = FATES[view["fate"]]
    if view["constraints"]:
        said += f": {obstacle_text(view)}"
    if view["undercut"] is not None:
        said += f", by {amount(view['undercut'])}"
    return escape(said)
