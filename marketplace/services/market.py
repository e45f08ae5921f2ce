"""What every use case is given: the ports, and the rules of this market."""

import secrets
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from marketplace.domain.rules import Rules
from marketplace.ports import Blobs, Chain, Clock, Courier, Feed, Policy, Remedy, Sender, Signer
from marketplace.ports.authority import Authority
from marketplace.services.group_commit import GroupCommit
from marketplace.services.instruments import Instruments
from marketplace.services.known_answers import KnownAnswers
from marketplace.services.live_logs import LiveLogs
from marketplace.services.storage import Store
from marketplace.services.uploads import Uploads


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
    entering: GroupCommit[Any, Any] = field(default_factory=GroupCommit, compare=False)
    """Where bids wait for the write that takes them into the book."""
    hearing: GroupCommit[Any, Any] = field(default_factory=GroupCommit, compare=False)
    """Where heartbeats wait for the write that notes them."""
    attesting: GroupCommit[Any, Any] = field(default_factory=GroupCommit, compare=False)
    """Where evidence waits for the write that takes it in."""
    uploads: Uploads = field(default_factory=Uploads, compare=False)
    """What addresses have uploaded of late that nothing names."""
    known: KnownAnswers = field(default_factory=KnownAnswers, compare=False)
    """Answers that are still good."""
    live_logs: LiveLogs = field(default_factory=LiveLogs, compare=False)
    """What running jobs have printed, as long as this process lives."""
    instruments: Instruments = field(default_factory=Instruments, compare=False)
    """Metrics, spans, and what the watcher makes of them."""
    signer: Signer | None = None
    """Signs the heads of the audit log; without one nothing is said of it."""
    policy: Policy | None = None
    """Asked about each order that is good otherwise, if there is one."""
    remedy: Remedy | None = None
    """What is done about a finding, if anything."""
    courier: Courier | None = None
    """Who calls webhooks; without one there are none."""
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False, compare=False)
    """What nonces and secrets of webhooks follow from: the same in all processes of a market."""
    entropy: Callable[[int], bytes] = field(default=secrets.token_bytes, repr=False, compare=False)
    """So many random bytes."""
    feed: Feed | None = None
    """Who is told of what happens, if anybody."""
    authority: Authority | None = None
    """Who gives certificates to nodes and oracles, if anybody."""

    def state(self) -> Hashable:
        """The second and the state of the database: equal where neither is another. Raises ServiceUnavailable."""
        return self.store.version(), self.clock.now()

    def answer(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What `make` returns, or has returned for `key` in this second and state of the database: not to be changed.

        `make` depends on nothing else but `key`, and what never changes. Within a view, which may be of a replica and
        notes what it was shown, it is made anew. Raises ServiceUnavailable, and what it raises.
        """
        if self.store.is_viewed:
            return make()
        return self.known.get(self.state(), key, make)

    @property
    def address(self) -> str:
        """The operator's account: the `market` that orders name."""
        return self.sender.address
