"""What `hive run` says around the signature: what is signed, what became of it, where to look later."""

from typing import TYPE_CHECKING, Any

from marketplace.cli.output import clock_time, out, print_json, short, size, talk, usdc
from marketplace.errors import InsufficientFunds
from marketplace.protocol.units import format_usdc

if TYPE_CHECKING:
    from marketplace.client import MarketClient
    from marketplace.client.jobs import PreparedJob


def print_commitment(job: "PreparedJob", cap: int, replicas: int, fee_bps: int) -> None:
    """What signing means, in words and before it happens."""
    each = f" for each of {replicas} replicas ({usdc(cap * replicas)} together)" if replicas > 1 else ""
    talk().print()
    talk().print(f"You sign a bid that can cost [b]at most {usdc(cap)}[/b]{each}, whatever happens.")
    talk().print(
        f"You pay for what the job uses, at the auction's price; the rest comes back in the same transaction "
        f"(protocol fee of {fee_bps / 100:g}% included). {size(job.upload_bytes)} will be uploaded."
    )


def print_filled(answer: dict[str, Any]) -> None:
    """Whether the bid was filled at once; `answer` is the market's."""
    number = answer.get("filledInRound")
    said = (
        f"Filled at once, in round {number}." if number else "Nothing stands idle for it: it waits for the next round."
    )
    talk().print(said)


def print_start(not_before: int) -> None:
    """What a start that lies ahead means; nothing where there is none."""
    if not_before:
        talk().print(
            f"It begins at {clock_time(not_before)} or later. The market promises a unit for then; until the lease"
            " opens nothing is locked, and you can cancel."
        )


def print_detached(job_id: str, cap: int, *, as_json: bool) -> None:
    """How to find the job again."""
    if as_json:
        print_json({"jobId": job_id, "maxPrice": str(cap)})
        return
    out().print(job_id)
    talk().print(f"Follow it with `hive status {short(job_id)}`, fetch it with `hive result {short(job_id)}`.")


def require_funds(client: "MarketClient", address: str, needed: int, option: str) -> None:
    """Raises InsufficientFunds before anything is signed."""
    account = client.account(address)
    free, earned = int(account["bidFree"]), int(account["free"]) - int(account["bidFree"])
    if free < needed:
        also = f" ({usdc(earned)} more are earned: withdraw and deposit them to bid with them)" if earned else ""
        raise InsufficientFunds(
            f"This could lock {usdc(needed)}; {address} has {usdc(free)} free in the escrow{also}.",
            hint=f"Deposit the rest: `hive deposit {format_usdc(needed - free)}{option}`; or lower --max-price.",
            free=free,
            needed=needed,
        )
