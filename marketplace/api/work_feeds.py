"""Agents and oracles that are told of work: server-sent events, each of which only says where to look.

Nobody looks at the database for who waits. What a commit tells (`domain.work`) is handed from the thread that has
committed, or from the one that hears other processes, to the event loop, and there to those whose word it is. Words
that come faster than a reader is told are told together.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse

from marketplace.api.limits import party_of
from marketplace.api.peers import Peer, peer_of
from marketplace.api.streams import DESCRIPTION, KEEP_ALIVE_SECONDS, RETRY_MILLISECONDS, EventStream, Streams, render
from marketplace.domain.work import EVERYTHING, OF_AGENTS, OF_ORACLES, word_of
from marketplace.errors import MalformedMessage, ServiceUnavailable
from marketplace.protocol.eip712 import Address
from marketplace.services.follow_job import News
from marketplace.services.market import Market
from marketplace.services.record_evidence import require_oracle

REST_SECONDS = 0.05
"""Between two events of one feed: what is committed meanwhile is told in the second."""
MOST_OF_ONE = 2
"""Feeds of one account from one address; a further one ends the oldest, which may be the rest of a lost connection."""
LONGEST_SILENCE = 60
"""Seconds between two heartbeats of who is told of notices, at most; at least three within a node's silence."""


def work_feed_routes(market: Market, streams: Streams) -> APIRouter:
    """`/work`."""
    router = APIRouter(prefix="/api/v1", tags=["market"])
    feeds = WorkFeeds(market, streams)
    Asking = Annotated[Peer, Depends(peer_of(market))]

    @router.get(
        "/work",
        operation_id="follow_work",
        summary="That an agent or an oracle has something to look at, as soon as it has: server-sent events",
        response_class=StreamingResponse,
        responses=DESCRIPTION,
    )
    def work(request: Request, peer: Asking, agent: Address | None = None, oracle: Address | None = None) -> Any:
        """`begin` at first, with `heartbeatSeconds` for agents; then `work` with `topics`: `leases`, `receipts` and
        `notices` of an agent, `claims`, `reveals` and `batches` of an oracle. Whatever was committed before `begin` is
        not told: look after it, and now and then, since an event may be lost.
        """
        if agent is not None:
            peer.require_node(agent)
        if oracle is not None:
            peer.require_oracle(oracle)
        client = party_of(request.client.host if request.client else "")
        return feeds.follow(client, agent, oracle)

    return router


@dataclass(eq=False, slots=True)
class _Feed:
    """One reader. `told` is what it has not been sent yet; the loop's thread alone uses it."""

    client: str
    account: str
    topics: Mapping[str, str]
    """By the word that tells of each."""
    told: set[str] = field(default_factory=set)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    is_over: bool = False

    def hear(self, words: Collection[str]) -> None:
        if EVERYTHING in words:
            self.told.update(self.topics.values())
        self.told.update(topic for word, topic in self.topics.items() if word in words)
        self.woken.set()

    def end(self) -> None:
        self.is_over = True
        self.woken.set()


class WorkFeeds:
    """The feeds that are open in this process."""

    def __init__(self, market: Market, streams: Streams) -> None:
        self._market, self._streams = market, streams
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_listening = False
        self._lock = Lock()
        self._open: OrderedDict[_Feed, None] = OrderedDict()
        self._of_client: Counter[str] = Counter()
        self._by_word: dict[str, set[_Feed]] = {}
        streams.at_stop(self._end_all)

    def follow(self, client: str, agent: str | None, oracle: str | None) -> EventStream:
        """The answer to who wants to be told.

        Raises MalformedMessage unless one of both is named, ServiceUnavailable where too many feeds are open or the
        market stops, WrongSigner for an oracle that is none, ChainUnavailable.
        """
        if (agent is None) == (oracle is None):
            raise MalformedMessage("agent", "name an `agent` or an `oracle`, one of them")
        if self._streams.is_stopping:
            raise ServiceUnavailable("The market is about to stop.", hint="Try again in a minute.")
        if oracle is not None:
            require_oracle(self._market, oracle)
            topics, begin = {topic: topic for topic in OF_ORACLES}, {}
        else:
            topics = {word_of(topic, agent): topic for topic in OF_AGENTS}
            begin = {"heartbeatSeconds": min(LONGEST_SILENCE, max(1, self._market.rules.node_silence_seconds // 3))}
        feed = _Feed(client, agent or oracle, topics)
        self._take(feed)
        return EventStream(self._events(feed, begin), lambda: self._give_back(feed))

    def _take(self, feed: _Feed) -> None:
        with self._lock:
            self._listen()
            same = [one for one in self._open if (one.client, one.account) == (feed.client, feed.account)]
            most, each = self._market.rules.max_feeds, self._market.rules.max_feeds_per_client
            is_full = len(self._open) >= most or self._of_client[feed.client] >= each
            if (is_full and len(same) < MOST_OF_ONE) or len(same) > MOST_OF_ONE:
                raise ServiceUnavailable(
                    f"Too many feeds of work are open: the market has {most} for all clients, {each} for one address"
                    " (IPv6: one /64).",
                    hint="Look for work now and then instead.",
                )
            self._open[feed] = None
            self._of_client[feed.client] += 1
            for word in (*feed.topics, EVERYTHING):
                self._by_word.setdefault(word, set()).add(feed)
        if len(same) == MOST_OF_ONE and self._loop is not None:
            self._loop.call_soon_threadsafe(same[0].end)

    def _give_back(self, feed: _Feed) -> None:
        with self._lock:
            del self._open[feed]
            self._of_client[feed.client] -= 1
            if not self._of_client[feed.client]:
                del self._of_client[feed.client]
            for word in (*feed.topics, EVERYTHING):
                self._by_word[word].discard(feed)
                if not self._by_word[word]:
                    del self._by_word[word]

    def _listen(self) -> None:
        """From the first feed on: a market that nobody follows so need not tell."""
        if not self._is_listening:
            self._market.store.listen(self._hear)
            self._is_listening = True

    def _hear(self, words: Collection[str]) -> None:
        with self._lock:
            feeds = {feed for word in words for feed in self._by_word.get(word, ())}
            loop = self._loop
        if feeds and loop is not None:
            with suppress(RuntimeError):  # closed: the server has stopped, and what is committed is committed
                loop.call_soon_threadsafe(_tell, feeds, words)

    def _end_all(self) -> None:
        """In the loop's thread, as the server stops."""
        with self._lock:
            feeds = list(self._open)
        for feed in feeds:
            feed.end()

    async def _events(self, feed: _Feed, begin: dict[str, Any]) -> AsyncIterator[bytes]:
        self._loop = asyncio.get_running_loop()
        feed.told.clear()  # whoever reads `begin` looks at all of it
        yield f"retry: {RETRY_MILLISECONDS}\n\n".encode() + render(News("begin", begin, ""))
        while not (feed.is_over or self._streams.is_stopping):
            try:
                async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                    await feed.woken.wait()
            except TimeoutError:
                yield b": nothing new\n\n"
                continue
            feed.woken.clear()
            if feed.told:
                topics, feed.told = sorted(feed.told), set()
                yield render(News("work", {"topics": topics}, ""))
                await asyncio.sleep(REST_SECONDS)


def _tell(feeds: Collection[_Feed], words: Collection[str]) -> None:
    for feed in feeds:
        feed.hear(words)
