"""How large a run is: figures of record by default, and small for a first look."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Counts, seconds and minutes of the parts."""

    orders: int = 5_000
    """At most, in each of the ways in which they are sent: one by one for 45 seconds."""
    jobs: int = 1_000
    """That are settled."""
    rates: tuple[int, ...] = (1, 10, 50)
    """Jobs a second at which latency is measured."""
    seconds: int = 30
    """Of each of these rates, and of heartbeats."""
    nodes: int = 100_000
    idle: int = 1_000
    """Agents that have nothing to do."""
    stored: int = 1_000_000
    """Orders in the database that is recovered."""
    soak_minutes: float = 30
    soak_rate: float = 5
    """Jobs a second of the soak."""


SMALL = Scale(orders=300, jobs=60, rates=(1, 5), seconds=4, nodes=1_000, stored=20_000, soak_minutes=0.4, soak_rate=2)
"""Some minutes in all: whether everything works, not a figure of record."""
