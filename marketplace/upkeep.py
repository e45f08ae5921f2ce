"""What an operator does to a market's stores beside its service, wired."""

from pathlib import Path

from marketplace.adapters.store import url_of
from marketplace.adapters.store.transfer import CopiedTable, copy_to
from marketplace.bootstrap import build_market
from marketplace.errors import NotFound
from marketplace.services.prune import Pruned, plan_prune, prune_all
from marketplace.settings import MarketSettings
from marketplace.telemetry.lines import configure_logging


def copy_market(settings: MarketSettings, target: str) -> list[CopiedTable]:
    """Copy the database to another, empty one. Raises NotFound, SettingsError, and as `copy_to`."""
    where = settings.database()
    if isinstance(where, Path) and not where.exists():
        raise NotFound("market's database in", str(settings.data_dir))
    return copy_to(url_of(where), url_of(target))


def prune_market(settings: MarketSettings, *, is_dry_run: bool) -> Pruned:
    """Forget what the settings do not keep, or say what that would be. Raises as `build_market`, ServiceUnavailable."""
    configure_logging(settings.log_level)
    market = build_market(settings)
    return (plan_prune if is_dry_run else prune_all)(market)
