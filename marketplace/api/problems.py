"""Every refusal as an RFC 9457 document: one place for our errors, the framework's and bugs."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from marketplace.api.body_limit import BodyTooLarge
from marketplace.errors import (
    PROBLEM_TYPE_PREFIX,
    ChainUnavailable,
    InvalidJobSpec,
    MalformedMessage,
    MarketError,
    TooManyRequests,
    Unauthorized,
    problem_from_error,
)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2
_log = structlog.get_logger("computehive.api")


def install_problem_handlers(app: FastAPI) -> None:
    """Render every error of `app` as a problem document."""
    app.add_exception_handler(MarketError, _market_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _bug)


def problem_response(error: MarketError) -> JSONResponse:
    """The response of an error of ours."""
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if isinstance(error, ChainUnavailable) else {}
    if isinstance(error, Unauthorized):
        headers = {"WWW-Authenticate": "Bearer"}
    if isinstance(error, TooManyRequests):
        headers = {"Retry-After": str(error.values["retryAfter"])}
    return JSONResponse(
        problem_document(error),
        status_code=error.status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


async def _market_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MarketError)
    log = _log.error if error.status >= 500 else _log.info
    log("refused", path=request.url.path, code=error.code, detail=error.message)
    return problem_response(error)


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return problem_response(refusal_of(error.errors()[0]))


def refusal_of(first: Mapping[str, Any]) -> MarketError:
    """The error of ours that the first of a model's complaints becomes."""
    where = [str(part) for part in first["loc"] if part not in ("body", "query", "path")]
    field, message = ".".join(where) or "body", str(first["msg"])
    if where and where[0] == "jobSpec":
        return InvalidJobSpec(f"JobSpec.{'.'.join(where[1:]) or 'document'}: {message}", field=field)
    return MalformedMessage(field, message)


def problem_document(error: MarketError) -> dict[str, Any]:
    """The problem document of an error, as JSON takes it."""
    return _jsonable(problem_from_error(error))


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    """404 for an address that nothing answers at, 405 and the like."""
    assert isinstance(error, HTTPException)
    if isinstance(error, BodyTooLarge):
        return problem_response(error.problem)
    if error.status_code == 400:
        return problem_response(MalformedMessage("body", str(error.detail)))
    status = HTTPStatus(error.status_code)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, f"http_{error.status_code}")
    document = {
        "type": PROBLEM_TYPE_PREFIX + code,
        "title": status.phrase,
        "status": error.status_code,
        "detail": f"{request.method} {request.url.path}: {error.detail}",
        "code": code,
        "hint": "See /docs for what there is.",
        "values": {"path": request.url.path, "method": request.method},
    }
    return JSONResponse(
        document,
        status_code=error.status_code,
        media_type=MEDIA_TYPE,
        headers=error.headers,
    )


async def _bug(request: Request, error: Exception) -> JSONResponse:
    _log.exception("bug", path=request.url.path, exc_info=error)
    return problem_response(
        MarketError(
            "The market made a mistake; it is in its log.",
            hint="Nothing was half done. Try again later.",
        )
    )


def _jsonable(value: Any) -> Any:
    """Problem values may hold bytes of a revert or wide integers: both travel as text."""
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_jsonable(item) for item in value]
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        return str(value)
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
