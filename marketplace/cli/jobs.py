"""`hive quote` and `hive run`: the price and the cap first, then the signature, then the result and the bill."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marketplace.cli.advised import print_advice
from marketplace.cli.context import (
    JsonOption,
    PasswordFileOption,
    UrlOption,
    WalletOption,
    YesOption,
    find_keystore,
    find_market,
    named_wallet,
    require_consent,
    unlock,
)
from marketplace.cli.known import remember_job
from marketplace.cli.networking import NetworkOptions
from marketplace.cli.offers import feasible, price_now, prices_above_cap, print_offers, reasons_against
from marketplace.cli.options import with_options
from marketplace.cli.output import out, print_json, talk
from marketplace.cli.private import PrivacyOptions, keep_and_grant
from marketplace.cli.resuming import go_on, was_interrupted
from marketplace.cli.schedule import ScheduleOptions
from marketplace.cli.signed import print_commitment, print_detached, print_filled, print_start, require_funds
from marketplace.cli.trust import TrustOptions
from marketplace.cli.verifying import VerifyOption
from marketplace.cli.watching import WatchOptions, require_one_output
from marketplace.cli.wishes import NeedOption, PreferOption, parse_needs, parse_preferences
from marketplace.errors import ConflictError, InputError, JobFailed
from marketplace.protocol.units import FUEL_PER_GFUEL, format_usdc, parse_usdc

if TYPE_CHECKING:
    from marketplace.client.jobs import PreparedJob
    from marketplace.protocol.metering import Resources

PANEL = "Jobs"
ProgramArgument = Annotated[
    Path,
    typer.Argument(help="A .py or .js script, a .wasm module, a .tar of `docker save`, or HOST/NAME@sha256:DIGEST."),
]
InputOption = Annotated[
    list[Path] | None, typer.Option("--input", "-i", help="File or folder the program finds under /in.")
]
ArgOption = Annotated[
    list[str] | None, typer.Option("--arg", "-a", help="An argument of the program; may be repeated.")
]
EnvOption = Annotated[
    list[str] | None, typer.Option("--env", "-e", help="NAME=value for the program; may be repeated.")
]
MaxPriceOption = Annotated[
    str | None,
    typer.Option("--max-price", help="The hard cap in USDC, for each replica; else twice the price now."),
]
MemoryOption = Annotated[int, typer.Option("--memory", min=1, help="MB of memory.")]
FuelOption = Annotated[float, typer.Option("--fuel", min=0.001, help="Gfuel (billion wasm instructions) at most.")]
SecondsOption = Annotated[int, typer.Option("--seconds", min=1, help="Wall-clock bound.")]
VcpusOption = Annotated[int, typer.Option("--vcpus", min=1, help="vCPUs.")]
GpusOption = Annotated[int, typer.Option("--gpus", min=0, help="GPUs.")]
EgressOption = Annotated[int, typer.Option("--egress", min=1, help="MB of outputs and logs at most.")]
ReplicasOption = Annotated[int, typer.Option("--replicas", min=1, max=255, help="Runs on as many distinct providers.")]
RegionOption = Annotated[list[str] | None, typer.Option("--region", help="Only nodes of this region; may be repeated.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `hive`."""
    app.command("quote", rich_help_panel=PANEL)(quote)
    app.command("run", rich_help_panel=PANEL)(run)


