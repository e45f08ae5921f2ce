"""`hive market backup|restore`: a market's database and blobs, out of a running one and into a lost one's place."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from marketplace.cli.agent_settings import require_stopped
from marketplace.cli.output import talk
from marketplace.cli.proofs import tell_comparison

WAIT_SECONDS = 60.0


def register(market: typer.Typer) -> None:
    """Add the commands to `hive market`."""
    market.command("backup")(market_backup)
    market.command("restore")(market_restore)


def market_backup(
    folder: Annotated[Path, typer.Argument(help="A new folder for the backup, such as backups/2026-11-22.")],
) -> None:
    """Copy the market's database and blobs; the service may be running. The operator's key is not in it."""
    from marketplace.bootstrap import back_up_market
    from marketplace.settings import load_settings

    backup = back_up_market(load_settings(), folder)
    followed = f"block {backup.followed.number}" if backup.followed else "no block"
    size = sum(backup.blobs.values())
    blobs = f"and {len(backup.blobs)} blobs of {size} bytes"
    if backup.bucket:
        blobs = f"without blobs: they stay in {backup.bucket}, whose own versions or copies are their backup"
    talk().print(
        f"Backed up to {folder}: the database, which knows {followed} of the chain, {blobs}.",
        soft_wrap=True,
    )


def market_restore(
    folder: Annotated[Path, typer.Argument(help="What `hive market backup` has made.")],
    wait: Annotated[
        float,
        typer.Option("--wait", min=0, help="Seconds to wait for transactions of the lost market that are not mined."),
    ] = WAIT_SECONDS,
) -> None:
    """Put a backup in the place of a lost database, and read from the chain what has happened since."""
    from marketplace.bootstrap import restore_market
    from marketplace.settings import load_settings

    settings = load_settings()
    require_stopped(f"http://{settings.host}:{settings.port}")
    backup, found = restore_market(settings, folder, wait)
    talk().print(
        f"Restored {folder} to {settings.data_dir}, with {len(backup.blobs)} blobs. Orders and evidence that came after"
        f" {datetime.fromtimestamp(backup.taken_at, UTC):%Y-%m-%d %H:%M:%S} UTC are not in it.",
        soft_wrap=True,
    )
    tell_comparison(found, f" in {settings.data_dir}")
