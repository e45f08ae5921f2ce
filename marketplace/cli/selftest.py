"""`hive provider selftest`: one whole job on this machine, through a private market in which no money is real.

Everything else is: chain and contracts, market, a provider with this machine's settings, oracles, signatures, payment.
What is started ends with the command, however that ends; only the files of one that is killed by force stay behind.
"""

import hashlib
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import render

from marketplace.cli.context import JsonOption
from marketplace.cli.offers import price_now, reasons_against
from marketplace.cli.output import out, print_json, talk, usdc
from marketplace.cli.settled import job_bills, job_end_error, print_bills
from marketplace.cli.timeline import Story
from marketplace.errors import AgentError, InputError, JobFailed, MarketError

if TYPE_CHECKING:
    from agent.settings import ProviderSettings
    from marketplace.cli.localmarket import LocalMarket
    from marketplace.cli.localplan import MarketPlan
    from marketplace.client import MarketClient
    from marketplace.client.jobs import PreparedJob

MACHINE, RENTER, ORACLES = "this-machine", "renter", ("oracle-1", "oracle-2")
PLENTY = 1_000_000_000_000
"""Micro-USDC of play money for the renter, and as much at stake: no rates shall be too dear for the test."""
JOB_SECONDS = 180
CAP_FACTOR = 2
"""Cap over price: what a bid allows for the price to move until its round."""
DATA = b"what goes in must come out\n" * 40_000
SCRIPT = """
import hashlib
data = open("data.bin", "rb").read()
with open("digest.txt", "w") as file:
    file.write(hashlib.sha256(data).hexdigest())
print(len(data))
"""
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_PLANNED = frozenset((
    "url", "rpc_url", "address_book", "keystore", "agent_keystore", "password", "password_file", "data", "region",
    "units", "gpu_hour_rate", "vcpu_hour_rate", "gb_hour_rate", "gfuel_rate", "egress_gb_rate", "minimum_charge",
    "schedule", "allow_renters", "deny_renters", "max_duration_seconds",
))  # fmt: skip
"""Settings that the plan of a local market has by other names, or that are about the real market and its renters."""


@dataclass(slots=True)
class Stages:
    """What has been done, each with the seconds since the start; told as it happens."""

    started: float = field(default_factory=time.monotonic)
    done: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, line: str) -> None:
        """One stage is over; Rich markup."""
        seconds = time.monotonic() - self.started
        self.done.append({"seconds": round(seconds, 1), "stage": render(line).plain})
        talk().print(f"  [dim]{seconds:6.1f} s[/dim]  {line}", soft_wrap=True)


