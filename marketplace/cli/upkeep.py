"""`hive market prune|copy`: what an operator does to a market's stores beside its service."""

from typing import Annotated

import typer

from marketplace.cli.agent_settings import require_stopped
from marketplace.cli.context import JsonOption
from marketplace.cli.output import out, print_json, table, talk


def register(market: typer.Typer) -> None:
    """Add the commands to `hive market`."""
    market.command("prune")(market_prune)
    market.command("copy")(market_copy)


def market_prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Delete nothing, only say what would be.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete what the market's KEEP_… settings say is kept no longer. The service does so itself, too."""
    from marketplace.settings import load_settings
    from marketplace.upkeep import prune_market

    found = prune_market(load_settings(), is_dry_run=dry_run)
    if as_json:
        print_json({"rows": found.rows, "blobs": found.blobs, "blobBytes": found.blob_bytes, "isDryRun": dry_run})
        return
    shown = table("what", "to delete" if dry_run else "deleted")
    for kind, count in found.rows.items():
        shown.add_row(kind, str(count))
    shown.add_row("blobs", f"{found.blobs} ({found.blob_bytes} bytes)")
    out().print(shown)
    if dry_run:
        talk().print("Nothing was deleted.")


def market_copy(
    to: Annotated[
        str,
        typer.Option("--to", help="An empty database: postgresql+psycopg://USER:PASSWORD@HOST/NAME or sqlite:///PATH."),
    ],
    as_json: JsonOption = False,
) -> None:
    """Copy the market's database to another one, table by table, counted and compared. Stop the service first."""
    from marketplace.settings import load_settings
    from marketplace.upkeep import copy_market

    settings = load_settings()
    require_stopped(f"http://{settings.host}:{settings.port}")
    copied = copy_market(settings, to)
    if as_json:
        print_json([{"table": one.name, "rows": one.rows, "digest": one.digest} for one in copied])
        return
    shown = table("table", "rows", "digest of the rows, in both")
    for one in copied:
        shown.add_row(one.name, str(one.rows), one.digest[:18] + "…")
    out().print(shown)
    talk().print(
        "Set COMPUTEHIVE_MARKET_DATABASE_URL to the copy before you start the market. Blobs stay where they are."
    )
