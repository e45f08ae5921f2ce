"""`hive ca`: a market's own certificate authority, whose certificates nodes and oracles connect with.

Nothing here is sent anywhere, and no file is ever overwritten but the list of roots that `trust` adds to.
"""

from pathlib import Path
from typing import Annotated

import typer

from marketplace.cli.output import talk

Folder = Annotated[Path, typer.Argument(help="A new folder; files in it are for you alone.")]
Days = Annotated[int, typer.Option("--days", min=1, max=7_300, help="How long it is good.")]


def register(app: typer.Typer) -> None:
    """Add `hive ca`."""
    group = typer.Typer(help="A market's certificate authority, for nodes and oracles.", no_args_is_help=True)
    group.command("root")(ca_root)
    group.command("issuer")(ca_issuer)
    group.command("trust")(ca_trust)
    group.command("server")(ca_server)
    app.add_typer(group, name="ca")


def ca_root(
    folder: Folder,
    trust_domain: Annotated[str, typer.Option("--trust-domain", help="Such as market.example.")],
    days: Days = 3_650,
) -> None:
    """Make a root. Keep its folder offline: it is needed to make issuers, and for nothing else."""
    from marketplace.adapters.authority_files import make_root

    made = make_root(folder, trust_domain, days)
    talk().print(f"A root of {trust_domain} in {folder}, until {_end(made)}. Keep root.key offline.", soft_wrap=True)


def ca_issuer(
    root: Annotated[Path, typer.Argument(help="The folder of the root.")],
    folder: Folder,
    previous: Annotated[
        Path | None, typer.Option("--from", help="An issuer's folder whose roots and issuers are believed as well.")
    ] = None,
    days: Days = 365,
) -> None:
    """Make an issuer below a root: COMPUTEHIVE_MARKET_NODE_CA names its folder."""
    from marketplace.adapters.authority_files import make_issuer

    made = make_issuer(root, folder, days, previous)
    talk().print(f"An issuer in {folder}, until {_end(made)}.", soft_wrap=True)


def ca_trust(
    folder: Annotated[Path, typer.Argument(help="The issuer's folder.")],
    root: Annotated[Path, typer.Argument(help="The root.pem of another root of the same trust domain.")],
) -> None:
    """Have a market believe another root as well, before anything is issued below it."""
    from marketplace.adapters.authority_files import trust_root

    talk().print(f"{folder} names {trust_root(folder, root)} roots. Start the market again.", soft_wrap=True)


def ca_server(
    issuer: Annotated[Path, typer.Argument(help="The issuer's folder.")],
    folder: Folder,
    host: Annotated[str, typer.Option("--host", help="The market's name or IP address, as clients type it.")],
    days: Days = 90,
) -> None:
    """Make a certificate for the market itself, for clients that are given the bundle of roots."""
    from marketplace.adapters.authority_files import make_server

    made = make_server(issuer, folder, host, days)
    talk().print(f"A certificate for {host} in {folder}, until {_end(made)}.", soft_wrap=True)


def _end(made) -> str:
    return f"{made.not_valid_after_utc:%Y-%m-%d}"
