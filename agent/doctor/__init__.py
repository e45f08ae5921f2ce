"""`hive provider doctor`: is this machine ready to earn, and if not, what is to be done."""

import time
from collections.abc import Callable

from agent.bootstrap import open_chain
from agent.doctor.chain import examine_chain
from agent.doctor.clusters import check_cluster
from agent.doctor.finding import Finding, Health, failed
from agent.doctor.folder import examine_folder
from agent.doctor.machine import examine_machine
from agent.doctor.market import MarketView, examine_market, look_at_market
from agent.doctor.sandboxes import examine_sandboxes
from agent.doctor.updates import examine_updates
from agent.inventory import survey_gpus
from agent.sandbox import sandbox_digest
from agent.settings import ProviderSettings
from marketplace.errors import MarketError
from marketplace.protocol.jobspec import METERED_SANDBOX

__all__ = ["Finding", "Health", "examine"]


def examine(settings: ProviderSettings, options: str = "", clock: Callable[[], float] = time.time) -> list[Finding]:
    """Every check, in order. A check that cannot be made is a failed one; none stops the others.

    `options` are those of the command line (` --wallet mine`), to be repeated in commands that are advised.
    """
    now = clock()
    view = _look(settings.url, clock)
    caps = view.caps if isinstance(view, MarketView) else ()
    domain = None
    try:
        chain = open_chain(settings)
        domain = chain.domain
        on_chain = examine_chain(chain, settings, caps, now, options)
    except MarketError as error:
        on_chain = [failed("chain", str(error), "Check the RPC address and the address book.")]
    gpus = len(survey_gpus().gpus)
    return [
        *examine_machine(settings.data, settings.units, has_jobs=not settings.ray_address),
        *examine_sandboxes(settings),
        *check_cluster(settings),
        *examine_folder(settings, now, options),
        *examine_updates(settings, now),
        *examine_market(view, domain, settings.rates, gpus, _own_sandbox(settings)),
        *on_chain,
    ]


def _own_sandbox(settings: ProviderSettings) -> str:
    is_offered = not settings.sandboxes or METERED_SANDBOX in settings.sandboxes
    return sandbox_digest() if is_offered else ""


def _look(url: str, clock: Callable[[], float]) -> MarketView | MarketError:
    try:
        return look_at_market(url, clock)
    except MarketError as error:
        return error
