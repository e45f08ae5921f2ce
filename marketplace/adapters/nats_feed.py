"""`ports.Feed` on a NATS server with JetStream: a stream on disk that keeps what is told for a week, and one in memory
with what running jobs have printed, for the processes of one market.

An event counts as told once the server has acknowledged that it keeps it. Told again within ten minutes, it is known by
its id and not kept twice. Pieces of logs are not waited for.
"""

import asyncio
import concurrent.futures
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from threading import Lock, Thread
from typing import Any

import structlog

from marketplace.domain.feed import JOBS, LOGS, ROUNDS, FeedEvent, LogPiece
from marketplace.errors import ServiceUnavailable, SettingsError

KEPT_SECONDS = 7 * 86_400
"""How long those who were away may ask for what they missed."""
LOGS_SECONDS, LOGS_BYTES = 900, 64_000_000
"""How long, and how much of it, a process that starts finds what jobs have printed: as each process keeps itself."""
KNOWN_SECONDS = 600
"""How long the server knows the ids of messages."""
CONNECT_SECONDS, ACKNOWLEDGE_SECONDS, AGAIN_SECONDS = 3, 5, 2
_log = structlog.get_logger("computehive.feed")


class NatsFeed:
    """Messages under `PREFIX.jobs.<job>`, `PREFIX.rounds`, `PREFIX.logs.<lease>`.

    Connects when it is first needed, and anew after a loss. Safe to share between threads. Raises SettingsError without
    the library.
    """

    def __init__(self, url: str, prefix: str) -> None:
        try:
            import nats
        except ImportError as error:
            raise SettingsError(
                "COMPUTEHIVE_MARKET_NATS_URL needs a library that is missing.", hint="Install computehive[nats]."
            ) from error
        self._nats, self._url, self._prefix = nats, url, prefix
        self._connection: Any = None
        self._away_until = 0.0
        self._loop = asyncio.new_event_loop()
        self._connecting = asyncio.Lock()
        self._closing = Lock()
        self._following: concurrent.futures.Future[None] | None = None
        self._thread = Thread(target=self._loop.run_forever, name="market-nats", daemon=True)
        self._thread.start()

    @property
    def stream(self) -> str:
        """The name of the events' stream on the server."""
        return self._prefix.replace(".", "-")

    def publish(self, event: FeedEvent) -> None:
        """Returns once the server keeps the message. Raises ServiceUnavailable."""
        self._wait(self._publish(event))

    def share(self, piece: LogPiece) -> None:
        """Send a piece and go on; while the server is away pieces are left out."""
        asyncio.run_coroutine_threadsafe(self._share(piece), self._loop)

    def follow(self, take: Callable[[LogPiece], object]) -> None:
        """Call `take` with what anybody shares, beginning with what the server still has; so again after a loss."""
        self._following = asyncio.run_coroutine_threadsafe(self._follow(take), self._loop)

    def close(self) -> None:
        """End the connections. Doing so twice does no harm."""
        with self._closing:
            if self._loop.is_closed():
                return
            if self._following is not None:
                self._following.cancel()
            with suppress(ServiceUnavailable):
                self._wait(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CONNECT_SECONDS)
            self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, None]) -> None:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            future.result(2 * (CONNECT_SECONDS + ACKNOWLEDGE_SECONDS))
        except (self._nats.errors.Error, OSError, TimeoutError, concurrent.futures.TimeoutError) as error:
            future.cancel()
            _log.warning("feed away", detail=type(error).__name__)
            raise ServiceUnavailable("The NATS server does not answer, or does not keep what it is told.") from error

    async def _publish(self, event: FeedEvent) -> None:
        connection = await self._connected()
        await connection.jetstream(timeout=ACKNOWLEDGE_SECONDS).publish(
            f"{self._prefix}.{event.topic}", event.payload(), stream=self.stream, headers={"Nats-Msg-Id": event.id}
        )

    async def _share(self, piece: LogPiece) -> None:
        if time.monotonic() < self._away_until:
            return
        try:
            connection = await self._connected()
            await connection.publish(f"{self._prefix}.{LOGS}.{piece.lease_id}", piece.payload())
        except (self._nats.errors.Error, OSError, TimeoutError):
            self._away_until = time.monotonic() + AGAIN_SECONDS

    async def _follow(self, take: Callable[[LogPiece], object]) -> None:
        while True:
            with suppress(self._nats.errors.Error, OSError, TimeoutError):
                await self._follow_once(take)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _follow_once(self, take: Callable[[LogPiece], object]) -> None:
        connection = await self._open()
        try:
            found = await connection.jetstream(timeout=ACKNOWLEDGE_SECONDS).subscribe(
                f"{self._prefix}.{LOGS}.*", stream=f"{self.stream}-{LOGS}", ordered_consumer=True
            )
            while connection.is_connected:
                with suppress(self._nats.errors.TimeoutError):
                    message = await found.next_msg(timeout=1)
                    with suppress(ValueError):
                        take(LogPiece.parse(message.subject.rpartition(".")[2], message.data))
        finally:
            await connection.close()

    async def _connected(self) -> Any:
        async with self._connecting:
            if self._connection is None or not self._connection.is_connected:
                await self._disconnect()
                self._connection = await self._open()
            return self._connection

    async def _open(self) -> Any:
        """Each time the streams are looked for: it may be another server, or one without its disk."""
        connection = await self._nats.connect(
            self._url, connect_timeout=CONNECT_SECONDS, allow_reconnect=False, error_cb=_ignore, name="computehive"
        )
        jetstream = connection.jetstream(timeout=ACKNOWLEDGE_SECONDS)
        subjects = [f"{self._prefix}.{JOBS}.*", f"{self._prefix}.{ROUNDS}"]
        await jetstream.add_stream(
            name=self.stream, subjects=subjects, max_age=KEPT_SECONDS, duplicate_window=KNOWN_SECONDS
        )
        await jetstream.add_stream(
            name=f"{self.stream}-{LOGS}",
            subjects=[f"{self._prefix}.{LOGS}.*"],
            max_age=LOGS_SECONDS,
            max_bytes=LOGS_BYTES,
            storage="memory",
        )
        return connection

    async def _end(self) -> None:
        await self._disconnect()
        ours = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
        for task in ours:
            task.cancel()
        await asyncio.gather(*ours, return_exceptions=True)

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed:
            await connection.close()


async def _ignore(_: Exception) -> None:
    """What is wrong shows when something is published."""
