"""`hive dev`: a whole market of one's own for trying out, gone when it is stopped."""

import os
import shlex
import shutil
import signal
import sys
import time
import webbrowser
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from marketplace.cli.context import HOME_ENV, JsonOption, home
from marketplace.cli.devfile import DevContext, load_dev_context, remove_dev_context, write_dev_context
from marketplace.cli.output import facts, out, print_json, table, talk, usdc
from marketplace.errors import ConflictError

if TYPE_CHECKING:
    from marketplace.cli.localmarket import LocalMarket
    from marketplace.cli.localplan import MarketPlan

FOLDER = "dev"
RENTER, AUDITOR = "renter", "auditor"
USDC = 1_000_000


def register(app: typer.Typer) -> None:
    """Add the command to `hive`."""
    app.command("dev", rich_help_panel="Start here")(dev)


def dev(
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="The market's port; else any free one.")
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Run some jobs once it is up, so that the dApp's pages have a past.")
    ] = False,
    opens: Annotated[bool, typer.Option("--open", help="Open the dApp in a browser.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Start a whole local market: chain, contracts, service, 3 providers, 3 oracles (2 must agree), a funded wallet.

    The dApp is beside it, with a test wallet in which you play renter, provider and auditor.

    Everything is real except the money. Ctrl-C ends it all. In another terminal, `hive run` finds it by itself.
    """
    from marketplace.cli.devhistory import start_history
    from marketplace.cli.devwallet.beside import dev_pages
    from marketplace.cli.localmarket import LocalMarket
    from marketplace.devnet import require_free_port

    other = load_dev_context(home())
    if other is not None:
        raise ConflictError(
            f"A local market runs already at {other.url} (process {other.pid}).",
            hint=f"Use that one, end it first, or set {HOME_ENV} to another folder for a second one.",
            pid=other.pid,
        )
    if port is not None:
        require_free_port(port, "the market")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # also where a parent shell had SIGINT ignored
        signal.signal(number, _interrupt)
    started = time.monotonic()
    try:
        with talk().status("starting") as status:
            market = LocalMarket(default_plan(port), _fresh_folder(), tell=status.update)
            market.start()
        with market, dev_pages(market) as pages_url:
            _publish(market, pages_url, time.monotonic() - started, as_json=as_json)
            if opens and pages_url:
                webbrowser.open(pages_url)
            past = start_history(market.log("history"), home()) if history else nullcontext()
            with past:
                while True:
                    time.sleep(1.0)
                    market.require_alive()
    except KeyboardInterrupt:
        talk().print("Everything it started is ended; the money was play money.")
    finally:
        remove_dev_context(home(), os.getpid())


def default_plan(port: int | None) -> "MarketPlan":
    """Three providers of different rates, three oracles of which two must agree; a renter and an auditor with money."""
    from marketplace.cli.localplan import MarketPlan, ProviderPlan, RenterPlan
    from marketplace.protocol.metering import Rates

    def rates(percent: int) -> Rates:
        return Rates(
            gpu_hour=0,
            vcpu_hour=360 * percent,
            gb_hour=40 * percent,
            gfuel=10 * percent,
            egress_gb=400 * percent,
            minimum=500,
        )

    providers = [
        ProviderPlan(name, region, units=2, stake=50 * USDC, rates=rates(percent))
        for name, region, percent in (
            ("alder", "eu-north", 100),
            ("birch", "eu-west", 140),
            ("cedar", "us-south", 200),
        )
    ]
    renter = RenterPlan(RENTER, wallet=1_000 * USDC, deposit=100 * USDC)
    auditor = RenterPlan(AUDITOR, wallet=1_000 * USDC, deposit=0)
    oracles = ("oracle-1", "oracle-2", "oracle-3")
    return MarketPlan(providers, oracles, threshold=2, renters=[renter, auditor], port=port)


def _publish(market: "LocalMarket", pages_url: str | None, seconds: float, *, as_json: bool) -> None:
    """Let other terminals find it, and say what there is."""
    from marketplace.cli.localmarket import PASSWORD

    context = DevContext(
        url=market.url,
        rpc_url=market.devnet.rpc_url,
        chain_id=market.book.chain_id,
        address_book=market.devnet.address_book,
        wallets=market.wallets[RENTER].path.parent,
        wallet=RENTER,
        password=PASSWORD,
        logs=market.folder / "logs",
        pid=os.getpid(),
    )
    write_dev_context(home(), context)
    if as_json:
        print_json(context.to_json() | {"accounts": market.addresses, "dapp": pages_url})
        sys.stdout.flush()
        return
    renter = market.plan.renters[0]
    shown = table("provider", "region", "vCPU·h", "GB·h", "Gfuel", right=("vCPU·h", "GB·h", "Gfuel"))
    for each in market.plan.providers:
        shown.add_row(
            each.name,
            each.region,
            usdc(each.rates.vcpu_hour),
            usdc(each.rates.gb_hour),
            usdc(each.rates.gfuel),
        )
    rows = [
        ("dApp", f"{pages_url}  (with a test wallet)" if pages_url else "not built: `make web`"),
        ("market", f"{context.url}  (API: {context.url}/docs)"),
        ("chain", f"{context.rpc_url}  (chain id {context.chain_id})"),
        (
            "wallet",
            f"{RENTER} {market.addresses[RENTER]}, {usdc(renter.deposit)} in the escrow",
        ),
        ("oracles", f"{len(market.plan.oracles)}, of which {market.plan.threshold} must agree"),
        ("contracts", context.address_book),
        ("logs", context.logs),
    ]
    console = out()
    console.print(
        f"[bold green]Your local market is up[/] after {seconds:.0f} s. Everything in it is real except the money.\n"
    )
    console.print(facts(rows))
    console.print()
    console.print(shown)
    console.print("\nIn another terminal:\n")
    for command in (
        *path_advice(),
        "hive run script.py --input data.csv",
        "hive jobs",
        "hive bill 0x…",
        "hive balance",
    ):
        console.print(f"    [cyan]{command}[/]", soft_wrap=True)
    console.print("\nA wallet of your own gets test money by `hive faucet`.", end=" ")
    console.print("Ctrl-C ends it all.")


def path_advice() -> list[str]:
    """The line that puts this `hive` on the PATH, where a plain `hive` would be another one or none."""
    folder = Path(sys.executable).parent
    found = shutil.which("hive")
    if not (folder / "hive").exists() or (found and Path(found).parent == folder):
        return []
    return [f"export PATH={shlex.quote(str(folder))}:$PATH"]


def _fresh_folder() -> Path:
    """A folder of this process; those of earlier runs go."""
    parent = home() / FOLDER
    for old in parent.glob("*"):
        shutil.rmtree(old, ignore_errors=True)
    return parent / str(os.getpid())


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
