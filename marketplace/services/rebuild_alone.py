"""Rebuilding while no process of the market works: it has all roles for as long as that takes."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

from marketplace.domain.roles import WORKERS
from marketplace.errors import ConflictError, ServiceUnavailable
from marketplace.protocol.audit_log import LogKind
from marketplace.services.audit_log import enter_act
from marketplace.services.begin_history import begin_history
from marketplace.services.catch_up import await_unknown
from marketplace.services.deliver_webhooks import spread_news
from marketplace.services.follow_chain import rebuild
from marketplace.services.market import Market
from marketplace.services.storage_duties import SharedStore
from marketplace.services.workers import RENEW_SECONDS

UNKNOWN_SECONDS = 60.0
"""How long it waits for transactions of the market that only the chain's node knows of."""


def rebuild_alone(market: Market) -> None:
    """Read everything that came from the chain anew, as the one process that works.

    Raises ConflictError while another process has any role, or once one has taken the follower's, and as
    `await_unknown`; ChainUnavailable, ServiceUnavailable. Whatever happens, the roles are to be had again at once.
    """
    store = market.store
    try:
        taken = [role for role in WORKERS if store.take_duty(role)]
        if len(taken) < len(WORKERS):
            missing = ", ".join(role for role in WORKERS if role not in taken)
            raise ConflictError(
                f"Another process of this market works: it has {missing}.", hint="Stop the market's processes first."
            )
        with _renewed(store), store.on_duty("follower"):
            await_unknown(market, UNKNOWN_SECONDS)
            while spread_news(market):
                pass
            rebuild(market)
            enter_act(market, LogKind.REBUILT)
            begin_history(market)  # the server's own tools may have restored the database
            with store.write() as tx:
                tx.webhooks.advance(tx.webhooks.last_line())  # what is read anew is no news
    finally:
        with suppress(ServiceUnavailable):
            store.leave_duties()


@contextmanager
def _renewed(store: SharedStore) -> Iterator[None]:
    """A renewal that fails is tried again; a role that was lost for it shows when the follower writes."""
    is_over = Event()

    def renew() -> None:
        while not is_over.wait(RENEW_SECONDS):
            with suppress(ServiceUnavailable):
                store.renew_duties()

    thread = Thread(target=renew, name="rebuild-duties", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
