"""`hive verify`: recompute a round of the auction from its transcript alone, or the draw of a lease's audit."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from marketplace.cli.context import JsonOption, Market, UrlOption, find_market
from marketplace.cli.output import facts, out, print_json, talk, usdc
from marketplace.errors import MalformedMessage, NotFound, TranscriptMismatch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from marketplace.clearing import RoundResult
    from marketplace.client.terms import LeaseTerms
    from marketplace.protocol.audits import Draw
    from marketplace.protocol.eip712 import Domain


def register(app: typer.Typer) -> None:
    """Add the commands to `hive`."""
    verify = typer.Typer(help="Check what the market claims.", no_args_is_help=True)
    verify.command("round")(verify_round)
    verify.command("audit")(verify_audit)
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


def verify_audit(
    lease: Annotated[str, typer.Argument(help="The lease's id, as `hive status` shows it with --json.")],
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw again whether oracles had to run a lease's job: from what the committee signed, and nobody's word."""
    from marketplace.cli.wiring import open_reader
    from marketplace.protocol.audits import ALL_PPM, is_drawn

    market = find_market(url)
    reader = open_reader(market)
    with market.client() as client:
        terms, evidence, shown = client.lease_terms(lease), client.attestation(lease), client.audit(lease)
    require_opened(reader, lease, terms)
    attestation = check_attested(terms, evidence, reader.domain, lease)
    draw, number = find_draw(reader.domain, (one.members for one in reader.committees()), lease, attestation, shown)
    rate = terms.job_spec.audit.rate_ppm if terms.job_spec.audit is not None else ALL_PPM
    drawn = is_drawn(number, rate) if number is not None else None
    require_claimed(shown, rate, drawn)
    report = {
        "leaseId": lease,
        "ratePpm": rate,
        "attestation": attestation,
        "members": list(draw.members),
        "draw": f"0x{number:064x}" if number is not None else None,
        "drawn": drawn,
    }
    if as_json:
        print_json(report)
        return
    words = {
        True: "fell on it: the committee had to run the job",
        False: "did not fall on it: paid as attested, nobody had to run the job",
        None: "is not complete: every member had to run the job",
    }
    share = f"{100 * rate / ALL_PPM:g}% of such leases"
    out().print(facts([("lease", lease), ("audited", share), ("draw", words[drawn])]))
    if drawn is not None:
        talk().print("[green]Drawn again from the signed seals and shares of the whole committee.[/green]")


def require_claimed(shown: dict[str, Any], rate: int, drawn: bool | None) -> None:
    """Raises TranscriptMismatch unless the market says of the draw what was found."""
    claimed = (shown.get("ratePpm"), shown.get("drawn"))
    if claimed != (rate, drawn):
        raise TranscriptMismatch(
            f"The market says rate {claimed[0]}, drawn {claimed[1]}; by what was signed it is {rate}, {drawn}."
        )


def require_opened(reader: Any, lease: str, terms: "LeaseTerms") -> None:
    """Raises TranscriptMismatch unless the chain opened the lease for this bid, and the bid names this job."""
    from marketplace.domain.chain import LeaseOpened

    events = reader.events(reader.deployed_at_block, reader.head().number)
    bids = {one.bid_hash for one in events if isinstance(one, LeaseOpened) and one.lease_id == lease}
    if terms.bid.struct_hash() not in bids or terms.job_spec.digest() != terms.bid.job_digest:
        raise TranscriptMismatch(f"The chain did not open {lease} for the bid and job that the market shows.")


def check_attested(terms: "LeaseTerms", evidence: dict[str, Any], domain: "Domain", lease: str) -> str:
    """The digest of what the ask's agent signed about the lease. Raises InvalidSignature, MalformedMessage."""
    from marketplace.protocol.messages import Attestation, require_signed_by

    attestation = Attestation.parse(evidence["attestation"])
    require_signed_by(attestation, terms.ask.agent, domain, evidence["signature"])
    if attestation.lease_id != lease:
        raise MalformedMessage("Attestation.leaseId", f"{attestation.lease_id} is not {lease}")
    return attestation.digest(domain)


def find_draw(
    domain: "Domain", committees: "Iterable[tuple[str, ...]]", lease: str, attestation: str, shown: dict[str, Any]
) -> "tuple[Draw, int | None]":
    """The draw by the committee whose members signed it, the newest first; without its number where none of them did.

    Raises NotFound where the chain has no committee at all.
    """
    from marketplace.protocol.audits import Draw

    draws = [Draw(domain, members, lease, attestation) for members in committees][::-1]
    if not draws:
        raise NotFound("committee of the escrow", domain.escrow)
    for draw in draws:
        number = draw.read(shown)
        if number is not None:
            return draw, number
    return draws[0], None
