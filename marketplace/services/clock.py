"""What time it is for orders: the contracts judge by block time, so the market must not be behind it."""

from marketplace.services.market import Market


def chain_time(market: Market) -> int:
    """The later of this machine's clock and the newest block's time, unix seconds. Raises ChainUnavailable."""
    return max(market.clock.now(), market.chain.head().timestamp)
