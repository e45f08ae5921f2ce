"""Saying that a machine is alive, and hearing which of its leases are to make way."""

from collections.abc import Callable
from threading import Event

from eth_account.signers.local import LocalAccount

from agent.drain import Drain
from agent.evictions import Evictions
from agent.work_feed import Pace, WorkFeed
from marketplace.client import MarketClient
from marketplace.domain.work import NOTICES
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.messages import Heartbeat

HEARTBEAT_SECONDS = 10
"""Where the market does not tell of notices: they are heard of by asking then."""


class Heartbeats:
    """One machine's."""

    def __init__(
        self,
        *,
        client: MarketClient,
        domain: Domain,
        agent: LocalAccount,
        profile_digest: str,
        drain: Drain,
        evictions: Evictions,
        feed: WorkFeed,
        now: Callable[[], int],
    ) -> None:
        self._client, self._domain, self._agent, self._profile_digest = client, domain, agent, profile_digest
        self._drain, self._evictions, self._feed, self._now = drain, evictions, feed, now
        self._notices, self._last = Pace(feed, NOTICES), 0
        self.is_heard = Event()
        """Set once the market has answered one."""

    def send(self) -> None:
        """Send one where it is time, or where the market tells of a notice."""
        is_told = self._feed.exists and self._notices.is_news()
        if not is_told and self._now() - self._last < self._seconds():
            return
        self._notices.begin()
        drains_by = self._drain.ends_at
        beat = Heartbeat(
            agent=self._agent.address, profile_digest=self._profile_digest, sent_at=self._now(), drains_by=drains_by
        )
        said = self._client.heartbeat(beat, beat.sign(self._domain, self._agent.key))
        self._last = self._now()
        self.is_heard.set()
        self._evictions.hear(said.get("notices", ()))
        self._notices.end(is_found=True)

    def hurry(self) -> None:
        """Have the next one sent at once."""
        self._last = 0

    def _seconds(self) -> int:
        return (self._feed.is_open and self._feed.heartbeat_seconds) or HEARTBEAT_SECONDS
