"""Every request counted by operation, its log lines given their job, and its span put where its `traceparent` says."""

import re
import secrets
import time
from contextlib import AbstractContextManager, ExitStack

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marketplace.protocol.tracing import Place, trace_id_of
from marketplace.services.instruments import Instruments
from marketplace.telemetry.logs import JOB_NAMES, about
from marketplace.telemetry.market_metrics import BLOB_BYTES, REQUEST_SECONDS, REQUESTS

_OF_JOB = re.compile(r"/api/v1/(jobs|leases)/(0x[0-9a-f]{64})(?=/|$)")
_BLOBS = "/api/v1/blobs/"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
NO_OPERATION = "none"
"""Of requests that no route answers: paths and methods are anybody's choice, and would be as many labels."""


class Observed:
    """ASGI middleware, the outermost: it sees refusals as their callers do."""

    def __init__(self, app: ASGIApp, *, instruments: Instruments) -> None:
        self._app, self._instruments = app, instruments

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.monotonic(), 500
        is_blob, meter = scope["path"].startswith(_BLOBS), self._instruments.meter

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                meter.observe(REQUEST_SECONDS, time.monotonic() - started, operation=_operation(scope))
            elif is_blob and scope["method"] == "GET" and status == 200:
                meter.count(BLOB_BYTES, len(message.get("body", b"")), direction="out")
            await send(message)

        async def receiving() -> Message:
            message = await receive()
            if is_blob:
                meter.count(BLOB_BYTES, len(message.get("body", b"")), direction="in")
            return message

        try:
            with ExitStack() as stack:
                for context in self._contexts(scope):
                    stack.enter_context(context)
                await self._app(scope, receiving, sending)
        finally:
            meter.count(REQUESTS, operation=_operation(scope), status=str(status))

    def _contexts(self, scope: Scope) -> list[AbstractContextManager]:
        found = _OF_JOB.match(scope["path"])
        if found is None:
            return []
        lease_id = found[2] if found[1] == "leases" else ""
        job_id = JOB_NAMES.job_of(lease_id) if lease_id else found[2]
        if job_id is None:
            return []
        contexts: list[AbstractContextManager] = [about(job_id, lease_id)]
        parent = _parent(scope, job_id)
        if parent is not None and self._instruments.tracer.is_recording:
            name = f"{scope['method']} {scope['path'].replace(found[2], '{id}')}"
            contexts.append(self._instruments.tracer.child(name, secrets.token_hex(8), parent))
        return contexts


def _parent(scope: Scope, job_id: str) -> Place | None:
    """Where the caller says it is; believed only of the job that it asks about: nobody writes into other traces."""
    header = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1")
    place = Place.read(header)
    return place if place is not None and place.is_sampled and place.trace_id == trace_id_of(job_id) else None


def _operation(scope: Scope) -> str:
    """Method and path of the route, with names for what varies."""
    path = getattr(scope.get("route"), "path_format", None) or getattr(scope.get("route"), "path", None)
    return f"{scope['method']} {path}" if path and scope["method"] in _METHODS else NO_OPERATION
