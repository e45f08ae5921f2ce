"""`hive market|provider|oracle`: the commands of those who run a service. Each runs until Ctrl-C.

The daemons take their settings from the environment and, where it is named, a settings file; options go before both.
"""

import os
from typing import Annotated

import typer
from rich.text import Text

from marketplace.cli import (
    backups,
    bonds,
    claims,
    draining,
    measured,
    node_server,
    provider_views,
    selftest,
    stakes,
    updating,
    upkeep,
)
from marketplace.cli.advised import print_markups
from marketplace.cli.agent_settings import (
    prepare_agent,
    require_member,
    require_stopped,
    wait_for_file,
    wait_for_market,
)
from marketplace.cli.context import JsonOption
from marketplace.cli.options import with_options
from marketplace.cli.output import out, print_json, table, talk
from marketplace.cli.proofs import tell_comparison
from marketplace.cli.wiring import Holder, Party
from marketplace.errors import AgentError, NotFound

WaitOption = Annotated[
    float,
    typer.Option("--wait", min=0, help="Seconds to wait for what this service needs, instead of giving up at once."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to `hive`."""
    market = typer.Typer(help="Run a market.", no_args_is_help=True)
    market.command("up")(market_up)
    market.command("migrate")(market_migrate)
    market.command("rebuild")(market_rebuild)
    backups.register(market)
    upkeep.register(market)
    market.command("openapi")(market_openapi)
    provider = typer.Typer(help="Offer this machine.", no_args_is_help=True)
    provider.command("doctor")(provider_doctor)
    provider.command("benchmark")(measured.provider_benchmark)
    provider.command("selftest")(selftest.provider_selftest)
    provider.command("advise")(provider_advise)
    provider.command("stake")(stakes.provider_stake)
    provider.command("unstake")(stakes.provider_unstake)
    provider.command("start")(provider_start)
    provider.command("drain")(draining.provider_drain)
    provider.command("update")(updating.provider_update)
    provider.command("earnings")(provider_views.provider_earnings)
    provider.command("bids")(provider_views.provider_bids)
    provider.command("why")(provider_views.provider_why)
    provider.command("mcp")(node_server.provider_mcp)
    claims.register_provider(provider)
    oracle = typer.Typer(help="Check results for others.", no_args_is_help=True)
    oracle.command("start")(oracle_start)
    oracle.command("collect")(claims.oracle_collect)
    bonds.register_oracle(oracle)
    for name, group in (("provider", provider), ("oracle", oracle), ("market", market)):
        app.add_typer(group, name=name, rich_help_panel="Services")


def market_up(
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on; else $COMPUTEHIVE_MARKET_HOST.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Port; else $COMPUTEHIVE_MARKET_PORT.")
    ] = None,
    role: Annotated[
        str | None,
        typer.Option(
            "--role",
            help="What this process does: all, api, workers, or names with commas; else $COMPUTEHIVE_MARKET_ROLES.",
        ),
    ] = None,
    wait: WaitOption = 0,
) -> None:
    """Run a market service: order book, auction, settlement, HTTP. Settings are COMPUTEHIVE_MARKET_… variables."""
    from marketplace.bootstrap import serve
    from marketplace.settings import load_settings

    wait_for_file(os.environ.get("COMPUTEHIVE_MARKET_ADDRESS_BOOK"), wait)
    given = {"host": host, "port": port, "roles": role}
    serve(load_settings(**{name: value for name, value in given.items() if value is not None}))


def market_migrate(
    to: Annotated[
        str | None, typer.Option("--to", help="Another revision than the newest, such as 0010: up or down.")
    ] = None,
) -> None:
    """Bring the market's database to the newest revision; the service does so by itself when it starts."""
    from marketplace.bootstrap import migrate_market
    from marketplace.settings import load_settings

    talk().print(f"The database has revision {migrate_market(load_settings(), to)}.")


def market_rebuild(
    verify: Annotated[
        bool, typer.Option("--verify", help="Change nothing, only compare; the service may be running.")
    ] = False,
) -> None:
    """Read what the market's database took from the chain anew, and prove it equal. Stop the service first."""
    from marketplace.bootstrap import rebuild_market, verify_market
    from marketplace.settings import load_settings

    settings = load_settings()
    if settings.is_embedded and not (settings.data_dir / "market.db").exists():
        raise NotFound("market's database in", str(settings.data_dir))
    if not verify:
        require_stopped(f"http://{settings.host}:{settings.port}")
    where = f" in {settings.data_dir}" if settings.is_embedded else ""
    tell_comparison((verify_market if verify else rebuild_market)(settings), where)


def market_openapi() -> None:
    """Print the OpenAPI document of this version's HTTP interface, from which clients are generated."""
    from marketplace.bootstrap import describe_interface

    print_json(describe_interface())


@with_options
def provider_start(
    *,
    party: Party,
    region: Annotated[str | None, typer.Option("--region", help="Where this machine stands.")] = None,
    units: Annotated[int | None, typer.Option("--units", min=1, help="How many jobs at once.")] = None,
    wait: WaitOption = 0,
) -> None:
    """Offer this machine: keep an ask standing, run leased jobs, attest. Settings are COMPUTEHIVE_AGENT_… variables."""
    from agent.bootstrap import run_provider
    from agent.settings import ProviderSettings, load_settings

    prepare_agent(party, PASSWORD_FILE=party.password_file, REGION=region, UNITS=units)
    wait_for_market(wait)
    settings = load_settings(ProviderSettings)
    talk().print(f"Offering this machine at {settings.url} with the wallet {settings.keystore.stem}. Ctrl-C stops it.")
    run_provider(settings)


@with_options
def oracle_start(
    *,
    party: Party,
    wait: WaitOption = 0,
) -> None:
    """Check results: run claims again, sign verdicts and batches. Settings are COMPUTEHIVE_AGENT_… variables."""
    from agent.bootstrap import run_oracle
    from agent.settings import OracleSettings, load_settings

    prepare_agent(party, PASSWORD_FILE=party.password_file)
    wait_for_market(wait)
    settings = load_settings(OracleSettings)
    require_member(settings.url, settings.keystore)
    talk().print(f"Checking results of {settings.url} with the wallet {settings.keystore.stem}. Ctrl-C stops it.")
    run_oracle(settings)


@with_options
def provider_doctor(
    *,
    holder: Holder,
    as_json: JsonOption = False,
) -> None:
    """Is this machine ready to earn, and if not, what is to be done?"""
    from agent.doctor import Health, examine
    from agent.settings import ProviderSettings, load_settings

    prepare_agent(holder, needs_password=False)
    findings = examine(load_settings(ProviderSettings), holder.as_options)
    if as_json:
        print_json(
            [
                {"name": each.name, "health": each.health, "found": each.found, "remedy": each.remedy}
                for each in findings
            ]
        )
    else:
        styles = {Health.OK: "green", Health.WARN: "yellow", Health.FAIL: "red"}
        shown = table("", "check", "found")
        for each in findings:
            shown.add_row(Text(each.health, style=styles[each.health]), each.name, Text(each.found))
            if each.remedy and each.health is not Health.OK:
                shown.add_row("", "", Text(f"→ {each.remedy}", style="cyan"))
        out().print(shown)
    if any(each.health is Health.FAIL for each in findings):
        raise typer.Exit(AgentError.exit_code)


@with_options
def provider_advise(
    *,
    holder: Holder,
    as_json: JsonOption = False,
) -> None:
    """What to ask: what your own leases say about each markup on your rates."""
    from agent.prices import read_advice
    from agent.settings import ProviderSettings, load_settings

    prepare_agent(holder, needs_password=False)
    found = read_advice(load_settings(ProviderSettings))
    if as_json:
        print_json(found)
        return
    print_markups(found, out())