@with_options
def quote(
    program: ProgramArgument,
    inputs: InputOption = None,
    args: ArgOption = None,
    env: EnvOption = None,
    max_price: MaxPriceOption = None,
    memory: MemoryOption = 512,
    fuel: FuelOption = 50.0,
    seconds: SecondsOption = 300,
    vcpus: VcpusOption = 1,
    gpus: GpusOption = 0,
    egress: EgressOption = 10,
    replicas: ReplicasOption = 1,
    region: RegionOption = None,
    need: NeedOption = None,
    prefer: PreferOption = None,
    advice: Annotated[
        bool, typer.Option("--advice", help="Also how likely a price is to be enough, and what would make it cheaper.")
    ] = False,
    url: UrlOption = None,
    as_json: JsonOption = False,
    *,
    schedule: ScheduleOptions,
    trust: TrustOptions,
    privacy: PrivacyOptions,
    network: NetworkOptions,
) -> None:
    """What would it cost, where, and what stands in the way. Signs nothing, spends nothing."""
    from marketplace.client.jobs import metered
    from marketplace.protocol.enums import Verification

    resources = _resources(gpus, vcpus, memory, seconds, fuel, egress)
    with find_market(url).client() as client:
        job = _prepare(client.config(), program, inputs, args, env, (region, need, prefer), schedule, trust, network)
        job, _ = privacy.seal(job, Verification.ACCEPT, replicas)
        resources = metered(job.spec, resources)
        found = client.quote(resources, job_spec=job.spec, replicas=replicas, max_price=_cap(max_price))
        if advice:
            found["advice"] = client.advise(resources, job_spec=job.spec, replicas=replicas, max_price=_cap(max_price))
    if as_json:
        print_json(found)
        return
    print_offers(found, out())
    if advice:
        print_advice(found["advice"], out())


@with_options
def run(
    program: ProgramArgument,
    inputs: InputOption = None,
    args: ArgOption = None,
    env: EnvOption = None,
    max_price: MaxPriceOption = None,
    memory: MemoryOption = 512,
    fuel: FuelOption = 50.0,
    seconds: SecondsOption = 300,
    vcpus: VcpusOption = 1,
    gpus: GpusOption = 0,
    egress: EgressOption = 10,
    replicas: ReplicasOption = 1,
    verify: VerifyOption = None,
    region: RegionOption = None,
    need: NeedOption = None,
    prefer: PreferOption = None,
    name: Annotated[str, typer.Option("--name", help="What you call it.")] = "",
    now: Annotated[
        bool, typer.Option("--now", help="Take what stands idle at once, at its bare price; else the next round.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Print the job's id and go.")] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Place the bid even if nobody can serve it now; needs --max-price.")
    ] = False,
    retries: Annotated[
        int,
        typer.Option("--retries", min=0, help="How often to place it again if its machine does not finish it."),
    ] = 0,
    wallet: WalletOption = None,
    url: UrlOption = None,
    password_file: PasswordFileOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    *,
    watch: WatchOptions,
    schedule: ScheduleOptions,
    trust: TrustOptions,
    privacy: PrivacyOptions,
    network: NetworkOptions,
) -> None:
    """Run a program on the market: price and cap, your signature, live progress, checked result, bill."""
    from marketplace.cli.follow import attend
    from marketplace.client.jobs import build_bid, metered, upload_job
    from marketplace.client.salts import Salts
    from marketplace.protocol.eip712 import Domain

    if now and schedule.is_later:
        raise InputError("--now fills from what stands idle for any bid.", hint="Leave out --start or --preemptible.")
    require_one_output(watch, detach=detach, as_json=as_json)
    market = find_market(url)
    resources = _resources(gpus, vcpus, memory, seconds, fuel, egress)
    with market.client() as client:
        config = client.config()
        job = _prepare(config, program, inputs, args, env, (region, need, prefer), schedule, trust, network, name)
        verification = verify.to_verification() if verify else None
        job, key = privacy.seal(job, verification, replicas)
        resources = metered(job.spec, resources)
        offers = client.quote(resources, job_spec=job.spec, replicas=replicas, max_price=_cap(max_price))
        print_offers(offers, talk())
        _require_offer(offers, replicas, anyway=anyway and bool(_cap(max_price)))
        cap = _cap(max_price) or 2 * (price_now(offers) or 0)
        keystore = find_keystore(wallet, market)
        require_funds(client, keystore.address, cap * replicas, named_wallet(wallet))
        print_commitment(job, cap, replicas, int(config["feeBps"]))
        print_start(job.spec.schedule.not_before)
        require_consent("Sign this bid?", yes=yes)
        account = unlock(keystore, market, password_file)
        granter = keep_and_grant(market, client, account, key)
        upload_job(client, job)
        domain = Domain(chain_id=int(config["chainId"]), escrow=config["contracts"]["Escrow"])
        for left in range(retries, -1, -1):
            bid = build_bid(
                job,
                renter=account.address,
                market=config["market"],
                resources=resources,
                max_price=cap,
                salt=Salts(client.next_salt).take(account.address),
                replicas=replicas,
                verification=verification,
                deadline=schedule.deadline(job.spec.schedule),
            )
            answer = client.submit_job(bid, bid.sign(domain, account.key), job.spec, now=now)
            job_id = answer["jobId"]
            if now:
                print_filled(answer)
            remember_job(job_id, bid.to_json(), market.url)
            if detach and granter is not None:
                granter.wait(job_id, replicas, watch.timeout)
            if detach:
                print_detached(job_id, cap, as_json=as_json)
                return
            try:
                attend(client, job_id, domain, watch=watch, as_json=as_json, tend=granter)
                return
            except JobFailed:
                ended = client.job(job_id)
                if not left or not was_interrupted(ended):
                    raise
                talk().print(f"Its machine did not finish it; it is placed again ({left} more if need be).")
                job = go_on(client, job, ended, domain)


