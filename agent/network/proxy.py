"""A forward proxy for one job: CONNECT to the hosts that it lists and its provider allows, and to nothing else.

It listens where that job alone can reach it (`agent.network.namespace`), ends with the job, and neither looks into
what goes through nor writes any of it down.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from http import HTTPStatus
from types import TracebackType
from typing import Self

import structlog

from agent.network.connect import END, ESTABLISHED, Refusal, parse_connect
from agent.network.traffic import Bounds, Traffic
from marketplace.network.addresses import AddressPolicy
from marketplace.network.names import Names, Resolve

log = structlog.get_logger("network")
CLOSE_SECONDS = 10.0
_MOST_ADDRESSES = 8
_CHUNK = _BUFFER = 65_536
_BUSY_SECONDS = 0.5
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Proxy:
    """Runs in a thread of its own from the moment it is made until `close`. A context manager."""

    def __init__(
        self, listener: socket.socket, hosts: Collection[str], resolve: Resolve, policy: AddressPolicy, bounds: Bounds
    ) -> None:
        """Takes the listening socket over. `hosts` are destinations as jobs name them, those that may be reached."""
        self.traffic = Traffic(bounds)
        self._listener, self._hosts, self._policy, self._bounds = listener, frozenset(hosts), policy, bounds
        self._names = Names(resolve)
        self._slots = asyncio.Semaphore(bounds.connections)
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="network", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cut every connection, and wait until all are gone. What was counted stays."""
        with suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(CLOSE_SECONDS)

    # --- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()
            self._listener.close()

    async def _serve(self) -> None:
        self._listener.setblocking(False)
        accepting = self._loop.create_task(self._accept())
        await self._stop.wait()
        going_on = [accepting, *self._tasks]
        for task in going_on:
            task.cancel()
        await asyncio.gather(*going_on, return_exceptions=True)

    async def _accept(self) -> None:
        while True:
            await self._slots.acquire()
            try:
                connection, _ = await self._loop.sock_accept(self._listener)
            except OSError as error:
                # Out of file descriptors, most likely: another moment may have some.
                log.warning("no connection taken", error=str(error))
                self._slots.release()
                await asyncio.sleep(_BUSY_SECONDS)
                continue
            task = self._loop.create_task(self._attend(connection))
            self._tasks.add(task)
            task.add_done_callback(self._forget)
            await asyncio.sleep(self._bounds.pause_seconds)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._slots.release()
        if not task.cancelled() and task.exception() is not None:
            log.warning("a connection failed", error=repr(task.exception()))

    # --- one connection ------------------------------------------------------------------------------------------

    async def _attend(self, connection: socket.socket) -> None:
        near = await asyncio.open_connection(sock=connection, limit=_BUFFER)
        try:
            far = await self._connect(await self._read_destination(near[0]))
        except Refusal as refusal:
            await self._answer(near[1], refusal.response())
            return
        except (OSError, EOFError):  # gone before it had asked for anything
            near[1].transport.abort()
            return
        except BaseException:
            near[1].transport.abort()
            raise
        await self._tunnel(near, far)

    async def _read_destination(self, reader: asyncio.StreamReader) -> str:
        """Raises Refusal; OSError, EOFError where the job hangs up."""
        try:
            async with asyncio.timeout(self._bounds.head_seconds):
                head = await reader.readuntil(END)
        except TimeoutError:
            raise Refusal(HTTPStatus.REQUEST_TIMEOUT, "The request took too long.") from None
        except asyncio.LimitOverrunError:
            raise Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The request's head does not end.") from None
        return parse_connect(head)

    async def _connect(self, destination: str) -> Stream:
        """Raises Refusal."""
        if destination not in self._hosts:
            raise Refusal(HTTPStatus.FORBIDDEN, f"This job's network.hosts do not list {destination}.")
        host, _, port = destination.rpartition(":")
        addresses = await self._names.find(host)
        # A name of the provider's own network and one that is none are told alike: which there are is not told.
        if not addresses or not all(map(self._policy.permits, addresses)):
            raise Refusal(HTTPStatus.BAD_GATEWAY, f"{host} has no address that jobs may reach.")
        for address in addresses[:_MOST_ADDRESSES]:
            with suppress(OSError):  # also of TimeoutError
                async with asyncio.timeout(self._bounds.connect_seconds):
                    return await asyncio.open_connection(address, int(port), limit=_BUFFER)
        raise Refusal(HTTPStatus.BAD_GATEWAY, f"{destination} takes no connection.")

    async def _answer(self, writer: asyncio.StreamWriter, response: bytes) -> None:
        try:
            writer.write(response)
            async with asyncio.timeout(self._bounds.head_seconds):
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except OSError:  # nobody waits for it any more, or TimeoutError: nobody reads it
            pass
        finally:
            writer.transport.abort()

    async def _tunnel(self, near: Stream, far: Stream) -> None:
        """Both ways until both have ended, one is broken, nothing has gone through for long, or a bound is passed."""
        seen = _Seen(self._loop.time())
        pumps = [
            self._loop.create_task(self._pump(near[0], far[1], self.traffic.pass_sent, seen)),
            self._loop.create_task(self._pump(far[0], near[1], self.traffic.pass_received, seen)),
        ]
        try:
            near[1].write(ESTABLISHED)
            with suppress(OSError, EOFError):
                await asyncio.gather(*pumps)
            for _, writer in (near, far):
                writer.close()
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            await self._let_go(near[1], far[1])

    async def _let_go(self, *writers: asyncio.StreamWriter) -> None:
        """What is closed may still send what it holds; what is not is cut."""
        closing = [each.wait_closed() for each in writers if each.is_closing() and not self._stop.is_set()]
        with suppress(TimeoutError):
            async with asyncio.timeout(self._bounds.head_seconds if closing else 0):
                await asyncio.gather(*closing, return_exceptions=True)
        for each in writers:
            each.transport.abort()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, count: Callable[[int], int], seen: "_Seen"
    ) -> None:
        """One way, to its end. Raises OSError; TimeoutError, which is one, where nothing goes either way for long."""
        while chunk := await self._read(source, seen):
            passed = count(len(chunk))
            sink.write(chunk[:passed])
            if passed < len(chunk):
                self._stop.set()  # a bound of the whole job: every connection ends
                return
            async with asyncio.timeout(self._bounds.idle_seconds):
                await sink.drain()
            seen.at = self._loop.time()
        if sink.can_write_eof():
            sink.write_eof()

    async def _read(self, source: asyncio.StreamReader, seen: "_Seen") -> bytes:
        while True:
            left = seen.at + self._bounds.idle_seconds - self._loop.time()
            if left <= 0:
                raise TimeoutError("idle")
            limit = asyncio.timeout(left)
            try:
                async with limit:
                    return await source.read(_CHUNK)
            except TimeoutError:
                if not limit.expired():  # the connection's own, which every further read would raise at once
                    raise
                # The other way may have been in use meanwhile.


class _Seen:
    """When something last went through a tunnel, by the loop's clock."""

    def __init__(self, at: float) -> None:
        self.at = at
