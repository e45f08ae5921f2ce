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
from marketplace.errors import ConflictError, WrongSigner

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from marketplace.cli.context import Market
    from marketplace.client import MarketClient
    from marketplace.protocol.eip712 import Domain
    from marketplace.protocol.messages import Attestation, Receipt


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
    from marketplace.protocol.enums import CancelKind
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

            sent = open_account(market, account)[0].cancel(CancelKind.BID, bid.salt)
            said: dict[str, Any] = {"transaction": sent.tx_hash}
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
    on_chain: Annotated[
        bool, typer.Option("--on-chain", help="Send the receipt yourself; costs gas. Also pays what was claimed.")
    ] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Accept a delivered result yourself: settles at once, for all that is locked, no oracle needed.

    The oracles pay by use, which is never more, and nothing for a program that did not come to its end. A receipt for
    less than the lock would have to be sent by the provider. What the provider has claimed already is paid as claimed.
    """
    market = find_market(url)
    with market.client() as client:
        domain = client.domain()
        job_id = resolve_job(client, job)
        keystore = find_keystore(wallet, market)
        found = client.job(job_id)
        _require_going_on(found, "accept")
        receipts, by_use = _receipts(client, found, keystore.address, domain)
        claimed = [lease for lease in found["leases"] if (lease.get("claim") or {}).get("state") == "claimed"]
        if claimed and not on_chain:
            raise ConflictError(
                f"Job {short(job_id)}: the provider has claimed its pay on chain; a receipt closes no such lease.",
                hint=f"`hive accept {short(job_id)} --on-chain` pays the claim at once; `hive dispute` contradicts it.",
            )
        if not receipts and not claimed:
            raise ConflictError(
                f"Job {short(job_id)} is {found['state']}: no result of it is waiting to be accepted.",
                hint=f"`hive status {short(job_id)}` tells where it stands.",
            )
        _print_acceptance(job_id, receipts, by_use, claimed)
        require_consent("Sign?", yes=yes)
        account = unlock(keystore, market, password_file)
        if on_chain:
            said: dict[str, Any] = {"transactions": _accept_on_chain(market, account, domain, receipts, claimed)}
        else:
            answers = [client.post_receipt(each, each.sign(domain, account.key)) for each in receipts]
            said = {"answers": answers}
    if as_json:
        print_json({"jobId": job_id, "receipts": [each.to_json() for each in receipts], **said})
        return
    out().print(f"Accepted; job {short(job_id)} {'is settled' if on_chain else 'settles with the next transaction'}.")


def _receipts(
    client: "MarketClient", job: dict[str, Any], renter: str, domain: "Domain"
) -> tuple[list["Receipt"], int]:
    """A receipt for all that is locked for each result that waits; what they would come to by use, micro-USDC."""
    from marketplace.client.results import fetch_result
    from marketplace.protocol.messages import Receipt
    from marketplace.protocol.metering import compute_pay

    receipts, by_use = [], 0
    for lease in job["leases"]:
        if lease.get("outcome") or lease.get("claim") or not lease.get("resultDigest"):
            continue
        terms = client.lease_terms(lease["leaseId"])
        _require_renter(terms.bid.renter, renter)
        attested = fetch_result(client, lease["leaseId"], terms, domain).attestation
        _require_end(attested, job["jobId"])
        used = attested.usage_of(terms.bid.resources)
        by_use += compute_pay(terms.ask.rates, terms.bid.resources, used, terms.price)
        receipts.append(Receipt(lease_id=lease["leaseId"], pay=terms.price, result_digest=attested.result_digest))
    return receipts, by_use


def _print_acceptance(job_id: str, receipts: list["Receipt"], by_use: int, claimed: list[dict[str, Any]]) -> None:
    if receipts:
        total = sum(each.pay for each in receipts)
        results = "the result" if len(receipts) == 1 else f"{len(receipts)} results"
        talk().print(
            f"You accept {results} of job {short(job_id)} and pay [b]all that is locked, {usdc(total)}[/b]."
            f" The oracles would make it {usdc(by_use)}, by use."
        )
    for lease in claimed:
        talk().print(f"You pay what was claimed for lease {short(lease['leaseId'])}, {usdc(lease['claim']['pay'])}.")


def _accept_on_chain(
    market: "Market",
    account: "LocalAccount",
    domain: "Domain",
    receipts: list["Receipt"],
    claimed: list[dict[str, Any]],
) -> list[str]:
    """The hashes of the transactions."""
    from marketplace.cli.onchain import one_lease
    from marketplace.cli.wiring import open_account

    hand = open_account(market, account)[0]
    sent = []
    for receipt in receipts:
        found = one_lease(market, hand.reader, receipt.lease_id)
        sent.append(hand.accept(found.group, found.place, receipt, receipt.sign(domain, account.key)))
    sent += [hand.release(one_lease(market, hand.reader, lease["leaseId"]).claimed) for lease in claimed]
    return [each.tx_hash for each in sent]


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
    """Get back what an overdue job has locked. Anybody may do this, for any job past its deadline.

    With --on-chain also what a dispute has held that the oracles did not decide in time.
    """
    market = find_market(url)
    with market.client() as client:
        job_id = resolve_job(client, job)
        if on_chain:
            account = unlock(find_keystore(wallet, market), market, password_file)
            said: dict[str, Any] = {"transactions": _refund_on_chain(market, account, job_id)}
        else:
            found = client.job(job_id)
            _require_going_on(found, "refund")
            if all(lease.get("outcome") for lease in found["leases"]):
                raise ConflictError(f"Job {short(job_id)} has no open lease: nothing is locked.")
            try:
                said = client.request_refund(job_id)
            except ConflictError as error:
                error.hint = f"Its deadline is {clock_time(int(found['bid']['deadline']))}."
                raise
    if as_json:
        print_json({"jobId": job_id, **said})
        return
    done = "sent" if on_chain else f"on its way; `hive status {short(job_id)}` shows it"
    out().print(f"The refund of job {short(job_id)} is {done}.")


def _refund_on_chain(market: "Market", account: "LocalAccount", job_id: str) -> list[str]:
    """The hashes of the transactions. Raises ConflictError where nothing is due."""
    from marketplace.cli.onchain import by_group, job_leases
    from marketplace.cli.wiring import open_account

    hand = open_account(market, account)[0]
    leases, now = job_leases(market, hand.reader, job_id), hand.reader.head().timestamp
    if not leases:
        raise ConflictError(f"Job {short(job_id)} has no open lease: nothing is locked.")
    late = [lease for lease in leases if lease.is_open and lease.terms.deadline < now]
    undecided = [lease for lease in leases if lease.is_disputed and lease.claim.until < now]
    if not late and not undecided:
        if any(lease.is_claimed for lease in leases):
            hint = "The provider has claimed its pay: `hive accept --on-chain` or `hive dispute` answers that."
        else:
            until = min(lease.claim.until if lease.is_disputed else lease.terms.deadline for lease in leases)
            hint = f"The first is due after {clock_time(until)}."
        raise ConflictError(f"Job {short(job_id)} has nothing that is overdue.", hint=hint)
    sent = [hand.refund(by_group(late))] if late else []
    sent += [hand.expire_dispute(lease.claimed) for lease in undecided]
    return [each.tx_hash for each in sent]


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
