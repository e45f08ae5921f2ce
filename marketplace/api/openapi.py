"""The OpenAPI 3.1 document: what the framework derives from the code, with answers, examples and every way to fail.

Answers and examples are those that `tests/integration/openapi_story.py` recorded of the running application; the tests
record them again and compare.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from marketplace import errors
from marketplace.errors import PROBLEM_TYPE_PREFIX, all_error_classes

ANSWERS_FILE = "answers.json"
PROBLEM_TYPE = "application/problem+json"
JSON_TYPE = "application/json"
TAGS = {
    "market": "The market itself: health, configuration, accounts.",
    "jobs": "What renters do: ask for a price, place bids, follow jobs. A job's id is the hash of its signed bid.",
    "leases": "What agents and oracles do: fetch terms, send evidence, judge it.",
    "oracle": "Work for oracles, and their record.",
    "private jobs": "Keys, as ciphertexts that the market cannot read.",
    "nodes": "What providers do: place asks, say that they are alive.",
    "rounds": "Rounds of the auction, and all it takes to compute one again.",
    "audit log": "What the market did, in a log that it cannot rewrite unnoticed (RFC 9162).",
    "access": "Sessions by a wallet's signature (EIP-4361), and keys with scopes, for what follows.",
    "webhooks": "Endpoints that the market calls when something happens.",
    "blobs": "Bytes, named by their SHA-256.",
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of the answer that is there already.",
    "schema": {"type": "string"},
}
_NEITHER_FUNDS_NOR_STATE = frozenset({"quote_job", "advise_job", "look_up_account"})
_FUNDED = frozenset({"place_bid", "place_ask"})
_WITHOUT_END = frozenset({"follow_market", "follow_work"})
_PHRASES = {
    401: "No session or key, or one that is not good",
    402: "The money or stake does not cover it",
    403: "The market's policy does not admit it, or a session or key may not do this",
    404: "No such thing here",
    409: "Not in this state",
    413: "Too large",
    415: "The body is compressed or encoded",
    422: "Something that was sent is wrong: `values.field` says what",
    429: "More than one party's share: try again after `Retry-After`",
    500: "A mistake of the market's",
    502: "The chain refused",
    503: "The chain, or what it takes, is away: try again in a moment",
    507: "The market has no room for more blobs",
}


def install_openapi(app: FastAPI) -> None:
    """Serve the whole document at the application's usual place."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = describe(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def describe(app: FastAPI) -> dict[str, Any]:
    """The document of `app`."""
    derived = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description="Orders authenticate themselves by EIP-712 signatures: they need no session, key or cookie. "
        "Sessions (EIP-4361) and keys are for webhooks. "
        "Every refusal is a problem document (RFC 9457) with a stable `code`.",
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
    )
    document = json.loads(json.dumps(derived))  # routes share parts of it
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = _problem_schema()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _complete(path, method, operation)
    return document


@cache
def recorded_answers() -> dict[str, Any]:
    """By `operationId`: an accepted request's `parameters` and `body`, and of each status the answer's schema."""
    return json.loads(files(__package__).joinpath(ANSWERS_FILE).read_text("utf-8"))


def statuses_of(path: str, method: str, operation: dict[str, Any]) -> list[int]:
    """Which refusals an operation can answer with."""
    name, found = operation["operationId"], {429, 500, 503}
    if operation.get("parameters") or "requestBody" in operation:
        found.add(422)
    if "{" in path or name == "prove_log_growth":
        found.add(404)
    if method in ("post", "put"):
        found |= {413, 415}
    if operation.get("security"):
        found |= {401, 403}
    if name == "open_session":
        found.add(401)
    if method == "post" and name not in _NEITHER_FUNDS_NOR_STATE:
        found |= {404, 409, 502}
    if name in _FUNDED:
        found |= {402, 403}
    if name == "upload_blob":
        found.add(507)
    return sorted(found)


def codes_of(status: int) -> list[str]:
    """The `code`s of problem documents with this status; not those of other programs, which stand beside them."""
    known = {code: kind for code, kind in all_error_classes().items() if kind.__module__ == errors.__name__}
    return sorted(code for code, kind in known.items() if kind.status == status)


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    for status in statuses_of(path, method, operation):
        responses[str(status)] = _problem_response(status)
    recorded = recorded_answers().get(operation["operationId"], {})
    if "body" in recorded:
        operation["requestBody"]["content"][JSON_TYPE]["example"] = recorded["body"]
    for parameter in operation.get("parameters", []):
        if parameter["name"] in recorded.get("parameters", {}):
            parameter["example"] = recorded["parameters"][parameter["name"]]
    usual = next(status for status in responses if status.startswith("2"))
    for status, answer in recorded.get("answers", {}).items():
        response = responses.setdefault(status, {"description": "It was there already: nothing has changed"})
        if "schema" in answer:
            content = response.setdefault("content", {})
            content[JSON_TYPE] = {"schema": answer["schema"]}
            if "example" in answer:
                content[JSON_TYPE]["example"] = answer["example"]
    if usual == "200":
        responses[usual]["description"] = operation["summary"]
    if method == "get" and operation["operationId"] not in _WITHOUT_END:
        responses["304"] = {"description": "`If-None-Match` names the answer that would have been sent: it still holds"}
        operation.setdefault("parameters", []).append(IF_NONE_MATCH)
    operation["responses"] = dict(sorted(responses.items()))


def _problem_response(status: int) -> dict[str, Any]:
    codes = codes_of(status)
    told = f"{_PHRASES[status]}. `code` is one of {', '.join(f'`{code}`' for code in codes)}."
    # One schema for all: generators make one class of it, and the response's key says the status already.
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": told, "content": {PROBLEM_TYPE: {"schema": schema}}}


def _problem_schema() -> dict[str, Any]:
    texts = {name: {"type": "string"} for name in ("title", "detail", "hint")}
    properties = {
        "type": {"type": "string", "pattern": f"^{PROBLEM_TYPE_PREFIX}[a-z0-9_]+$", "description": "Stable."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string", "pattern": "^[a-z0-9_]+$", "description": "The end of `type`."},
        "values": {"type": "object", "description": "The offending values by name."},
        **texts,
    }
    return {
        "type": "object",
        "title": "Problem",
        "description": "A refusal (RFC 9457): `detail` says what is wrong, `hint` what to do.",
        "properties": properties,
        "required": ["type", "title", "status", "detail", "code", "hint", "values"],
    }
