"""What every use case is given: the ports, and the rules of this market."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import RLock

from marketplace.domain.rules import Rules
from marketplace.ports import Blobs, Chain, Clock, Remedy, Sender
from marketplace.services.instruments import Instruments
from marketplace.services.live_logs import LiveLogs
from marketplace.services.storage import Store


@dataclass(frozen=True, slots=True)
class Market:
    """One market, wired. Safe to share between threads."""

    store: Store
    chain: Chain
    sender: Sender
    blobs: Blobs
    clock: Clock
    rules: Rules = field(default_factory=Rules)
    clearing: AbstractContextManager = field(default_factory=RLock, compare=False)
    """Held while a round is cleared: of two over the same book one would be in vain."""
    live_logs: LiveLogs = field(default_factory=LiveLogs, compare=False)
    """What running jobs have printed, as long as this process lives."""
    instruments: Instruments = field(default_factory=Instruments, compare=False)
    """Metrics, spans, and what the watcher makes of them."""
    remedy: Remedy | None = None
    """What is done about a finding, if anything."""

    @property
    def address(self) -> str:
        """The operator's account: the `market` that orders name."""
        return self.sender.address
