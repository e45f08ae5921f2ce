"""`hive cancel|accept|refund`: what a renter can still say about a job that is placed."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from marketplace.cli.context import (
    JsonOption,
    PasswordFileOption,
    UrlOption,
    WalletOption,
    YesOption,
    find_keystore,
    find_market,
    require_consent,
    unlock,
)
from marketplace.cli.job_views import PANEL, JobArgument
from marketplace.cli.known import recall_bid, resolve_job
from marketplace.cli.output import clock_time, out, print_json, short, talk, usdc
from marketplace.errors import ConflictError, Reverted, WrongSigner

if TYPE_CHECKING:
    from marketplace.protocol.messages import Attestation


def register(app: typer.Typer) -> None:
    """Add the commands to `hive`."""
    for command in (cancel, accept, refund):
        app.command(command.__name__, rich_help_panel=PANEL)(command)


def cancel(
    job: JobArgument,
    wallet: WalletOption = None,
    url: UrlOption = None,
    password_file: PasswordFileOption = None,
    on_chain: Annotated[
        bool,
        typer.Option("--on-chain", help="Void the bid in the contract yourself; costs gas, needs no market."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Withdraw a bid. A lease that is open already goes on."""
    from marketplace.client.jobs import build_cancel
    from marketplace.protocol.messages import Bid

    market = find_market(url)
    with market.client() as client:
        job_id = resolve_job(client, job)
        if not on_chain:
            _require_living(client.job(job_id))
        bid = Bid.parse(recall_bid(job_id) or client.job(job_id)["bid"])
        keystore = find_keystore(wallet, market)
        _require_renter(bid.renter, keystore.address)
        account = unlock(keystore, market, password_file)
        if on_chain:
            from marketplace.cli.wiring import open_account

            said: dict[str, Any] = {"transaction": open_account(market, account)[0].cancel(bid.salt).tx_hash}
        else:
            order = build_cancel(bid)
            said = client.cancel(order, order.sign(client.domain(), account.key))
    if as_json:
        print_json({"jobId": job_id, **said})
        return
    out().print(f"The bid of job {short(job_id)} is withdrawn; nothing more of it can be matched.")


def accept(
    job: JobArgument,
    wallet: WalletOption = None,
    url: UrlOption = None,
    password_file: PasswordFileOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Accept a delivered result yourself: settles at once, for all that is locked, no oracle needed.

    The oracles pay by use, which is never more, and nothing for a program that did not come to its end. A receipt for
    less than the lock would have to be sent by the provider.
    """
    from marketplace.client.results import fetch_result
    from marketplace.protocol.messages import Receipt
    from marketplace.protocol.metering import compute_metered_usage, compute_pay

    market = find_market(url)
    with market.client() as client:
        domain = client.domain()
        job_id = resolve_job(client, job)
        keystore = find_keystore(wallet, market)
        receipts, by_use = [], 0
        found = client.job(job_id)
        _require_going_on(found, "accept")
        for lease in found["leases"]:
            if lease.get("outcome") or not lease.get("resultDigest"):
                continue
            terms = client.lease_terms(lease["leaseId"])
            _require_renter(terms.bid.renter, keystore.address)
            attested = fetch_result(client, lease["leaseId"], terms, domain).attestation
            _require_end(attested, job_id)
            used = compute_metered_usage(terms.bid.resources, attested.fuel, attested.egress_bytes)
            by_use += compute_pay(terms.ask.rates, terms.bid.resources, used, terms.price)
            receipts.append(Receipt(lease_id=lease["leaseId"], pay=terms.price, result_digest=attested.result_digest))
        if not receipts:
            raise ConflictError(
                f"Job {short(job_id)} is {found['state']}: no result of it is waiting to be accepted.",
                hint=f"`hive status {short(job_id)}` tells where it stands.",
            )
        total = sum(each.pay for each in receipts)
        results = "the result" if len(receipts) == 1 else f"{len(receipts)} results"
        talk().print(
            f"You accept {results} of job {short(job_id)} and pay [b]all that is locked, {usdc(total)}[/b]."
            f" The oracles would make it {usdc(by_use)}, by use."
        )
        require_consent("Sign?", yes=yes)
        account = unlock(keystore, market, password_file)
        answers = [client.post_receipt(each, each.sign(domain, account.key)) for each in receipts]
    if as_json:
        print_json({"jobId": job_id, "receipts": [each.to_json() for each in receipts], "answers": answers})
        return
    out().print(f"Accepted; job {short(job_id)} settles with the next transaction.")


def refund(
    job: JobArgument,
    wallet: WalletOption = None,
    url: UrlOption = None,
    password_file: PasswordFileOption = None,
    on_chain: Annotated[
        bool, typer.Option("--on-chain", help="Send the refund yourself; costs gas, needs no market.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Get back what an overdue job has locked. Anybody may do this, for any job past its deadline."""
    market = find_market(url)
    with market.client() as client:
        job_id = resolve_job(client, job)
        found = client.job(job_id)
        _require_going_on(found, "refund")
        leases = [lease["leaseId"] for lease in found["leases"] if not lease.get("outcome")]
        if not leases:
            raise ConflictError(f"Job {short(job_id)} has no open lease: nothing is locked.")
        try:
            if on_chain:
                from marketplace.cli.wiring import open_account

                account = unlock(find_keystore(wallet, market), market, password_file)
                said: dict[str, Any] = {"transaction": open_account(market, account)[0].refund(leases).tx_hash}
            else:
                said = client.request_refund(job_id)
        except (ConflictError, Reverted) as error:
            error.hint = f"Its deadline is {clock_time(int(found['bid']['deadline']))}."
            raise
    if as_json:
        print_json({"jobId": job_id, **said})
        return
    out().print(f"The refund of job {short(job_id)} is on its way; `hive status {short(job_id)}` shows it.")


def _require_going_on(job: dict[str, Any], verb: str) -> None:
    from marketplace.client.waiting import is_over

    if is_over(job):
        raise ConflictError(f"Job {short(job['jobId'])} is {job['state']} already: there is nothing left to {verb}.")


def _require_end(attested: "Attestation", job_id: str) -> None:
    """Raises ConflictError for a run that would be refunded whole if the oracles decided."""
    from marketplace.protocol.enums import ExitKind

    kind = ExitKind(attested.exit_kind)
    if kind is not ExitKind.EXITED:
        raise ConflictError(
            f"The program of job {short(job_id)} did not come to its end ({kind.name.lower().replace('_', ' ')}): "
            "accepting would pay for nothing.",
            hint="Leave it to the oracles: they give all of it back.",
        )


def _require_living(job: dict[str, Any]) -> None:
    _require_going_on(job, "cancel")
    if job["leases"] and len(job["leases"]) >= int(job["bid"]["replicas"]):
        raise ConflictError(
            f"Job {short(job['jobId'])} is {job['state']}: its lease is open and goes on.",
            hint=f"`hive status {short(job['jobId'])}` tells how it stands.",
        )


def _require_renter(renter: str, address: str) -> None:
    if renter != address:
        raise WrongSigner(
            f"The job belongs to {renter}; this wallet is {address}.",
            hint="Name the right one with --wallet.",
            renter=renter,
        )
