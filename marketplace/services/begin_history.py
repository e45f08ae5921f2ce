"""A database that goes on in another's place: what others keep of the other one is not to be taken for this one's."""

from marketplace.domain.history import NAME_BYTES
from marketplace.services.market import Market


def begin_history(market: Market) -> None:
    """From now on ids of events and deliveries are other ones than any before. Raises ServiceUnavailable."""
    with market.store.write() as tx:
        tx.feed.begin_history(market.entropy(NAME_BYTES).hex())
