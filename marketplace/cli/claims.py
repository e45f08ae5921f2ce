"""What the parties do on chain where oracles are silent: claim, release, dispute; and who may act for whom."""

from typing import TYPE_CHECKING, Annotated

import typer

from marketplace.cli.context import JsonOption, YesOption, require_consent
from marketplace.cli.job_views import PANEL, JobArgument
from marketplace.cli.known import resolve_job
from marketplace.cli.money import checked_address, positive_amount
from marketplace.cli.options import with_options
from marketplace.cli.output import clock_time, out, print_json, short, talk, usdc
from marketplace.cli.wiring import Party
from marketplace.errors import ConflictError, InputError, InsufficientFunds, WrongSigner

if TYPE_CHECKING:
    from marketplace.cli.onchain import ChainLease
    from marketplace.client import MarketClient
    from marketplace.protocol.messages import Attestation

LeaseArgument = Annotated[str, typer.Argument(help="A lease's id: `hive status` of its job shows it under --json.")]
DISPUTE_BOND_BPS, BPS = 1_000, 10_000
"""What a dispute puts at stake, of the claimed pay (`IEscrowClaims.sol`)."""
LEASE_DIGITS = 64


def register(app: typer.Typer) -> None:
    """Add the renter's command to `hive`."""
    app.command("dispute", rich_help_panel=PANEL)(dispute)


def register_provider(provider: typer.Typer) -> None:
    """Add the provider's commands to `hive provider`."""
    provider.command("claim")(provider_claim)
    provider.command("release")(provider_release)
    agent = typer.Typer(help="Keys that sign asks and claims for you.", no_args_is_help=True)
    agent.command("add")(agent_add)
    agent.command("remove")(agent_remove)
    provider.add_typer(agent, name="agent")


