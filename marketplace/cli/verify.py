"""`hive verify round N`: recompute a round of the auction from its transcript alone, find its digest on chain."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from marketplace.cli.context import JsonOption, Market, UrlOption, find_market
from marketplace.cli.output import facts, out, print_json, talk, usdc
from marketplace.errors import TranscriptMismatch

if TYPE_CHECKING:
    from marketplace.clearing import RoundResult


def register(app: typer.Typer) -> None:
    """Add the commands to `hive`."""
    verify = typer.Typer(help="Check what the market claims.", no_args_is_help=True)
    verify.command("round")(verify_round)
    app.add_typer(verify, name="verify", rich_help_panel="Trust")


def verify_round(
    number: Annotated[int, typer.Argument(min=1, help="The round's number.")],
    off_chain: Annotated[bool, typer.Option("--off-chain", help="Do not look up the digest on chain.")] = False,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute round N from its transcript: same assignment, same prices, same digest; and that digest is on chain."""
    market = find_market(url)
    with market.client() as client:
        claimed = client.round(number)
        transcript = client.transcript(number)
    result = check_round(claimed["digest"], transcript)
    matches = len(result.matches)
    report: dict[str, Any] = {
        "round": number,
        "digest": claimed["digest"],
        "orders": len(transcript["bids"]) + len(transcript["asks"]),
        "matches": matches,
        "surplus": str(result.certificate.surplus),
        "bound": str(result.certificate.bound),
    }
    if matches and not off_chain:
        report["onChain"] = find_on_chain(market, claimed["digest"], transcript["domain"]["verifyingContract"])
    if as_json:
        print_json(report)
        return
    rows = [
        ("round", number),
        ("digest", report["digest"]),
        ("signed orders", report["orders"]),
        ("matches", matches),
    ]
    surplus, bound = int(report["surplus"]), int(report["bound"])
    rows.append(("surplus", f"{usdc(surplus)}, proven to be at most {usdc(bound - surplus)} below the best possible"))
    if "onChain" in report:
        rows.append(("on chain", f"the same digest, posted in block {report['onChain']} with the leases it justifies"))
    out().print(facts(rows))
    talk().print("[green]Recomputed from the transcript alone: same assignment, same prices, same digest.[/green]")


def check_round(digest: str, transcript: dict[str, Any]) -> "RoundResult":
    """Recompute; raises TranscriptMismatch or InvalidSignature where the market's claim does not hold."""
    from marketplace.clearing import verify_transcript

    return verify_transcript(transcript, digest)


def find_on_chain(market: Market, digest: str, escrow: str) -> int:
    """The block in which a round's digest was posted. Raises TranscriptMismatch where it was not, or elsewhere."""
    from marketplace.cli.wiring import open_reader
    from marketplace.domain.chain import LeaseOpened

    reader = open_reader(market)
    if reader.domain.escrow != escrow:
        raise TranscriptMismatch(f"The transcript is of the escrow {escrow}, yours is {reader.domain.escrow}.")
    events = reader.events(reader.deployed_at_block, reader.head().number)
    blocks = [
        event.origin.block_number for event in events if isinstance(event, LeaseOpened) and event.round_digest == digest
    ]
    if not blocks:
        raise TranscriptMismatch(
            f"The digest {digest} was never posted on chain.",
            hint="Its leases may still be on their way, or all were refused: try again, or use --off-chain.",
        )
    return blocks[0]
