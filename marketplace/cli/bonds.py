"""`hive oracle bond|unbond|withdraw-bond|resign|record`: what an oracle has at stake, and what the chain says of it."""

from typing import TYPE_CHECKING, Annotated

import typer

from marketplace.cli.context import JsonOption, YesOption, require_consent
from marketplace.cli.money import checked_address, positive_amount
from marketplace.cli.options import with_options
from marketplace.cli.output import clock_time, out, print_json, short, table, talk, usdc
from marketplace.cli.wiring import ChainOptions, Party
from marketplace.errors import ConflictError, InsufficientStake, NotFound

if TYPE_CHECKING:
    from marketplace.domain.chain import OracleBond


def register_oracle(oracle: typer.Typer) -> None:
    """Add the commands to `hive oracle`."""
    oracle.command("bond")(oracle_bond)
    oracle.command("unbond")(oracle_unbond)
    oracle.command("withdraw-bond")(oracle_withdraw_bond)
    oracle.command("resign")(oracle_resign)
    oracle.command("record")(oracle_record)


@with_options
def oracle_bond(
    amount: Annotated[str | None, typer.Argument(help="USDC, for example 500; without it, the bond is shown.")] = None,
    *,
    party: Party,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put up a bond, before the committee takes you or to add to it. Who contradicts itself loses all of it."""
    if amount is None:
        _print_bond(party.address, party.reader.oracle_bond(party.address), as_json=as_json)
        return
    micro = positive_amount(amount)
    account, source = party.unlocked()
    talk().print(
        f"bond {usdc(micro)} of {party.address} (contracts named by {source}). While the committee has you, its"
        " minimum stays; the rest can be taken out by `hive oracle unbond`, after the delay."
    )
    require_consent(f"Bond {usdc(micro)}?", yes=yes)
    with party.paying():
        sent = account.bond_oracle(party.address, micro)
    _print_bond(party.address, account.reader.oracle_bond(party.address), sent.tx_hash, as_json=as_json)


@with_options
def oracle_unbond(
    amount: Annotated[str, typer.Argument(help="USDC to start taking out.")],
    *,
    party: Party,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Start taking a bond out. Until it is withdrawn it is lost with the rest to who shows a contradiction."""
    micro = positive_amount(amount)
    bond = party.reader.oracle_bond(party.address)
    if micro > bond.available:
        raise InsufficientStake(
            f"{usdc(bond.available)} can be taken out now; a member of the committee keeps {usdc(bond.kept)}."
            if bond.kept
            else f"{party.address} has {usdc(bond.active)} bonded.",
            hint=f"`hive oracle resign{party.wallet_option}` leaves it, and frees the rest." if bond.kept else "",
            available=bond.available,
            needed=micro,
        )
    account, _ = party.unlocked()
    if bond.unbonding:
        talk().print(f"The delay of the {usdc(bond.unbonding)} that are unbonding already begins anew.")
    require_consent(f"start taking out {usdc(micro)}?", yes=yes)
    sent = account.unbond_oracle(micro)
    _print_bond(party.address, account.reader.oracle_bond(party.address), sent.tx_hash, as_json=as_json)


@with_options
def oracle_withdraw_bond(
    *,
    party: Party,
    as_json: JsonOption = False,
) -> None:
    """Collect what of a bond has finished unbonding: it goes to the wallet."""
    bond = party.reader.oracle_bond(party.address)
    if not bond.unbonding:
        raise InsufficientStake(
            "Nothing is unbonding.", hint=f"Say how much: `hive oracle unbond 10{party.wallet_option}`."
        )
    if bond.withdrawable_at > party.reader.head().timestamp:
        raise ConflictError(
            f"{usdc(bond.unbonding)} are unbonding and can be collected from {clock_time(bond.withdrawable_at)}.",
            hint=f"Say `hive oracle withdraw-bond{party.wallet_option}` again then.",
        )
    account, _ = party.unlocked()
    sent = account.withdraw_bond()
    _print_bond(party.address, account.reader.oracle_bond(party.address), sent.tx_hash, as_json=as_json)


@with_options
def oracle_resign(
    *,
    party: Party,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Leave the committee at once. What you signed in it can cost you the bond until that is withdrawn."""
    committee = party.reader.committee()
    if party.address not in committee.members:
        raise ConflictError(f"{party.address} is no member of the committee.")
    account, _ = party.unlocked()
    left = len(committee.members) - 1
    talk().print(
        f"{left} members remain, {committee.threshold} must agree: "
        + ("the committee goes on." if left >= committee.threshold else "[b]no lease is settled by verdict[/b] then.")
    )
    require_consent("Leave the committee?", yes=yes)
    sent = account.resign_committee()
    _print_bond(party.address, account.reader.oracle_bond(party.address), sent.tx_hash, as_json=as_json)


@with_options
def oracle_record(
    address: Annotated[str | None, typer.Argument(help="One oracle; else every member there ever was.")] = None,
    *,
    chain: ChainOptions,
    as_json: JsonOption = False,
) -> None:
    """Who signed which batches and what it earned, read from the chain's events alone.

    A batch goes out with the first signatures that are enough: to be absent from some is no fault, from all is one.
    """
    from marketplace.domain.oracle_record import compute_records

    reader = chain.reader
    records = compute_records(reader.committees(), reader.events(reader.deployed_at_block, reader.head().number))
    if address is not None:
        records = [one for one in records if one.oracle == checked_address(address)]
        if not records:
            raise NotFound("oracle", address)
    if as_json:
        print_json(
            [
                {
                    "oracle": one.oracle,
                    "epoch": one.epoch,
                    "signed": one.signed,
                    "absent": one.absent,
                    "lastSignedBlock": one.last_signed_block,
                    "earned": str(one.earned),
                    "credited": str(one.credited),
                }
                for one in records
            ]
        )
        return
    shown = table("committee", "oracle", "signed", "absent", "last in block", "earned", "collected", right=("signed",))
    for one in records:
        last = "never" if one.last_signed_block is None else str(one.last_signed_block)
        money = usdc(one.earned), usdc(one.credited)
        shown.add_row(str(one.epoch), f"{short(one.oracle)}…", str(one.signed), str(one.absent), last, *money)
    out().print(shown)


def _print_bond(oracle: str, bond: "OracleBond", tx_hash: str = "", *, as_json: bool) -> None:
    if as_json:
        print_json(
            ({"transaction": tx_hash} if tx_hash else {})
            | {
                "account": oracle,
                "unit": "micro-USDC",
                "active": str(bond.active),
                "kept": str(bond.kept),
                "unbonding": str(bond.unbonding),
                "withdrawableAt": bond.withdrawable_at,
            }
        )
        return
    kept = f", of which a member of the committee keeps {usdc(bond.kept)}" if bond.kept else ""
    out().print(f"bonded {usdc(bond.active)}{kept}")
    if bond.unbonding:
        out().print(f"unbonding {usdc(bond.unbonding)}, can be collected from {clock_time(bond.withdrawable_at)}")