def provider_selftest(
    region: Annotated[str | None, typer.Option("--region", help="As for `hive provider start`.")] = None,
    units: Annotated[int | None, typer.Option("--units", min=1, help="As for `hive provider start`.")] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="An empty folder for the private market; its logs stay there.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a whole job on this machine through a private local market: from the signed bid to the verified payment.

    No real money, no market of others. Settings are COMPUTEHIVE_AGENT_… variables. Needs a checkout (`make setup`).
    """
    settings = _settings(region=region, units=units)
    if keep is not None and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise InputError(f"{keep} is not an empty folder.", hint="Name one that is empty, or not there yet.")
    stages = Stages()
    try:
        with _ended_in_order(), _folder(keep) as folder:
            found = run_selftest(plan_of(settings), folder / "market", stages)
    except MarketError as error:
        error.hint = error.hint or ("" if keep else "`--keep FOLDER` keeps all logs of another try.")
        raise
    if as_json:
        print_json({"ok": True, "stages": stages.done, **found})
        return
    out().print(f"This machine can earn: a job went through it and was paid, in {stages.done[-1]['seconds']:.0f} s.")


def plan_of(settings: "ProviderSettings") -> "MarketPlan":
    """A market with this machine as its only provider, two oracles that must agree, one renter with plenty."""
    from marketplace.cli.localplan import MarketPlan, ProviderPlan, RenterPlan

    given = settings.model_dump(exclude_none=True, exclude=set(_PLANNED))
    machine = ProviderPlan(
        MACHINE, settings.region, settings.units, PLENTY, settings.rates,
        settings={name.upper(): _as_variable(value) for name, value in given.items()},
    )  # fmt: skip
    renter = RenterPlan(RENTER, wallet=PLENTY, deposit=PLENTY)
    return MarketPlan([machine], ORACLES, threshold=len(ORACLES), renters=[renter])


def _as_variable(value: object) -> str:
    """A setting as the environment says it: names with commas between."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def run_selftest(plan: "MarketPlan", folder: Path, stages: Stages) -> dict[str, Any]:
    """One job, start to end; its id and bill. Raises the error of the stage that failed; nothing is left running."""
    from marketplace.cli.localmarket import LocalMarket

    with talk().status("starting") as status:
        steps: list[str] = []

        def begin(step: str) -> None:
            end()
            steps.append(step)
            status.update(step)

        def end() -> None:
            if steps:
                stages.tell(f"{steps.pop()}: done")

        market = LocalMarket(plan, folder, tell=begin)
        market.start()
        end()
    with market, market.client() as client:
        stages.tell("this machine's ask stands")
        job = _prepare(client, folder)
        placed = _place(market, client, job, stages)
        ended = _follow(market, client, placed, stages)
        return {"jobId": placed, **_check(market, client, ended, stages)}


def _settings(**given: object) -> "ProviderSettings":
    """This machine's settings; of a market, a chain and a wallet it needs none."""
    from agent.settings import ProviderSettings, load_settings

    nowhere = {"rpc_url": "", "address_book": Path(), "keystore": Path()}
    named = {name: value for name, value in given.items() if value is not None}
    return load_settings(ProviderSettings, **nowhere, **named)


def _prepare(client: "MarketClient", folder: Path) -> "PreparedJob":
    from marketplace.client.jobs import prepare_job, runtimes_of, upload_job

    (folder / "selftest.py").write_text(SCRIPT)
    (folder / "data.bin").write_bytes(DATA)
    job = prepare_job(
        folder / "selftest.py", [folder / "data.bin"], runtimes=runtimes_of(client.config()), name="selftest"
    )
    upload_job(client, job)
    return job


def _place(market: "LocalMarket", client: "MarketClient", job: "PreparedJob", stages: Stages) -> str:
    """Quote, sign, submit; the job's id. Raises AgentError where this machine's offer does not fit a usual job."""
    from marketplace.client.jobs import DEFAULT_RESOURCES, build_bid

    offers = client.quote(DEFAULT_RESOURCES, job_spec=job.spec)
    price = price_now(offers)
    if price is None:
        why = "; ".join(reasons_against(offers)) or "it offers nothing"
        raise AgentError(f"This machine cannot run a job of the usual size: {why}.", hint="Try `hive provider doctor`.")
    stages.tell(f"quoted: {usdc(price)} for everything reserved")
    bid = build_bid(
        job, renter=market.addresses[RENTER], market=client.config()["market"], resources=DEFAULT_RESOURCES,
        max_price=price * CAP_FACTOR, salt=client.next_salt(market.addresses[RENTER]),
    )  # fmt: skip
    signature = bid.sign(client.domain(), market.keys[RENTER])
    placed = client.submit_job(bid, signature, job.spec)["jobId"]
    stages.tell("bid signed and placed")
    return placed


def _follow(market: "LocalMarket", client: "MarketClient", job_id: str, stages: Stages) -> dict[str, Any]:
    """The job at its end, told as it goes. Raises ProcessFailed where a service ends, WaitTimeout, JobFailed."""
    from marketplace.client.waiting import follow_job

    def pause(seconds: float) -> None:
        market.require_alive()
        time.sleep(seconds)

    story, job = Story(), {}
    for job in follow_job(client, job_id, timeout=JOB_SECONDS, sleep=pause):
        for _, line in story.news(job["timeline"]):
            stages.tell(line)
    if job["state"] != "paid":
        raise job_end_error(job)
    return job


def _check(market: "LocalMarket", client: "MarketClient", job: dict[str, Any], stages: Stages) -> dict[str, Any]:
    """The result against what it must be, the bill against what the chain paid. Raises JobFailed, ClearingError."""
    from marketplace.client.results import fetch_result

    (lease,) = job["leases"]
    result = fetch_result(client, lease["leaseId"], client.lease_terms(lease["leaseId"]), client.domain())
    (digest,) = (client.get_blob(entry.digest) for entry in result.manifest.entries if entry.path == "out/digest.txt")
    if digest.decode() != hashlib.sha256(DATA).hexdigest():
        raise JobFailed("The job's output is not what its program computes.", job=job["jobId"])
    stages.tell("the result is right, by the provider's signature and by computing it here")
    (bill,) = job_bills(client, job)
    earned = market.reader().balance(market.addresses[MACHINE]).free
    if earned != bill.paid:
        raise JobFailed(f"The bill says {usdc(bill.paid)} to the provider, its account holds {usdc(earned)}.")
    stages.tell(f"the bill adds up, and this machine's account on the chain holds {usdc(earned)}")
    print_bills([bill], talk())
    return {"bill": bill.to_json()}


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Where the private market lives: gone at the end unless it is to be kept."""
    if keep is not None:
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="hive-selftest-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Within, a signal to end is a KeyboardInterrupt, once: whatever was started is then ended undisturbed."""

    def interrupt(*_: object) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before: dict[int, Callable[..., object] | int | None] = {each: signal.signal(each, interrupt) for each in _SIGNALS}
    try:
        yield
    except KeyboardInterrupt:
        talk().print("Interrupted; everything it started is ended.")
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
