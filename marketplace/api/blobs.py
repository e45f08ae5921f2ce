"""Bytes by content: received and sent piece by piece, never in memory as a whole."""

from collections.abc import Iterator
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from marketplace.api.conditional import matches
from marketplace.errors import TooLarge
from marketplace.services.market import Market

PIECE_BYTES = 256_000
"""How much of a blob is in memory for each download."""
Digest = Annotated[str, Path(pattern="^0x[0-9a-f]{64}$", description="SHA-256 of the bytes.")]


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
        openapi_extra={"requestBody": {"required": True, "content": {Octets.media_type: {}}}},
        summary="Upload; 200 where the bytes are there already",
    )
    async def put(digest: Digest, request: Request, response: Response) -> dict[str, Any]:
        announced = request.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > market.rules.max_blob_bytes:
            raise TooLarge("The blob", int(announced), market.rules.max_blob_bytes)
        size = 0
        with market.blobs.receive(digest) as upload:
            async for chunk in request.stream():
                await run_in_threadpool(upload.write, chunk)
                size += len(chunk)
            is_new = await run_in_threadpool(upload.finish)
        if not is_new:
            response.status_code = 200
        return {"digest": digest, "size": size}

    @router.get("/{digest}", operation_id="download_blob", summary="Download", response_class=Octets)
    def get(digest: Digest, request: Request) -> Response:
        if matches(request.headers.get("if-none-match", ""), f'"{digest}"') and market.blobs.has(digest):
            return Response(status_code=304, headers=_headers(digest))  # without opening the file
        headers = _headers(digest) | {"Content-Length": str(market.blobs.size(digest))}
        file = market.blobs.open(digest)
        return StreamingResponse(_pieces(file), media_type=Octets.media_type, headers=headers)

    @router.head("/{digest}", operation_id="find_blob", summary="Whether the bytes are there", response_class=Response)
    def head(digest: Digest) -> Response:
        size = market.blobs.size(digest)
        return Response(status_code=200, headers=_headers(digest) | {"Content-Length": str(size)})

    return router


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def _headers(digest: str) -> dict[str, str]:
    # Content never changes under its own name; it is not ours, so no browser may take it for a page.
    return {
        "ETag": f'"{digest}"',
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": "attachment",
    }