@with_options
def dispute(
    job: JobArgument,
    *,
    party: Party,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Contradict what a provider claimed for your job. Puts a tenth of the claim at stake, from your free balance.

    The oracles then decide: you get the bond back unless they find that all that was claimed is due. If they are
    silent, `hive refund --on-chain` brings back lock and bond after the dispute's time.
    """
    from marketplace.cli.onchain import job_leases

    with party.market.client() as client:
        job_id = resolve_job(client, job)
    leases, now = job_leases(party.market, party.reader, job_id), party.reader.head().timestamp
    claimed = [lease for lease in leases if lease.is_claimed and now <= lease.claim.until]
    if not claimed:
        raise ConflictError(
            f"Job {short(job_id)} has no claim that could be disputed.",
            hint=f"`hive status {short(job_id)}` tells where it stands.",
        )
    for lease in claimed:
        if lease.terms.renter != party.address:
            raise WrongSigner(f"The lease belongs to {lease.terms.renter}; this wallet is {party.address}.")
    bond = sum(-(-lease.claim.pay * DISPUTE_BOND_BPS // BPS) for lease in claimed)
    free = party.reader.renter_account(party.address).free
    if free < bond:
        raise InsufficientFunds(
            f"A dispute puts {usdc(bond)} at stake; {party.address} has {usdc(free)} deposited and free.",
            hint="`hive deposit` puts more into the escrow.",
            free=free,
            needed=bond,
        )
    pay = sum(lease.claim.pay for lease in claimed)
    talk().print(f"You contradict a claim of {usdc(pay)} and put [b]{usdc(bond)}[/b] at stake.")
    require_consent("Dispute it?", yes=yes)
    hand = party.unlocked()[0]
    sent = [hand.dispute(lease.claimed).tx_hash for lease in claimed]
    if as_json:
        print_json({"jobId": job_id, "bond": str(bond), "transactions": sent})
        return
    out().print(f"Disputed. The oracles decide; `hive status {short(job_id)}` shows it.")


@with_options
def provider_claim(
    lease: LeaseArgument,
    amount: Annotated[
        str | None, typer.Option("--pay", help="USDC; else what the attested usage comes to. At most the lock.")
    ] = None,
    *,
    party: Party,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Claim the pay of a lease that nobody settles, before its deadline. The daemon does this by itself.

    The evidence is taken from the market. The renter may dispute it within the window; afterwards `release` pays it.
    """
    from marketplace.cli.onchain import one_lease

    lease_id = _lease_id(lease)
    with party.market.client() as client:
        attestation, signature, agent, due = _evidence(client, lease_id)
    pay = due if amount is None else positive_amount(amount)
    found = one_lease(party.market, party.reader, lease_id)
    _require_claimable(found)
    talk().print(
        f"{party.address} claims {usdc(pay)} of the {usdc(found.terms.price)} that lease {short(lease_id)} has locked."
    )
    require_consent("Claim it?", yes=yes)
    hand = party.unlocked()[0]
    sent = hand.claim(found.group, found.place, pay, attestation, agent, signature)
    until = party.reader.claim(lease_id).until
    if as_json:
        print_json({"leaseId": lease_id, "pay": str(pay), "until": until, "transaction": sent.tx_hash})
        return
    out().print(f"Claimed {usdc(pay)}. Undisputed, `hive provider release` pays it after {clock_time(until)}.")


@with_options
def provider_release(
    lease: LeaseArgument,
    *,
    party: Party,
    as_json: JsonOption = False,
) -> None:
    """Have a claim paid that nobody disputed within its window. Anybody may do this; the daemon does it by itself."""
    from marketplace.cli.onchain import one_lease

    lease_id = _lease_id(lease)
    found = one_lease(party.market, party.reader, lease_id)
    if not found.is_claimed:
        raise ConflictError(f"There is no claim on lease {short(lease_id)} that could be released.")
    if party.reader.head().timestamp <= found.claim.until and found.terms.renter != party.address:
        raise ConflictError(f"The renter may dispute the claim until {clock_time(found.claim.until)}.")
    sent = party.unlocked()[0].release(found.claimed)
    if as_json:
        print_json({"leaseId": lease_id, "pay": str(found.claim.pay), "transaction": sent.tx_hash})
        return
    out().print(f"Released: {usdc(found.claim.pay)}, less the fee, for {found.terms.provider}.")


@with_options
def oracle_collect(
    *,
    party: Party,
    as_json: JsonOption = False,
) -> None:
    """Move an oracle's share of the fees into its free balance, from where `hive withdraw` takes it."""
    share = party.reader.oracle_credits().get(party.address, 0)
    if share == 0:
        raise ConflictError(
            f"{party.address} has nothing to collect.",
            hint="Members of the committee earn a share of the fee of each batch that they sign.",
        )
    hand = party.unlocked()[0]
    sent = [each.tx_hash for each in hand.credit_oracle_fees()]
    free = hand.reader.balance(party.address).free
    if as_json:
        print_json({"account": party.address, "collected": str(share), "free": str(free), "transactions": sent})
        return
    out().print(f"Collected {usdc(share)}; {usdc(free)} are free in the escrow now.")


@with_options
def agent_add(
    address: Annotated[str, typer.Argument(help="The agent's address.")],
    *,
    party: Party,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let a key sign asks that name it, and claims, for you. It cannot move your money."""
    _set_agent(party, address, True, yes=yes, as_json=as_json)


@with_options
def agent_remove(
    address: Annotated[str, typer.Argument(help="The agent's address.")],
    *,
    party: Party,
    as_json: JsonOption = False,
) -> None:
    """Let a key sign for you no longer. Asks that it signed are void with it."""
    _set_agent(party, address, False, yes=True, as_json=as_json)


def _set_agent(party: Party, address: str, allowed: bool, *, yes: bool, as_json: bool) -> None:
    agent = checked_address(address)
    if allowed:
        talk().print(f"{agent} may sign asks at any rates, and claims, for {party.address} until you remove it.")
    require_consent("Let it?", yes=yes)
    hand = party.unlocked()[0]
    sent = hand.set_agent(agent, allowed)
    if as_json:
        print_json({"agent": agent, "allowed": allowed, "transaction": sent.tx_hash})
        return
    out().print(f"{agent} {'may' if allowed else 'may no longer'} sign for {party.address}.")


def _evidence(client: "MarketClient", lease_id: str) -> tuple["Attestation", str, str, int]:
    """Attestation, its signature, who signed it, and what the attested usage comes to, micro-USDC."""
    from marketplace.protocol.enums import ExitKind
    from marketplace.protocol.messages import Attestation
    from marketplace.protocol.metering import compute_pay

    terms, shown = client.lease_terms(lease_id), client.attestation(lease_id)
    attestation = Attestation.parse(shown["attestation"])
    if attestation.exit_kind != ExitKind.EXITED:
        raise ConflictError("The program did not come to its end: nothing is paid for that.")
    used = attestation.usage_of(terms.bid.resources)
    due = compute_pay(terms.ask.rates, terms.bid.resources, used, terms.price)
    return attestation, shown["signature"], terms.ask.agent, due


def _require_claimable(found: "ChainLease") -> None:
    if found.is_claimed or found.is_disputed:
        raise ConflictError(f"Lease {short(found.lease_id)} is claimed already, for {usdc(found.claim.pay)}.")
    if not found.is_open:
        raise ConflictError(f"Lease {short(found.lease_id)} is closed: there is nothing left to claim.")


def _lease_id(given: str) -> str:
    digits = given.lower().removeprefix("0x")
    if len(digits) != LEASE_DIGITS or any(digit not in "0123456789abcdef" for digit in digits):
        raise InputError(f"{given!r} is not a lease's id.", hint="`hive status JOB --json` shows it whole.")
    return "0x" + digits