def _resources(gpus: int, vcpus: int, memory: int, seconds: int, fuel: float, egress: int) -> "Resources":
    from marketplace.protocol.metering import Resources

    return Resources(gpus, vcpus, memory, seconds, int(fuel * FUEL_PER_GFUEL), egress)


def _prepare(
    config: dict[str, Any],
    program: Path,
    inputs: list[Path] | None,
    args: list[str] | None,
    env: list[str] | None,
    wanted: tuple[list[str] | None, list[str] | None, list[str] | None],
    schedule: ScheduleOptions,
    trust: TrustOptions,
    network: NetworkOptions,
    name: str = "",
) -> "PreparedJob":
    """The job; `wanted` is what --region, --need and --prefer say."""
    from marketplace.client.jobs import prepare_job, runtimes_of

    regions, needs, wishes = wanted
    pairs = [entry.partition("=") for entry in env or []]
    for key, equals, _ in pairs:
        if not key or not equals:
            raise InputError(f"--env {key!r} is not NAME=value.")
    return prepare_job(
        program,
        inputs or (),
        runtimes=runtimes_of(config),
        args=args or (),
        env={key: value for key, _, value in pairs},
        name=name,
        requirements=parse_needs(needs, regions),
        preferences=parse_preferences(wishes),
        schedule=schedule.to_schedule(),
        checkpoint=schedule.to_checkpoint(),
        tee=trust.to_trust(),
        audit=trust.to_audit(),
        network=network.to_network(),
    )


def _cap(max_price: str | None) -> int | None:
    if max_price is None:
        return None
    micro = parse_usdc(max_price)
    if micro == 0:
        raise InputError("--max-price 0 buys nothing.", hint="Leave it out for twice the price now.")
    return micro


def _require_offer(offers: dict[str, Any], replicas: int, *, anyway: bool) -> None:
    """Raises ConflictError where fewer nodes can serve the job now than it wants; says why."""
    able = len(feasible(offers))
    if able >= replicas or anyway:
        return
    reasons = "; ".join(reasons_against(offers)) or "there is no offer at all"
    above = prices_above_cap(offers)
    hint = "Ask for less (--memory, --seconds, --gpus, --region), or change --max-price."
    if able + len(above) >= replicas:
        enough = format_usdc(above[replicas - able - 1][0])
        hint = f"Say --max-price {enough} or more, or leave it out for a cap of twice the price now."
    raise ConflictError(
        f"{able} of {replicas} needed providers can run this now: {reasons}.",
        hint=hint,
        able=able,
        needed=replicas,
    )
