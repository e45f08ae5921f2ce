"""Bytes by content: received and sent piece by piece, never in memory as a whole."""

from collections.abc import Iterator
from io import SEEK_END
from typing import Annotated, Any, BinaryIO

import structlog
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from marketplace.api.conditional import matches
from marketplace.api.limits import party_of
from marketplace.errors import MarketError, ServiceUnavailable, TooLarge
from marketplace.services.market import Market
from marketplace.services.prune import welcome_back

PIECE_BYTES = 256_000
"""How much of a blob is in memory for each download."""
_log = structlog.get_logger("computehive.api")
Digest = Annotated[str, Path(pattern="^0x[0-9a-f]{64}$", description="SHA-256 of the bytes.")]


_BYTES = {"type": "string", "format": "binary"}
"""OpenAPI 3.1 could do without; generators of clients leave a call out whose body has no schema."""


class Octets(Response):
    """Bytes of no kind that is known."""

    media_type = "application/octet-stream"


def blob_routes(market: Market) -> APIRouter:
    """Everything under /blobs."""
    router = APIRouter(prefix="/api/v1/blobs", tags=["blobs"])

    @router.put(
        "/{digest}",
        status_code=201,
        operation_id="upload_blob",
        openapi_extra={"requestBody": {"required": True, "content": {Octets.media_type: {"schema": _BYTES}}}},
        summary="Upload; 200 where the bytes are there already",
    )
    async def put(digest: Digest, request: Request, response: Response) -> dict[str, Any]:
        announced = request.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > market.rules.max_blob_bytes:
            raise TooLarge("The blob", int(announced), market.rules.max_blob_bytes)
        party = party_of(request.client.host if request.client else "")
        is_there = await run_in_threadpool(market.blobs.has, digest)
        if not is_there:
            market.uploads.require(market.rules, party, digest, int(announced) if announced.isdigit() else 0)
        size = 0
        with market.blobs.receive(digest) as upload:
            async for chunk in request.stream():
                await run_in_threadpool(upload.write, chunk)
                size += len(chunk)
            if not is_there:
                market.uploads.take(market.rules, party, digest, size)
            try:
                is_new = await run_in_threadpool(upload.finish)
            except MarketError:
                market.uploads.give_back(party, digest)
                raise
        await run_in_threadpool(welcome_back, market, digest)
        if not is_new:
            response.status_code = 200
        return {"digest": digest, "size": size}

    @router.get("/{digest}", operation_id="download_blob", summary="Download", response_class=Octets)
    def get(digest: Digest, request: Request) -> Response:
        if matches(request.headers.get("if-none-match", ""), f'"{digest}"') and market.blobs.has(digest):
            return Response(status_code=304, headers=_headers(digest))  # without opening the file
        file = market.blobs.open(digest)
        headers = _headers(digest) | {"Content-Length": str(file.seek(0, SEEK_END))}
        file.seek(0)
        return StreamingResponse(_pieces(file), media_type=Octets.media_type, headers=headers)

    @router.head("/{digest}", operation_id="find_blob", summary="Whether the bytes are there", response_class=Response)
    def head(digest: Digest) -> Response:
        size = market.blobs.size(digest)
        return Response(status_code=200, headers=_headers(digest) | {"Content-Length": str(size)})

    return router


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """Raises ConnectionAbortedError in the middle of a damaged blob: the answer has begun, and must not look whole."""
    with file:
        try:
            while piece := file.read(PIECE_BYTES):
                yield piece
        except ServiceUnavailable as error:
            _log.error("download broken off", detail=error.message)
            raise ConnectionAbortedError(error.message) from error


def _headers(digest: str) -> dict[str, str]:
    # Content never changes under its own name; it is not ours, so no browser may take it for a page.
    return {
        "ETag": f'"{digest}"',
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": "attachment",
    }
