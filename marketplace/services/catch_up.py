"""Before a market goes on from an old copy of its database: what the chain has of it, and is about to have, first.

An intent of the copy may have been sent since. Once its event is known there is nothing left of it to be sent; until
then the outbox would sign it again, with another nonce. So nothing is sent before this is done.
"""

import time
from collections.abc import Callable

from marketplace.domain.outbox import OutboxState
from marketplace.errors import ConflictError
from marketplace.services.follow_chain import follow_chain
from marketplace.services.market import Market

LOOK_SECONDS = 1.0


def catch_up(market: Market, wait: float, sleep: Callable[[float], None] = time.sleep) -> None:
    """Follow the chain to its head, once nothing waits there that is unknown here. Raises as `await_unknown`."""
    await_unknown(market, wait, sleep)
    while follow_chain(market):
        pass


def await_unknown(market: Market, wait: float, sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait up to `wait` seconds until transactions that only the node knows of are mined.

    Raises ConflictError where some are still not mined then, ChainUnavailable.
    """
    waited = 0.0
    while unknown := unknown_nonces(market):
        if waited >= wait:
            raise ConflictError(
                f"The chain's node has {len(unknown)} transactions of {market.address} that are not mined and that the"
                f" database does not know, with the nonces {', '.join(map(str, unknown))}.",
                hint="Wait until they are mined, and try again: else what they do could be sent twice.",
                nonces=unknown,
            )
        sleep(LOOK_SECONDS)
        waited += LOOK_SECONDS


def unknown_nonces(market: Market) -> list[int]:
    """Of what waits at the node to be mined, and is not in the outbox."""
    with market.store.read() as tx:
        items = tx.outbox.unfinished()
    known = {item.nonce for item in items if item.state in (OutboxState.SIGNED, OutboxState.SENT)}
    return [nonce for nonce in market.sender.waiting_nonces() if nonce not in known]
