"""`hive deposit|withdraw|balance`: the renter's own money, moved by the contracts and nobody else."""

from typing import Annotated, Any

import typer

from marketplace.cli.context import JsonOption, YesOption, require_consent
from marketplace.cli.options import with_options
from marketplace.cli.output import clock_time, facts, out, print_json, short, talk, usdc
from marketplace.cli.wiring import Holder, Party
from marketplace.errors import InputError, InsufficientFunds, InvalidAmount
from marketplace.protocol.units import parse_usdc

AmountArgument = Annotated[str, typer.Argument(help="USDC, for example 5 or 0.25.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `hive`."""
    app.command("deposit", rich_help_panel="Money")(deposit)
    app.command("withdraw", rich_help_panel="Money")(withdraw)
    app.command("balance", rich_help_panel="Money")(balance)


@with_options
def deposit(
    amount: AmountArgument,
    *,
    party: Party,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Move USDC from the wallet into the escrow. What no lease has locked can always be withdrawn."""
    _move(party, "deposit", amount, yes=yes, as_json=as_json)


@with_options
def withdraw(
    amount: Annotated[str, typer.Argument(help="USDC, for example 5 or 0.25; or `all`.")],
    *,
    party: Party,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Move free balance from the escrow back to the wallet. Nobody can stop this."""
    _move(party, "withdraw", amount, yes=yes, as_json=as_json)


@with_options
def balance(
    address: Annotated[str | None, typer.Argument(help="An account; else that of the wallet.")] = None,
    *,
    holder: Holder,
    as_json: JsonOption = False,
) -> None:
    """What an account has: in the wallet, free in the escrow, staked. Read from the contracts."""
    account = address or holder.address
    found = read_balance(holder.reader, account)
    if as_json:
        print_json(found)
        return
    rows: list[tuple[str, Any]] = [
        ("account", account),
        ("in the wallet", usdc(found["wallet"])),
        ("free in the escrow", f"{usdc(found['free'])}  (withdraw at any time)"),
    ]
    if found["bidFree"] != found["free"]:
        rows.append(
            ("to bid with", f"{usdc(found['bidFree'])} of that; the rest is earned, and paid out by withdrawing")
        )
    if int(found["stake"]["active"]) or int(found["stake"]["unbonding"]):
        stake = found["stake"]
        rows.append(("staked", f"{usdc(stake['active'])}, of which {usdc(stake['locked'])} cover open leases"))
        if int(stake["unbonding"]):
            rows.append(
                (
                    "unbonding",
                    f"{usdc(stake['unbonding'])}, withdrawable at {clock_time(stake['withdrawableAt'])}",
                )
            )
    out().print(facts(rows))


def read_balance(reader: Any, account: str) -> dict[str, Any]:
    """An account as the contracts report it; amounts are micro-USDC in decimal strings."""
    account = checked_address(account)
    stake = reader.stake(account)
    return {
        "account": account,
        "unit": "micro-USDC",
        "wallet": str(reader.token_balance(account)),
        "free": str(reader.balance(account).free),
        "bidFree": str(reader.renter_account(account).free),
        "stake": {
            "active": str(stake.active),
            "locked": str(stake.locked),
            "unbonding": str(stake.unbonding),
            "withdrawableAt": stake.withdrawable_at,
        },
    }


def _move(party: Party, verb: str, amount: str, *, yes: bool, as_json: bool) -> None:
    if verb == "withdraw":
        free = party.reader.balance(party.address).free
        micro = free if amount == "all" else positive_amount(amount)
        if micro > free or micro == 0:
            raise InsufficientFunds(
                f"{party.address} has {usdc(free)} free in the escrow; {usdc(micro)} were asked for.",
                hint="Locked money comes back when its leases close: `hive jobs` lists them.",
                free=free,
                needed=micro,
            )
    else:
        micro = positive_amount(amount)
    account, source = party.unlocked()
    escrow = account.reader.domain.escrow
    direction = f"from {party.address} into" if verb == "deposit" else f"to {party.address} out of"
    talk().print(f"{verb} {usdc(micro)} {direction} the escrow {escrow} (named by {source}).")
    require_consent(f"{verb} {usdc(micro)}?", yes=yes)
    with party.paying():
        sent = account.deposit(micro) if verb == "deposit" else account.withdraw(micro)
    found = read_balance(account.reader, party.address)
    if as_json:
        print_json({"transaction": sent.tx_hash, verb: str(micro), **found})
        return
    out().print(
        f"Done in transaction {short(sent.tx_hash)}…: {usdc(found['free'])} are free in the escrow,"
        f" {usdc(found['wallet'])} in the wallet."
    )


def checked_address(account: str) -> str:
    """An address in its checksum form. Raises InputError for what is none."""
    from eth_utils import is_hex_address, to_checksum_address

    if not is_hex_address(account):
        raise InputError(f"{account!r} is not an address.", hint="Expected 0x and 40 hex digits.")
    return to_checksum_address(account)


def positive_amount(amount: str) -> int:
    """Micro-USDC of what was typed. Raises InvalidAmount, also for zero."""
    micro = parse_usdc(amount)
    if micro == 0:
        raise InvalidAmount(amount, "more than zero USDC")
    return micro
