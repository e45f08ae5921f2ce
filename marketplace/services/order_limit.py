"""How many new orders a signer may place, as a protocol: placing them asks, whoever serves them knows."""

from typing import Protocol


class OrderLimit(Protocol):
    """Both raise TooManyRequests where `signer` has placed its share of new orders."""

    def require_order(self, signer: str) -> None:
        """Counts nothing: for who is to be refused before it costs anything."""
        ...

    def count_order(self, signer: str) -> None:
        """One more, about to be in the book. Of several that come at once no more are counted than the share has."""
        ...


class Unlimited:
    """`OrderLimit` without a limit."""

    def require_order(self, signer: str) -> None:
        """Nobody has a share here."""

    def count_order(self, signer: str) -> None:
        """Nothing is counted."""
