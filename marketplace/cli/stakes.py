"""`hive provider stake|unstake`: the bond that covers a provider's open leases."""

import time
from typing import Annotated, Any

import typer

from marketplace.cli.context import JsonOption, YesOption, require_consent
from marketplace.cli.money import positive_amount, read_balance
from marketplace.cli.options import with_options
from marketplace.cli.output import clock_time, out, print_json, talk, usdc
from marketplace.cli.wiring import Party
from marketplace.errors import ConflictError, InsufficientStake


@with_options
def provider_stake(
    amount: Annotated[str, typer.Argument(help="USDC, for example 50.")],
    *,
    party: Party,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put up a stake. It covers the penalty of each open lease (100% of its price); fraud loses that much of it."""
    micro = positive_amount(amount)
    account, source = party.unlocked()
    talk().print(
        f"stake {usdc(micro)} of {party.address} (contracts named by {source}). It can be taken out again by"
        " `hive provider unstake`, after the unbonding delay, except what open leases need."
    )
    require_consent(f"Stake {usdc(micro)}?", yes=yes)
    with party.paying():
        sent = account.stake(micro)
    _print_stake(sent.tx_hash, read_balance(account.reader, party.address), as_json=as_json)


@with_options
def provider_unstake(
    amount: Annotated[
        str | None, typer.Argument(help="USDC to start taking out; without it, what is due is paid out.")
    ] = None,
    *,
    party: Party,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Start taking stake out, or collect what has finished unbonding."""
    stake = party.reader.stake(party.address)
    micro = positive_amount(amount) if amount is not None else 0
    if micro > stake.available:
        raise InsufficientStake(
            f"{usdc(stake.available)} can be taken out now; {usdc(stake.locked)} cover open leases.",
            hint="The rest comes free when its leases close." if stake.locked else "",
            available=stake.available,
            needed=micro,
        )
    if amount is None and not stake.unbonding:
        raise InsufficientStake(
            "Nothing is unbonding.", hint=f"Say how much: `hive provider unstake 10{party.wallet_option}`."
        )
    if amount is None and stake.withdrawable_at > time.time():
        raise ConflictError(
            f"{usdc(stake.unbonding)} are unbonding and can be collected from {clock_time(stake.withdrawable_at)}.",
            hint=f"Say `hive provider unstake{party.wallet_option}` again then.",
        )
    account, _ = party.unlocked()
    verb = f"start taking out {usdc(micro)}" if micro else f"collect {usdc(stake.unbonding)}"
    require_consent(f"{verb}?", yes=yes)
    sent = account.unbond(micro) if micro else account.withdraw_stake()
    _print_stake(sent.tx_hash, read_balance(account.reader, party.address), as_json=as_json)


def _print_stake(tx_hash: str, found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json({"transaction": tx_hash, **found})
        return
    stake = found["stake"]
    out().print(f"staked {usdc(stake['active'])}, of which {usdc(stake['locked'])} cover open leases")
    if int(stake["unbonding"]):
        out().print(
            f"unbonding {usdc(stake['unbonding'])}, can be collected from {clock_time(stake['withdrawableAt'])}"
        )
