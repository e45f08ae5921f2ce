"""Bytes by content."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from starlette.concurrency import run_in_threadpool

from marketplace.errors import TooLarge
from marketplace.services.market import Market

Digest = Annotated[str, Path(pattern="^0x[0-9a-f]{64}$", description="SHA-256 of the bytes.")]


def blob_routes(market: Market) -> APIRouter:
    """Everything under /blobs."""
    router = APIRouter(prefix="/api/v1/blobs", tags=["blobs"])

    @router.put(
        "/{digest}",
        status_code=201,
        summary="Upload; 200 where the bytes are there already",
    )
    async def put(digest: Digest, request: Request, response: Response) -> dict[str, Any]:
        data = await read_body(request, market.rules.max_blob_bytes, "The blob")
        is_new = await run_in_threadpool(market.blobs.put, digest, data)
        if not is_new:
            response.status_code = 200
        return {"digest": digest, "size": len(data)}

    @router.get("/{digest}", summary="Download")
    def get(digest: Digest) -> Response:
        return Response(
            market.blobs.get(digest),
            media_type="application/octet-stream",
            headers=_headers(digest),
        )

    @router.head("/{digest}", summary="Whether the bytes are there")
    def head(digest: Digest) -> Response:
        size = market.blobs.size(digest)
        return Response(status_code=200, headers=_headers(digest) | {"Content-Length": str(size)})

    return router


async def read_body(request: Request, limit: int, what: str) -> bytes:
    """The body, as far as the limit allows: the rest is never read. Raises TooLarge."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise TooLarge(what, int(announced), limit)
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            raise TooLarge(what, len(data), limit)
    return bytes(data)


def _headers(digest: str) -> dict[str, str]:
    # Content never changes under its own name; it is not ours, so no browser may take it for a page.
    return {
        "ETag": f'"{digest}"',
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": "attachment",
    }
