"""What the application was asked and what it answered, by operation: the stuff of the OpenAPI document's examples."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import httpx

from marketplace.api.app import build_app
from tests.fakes.http import client_of
from tests.fakes.world import World
from tests.integration.answer_schemas import infer

MOST_EXAMPLE_CHARACTERS = 12_000


@dataclass
class Call:
    """One request and its answer; JSON bodies, None where there is none."""

    operation: str
    path: dict[str, str]
    query: dict[str, str]
    body: Any
    status: int
    answer: Any


@dataclass
class Recorder:
    """Sends requests to one world after another, and keeps the accepted ones."""

    calls: list[Call] = field(default_factory=list)
    repeated: dict[str, tuple[Call, Call]] = field(default_factory=dict)
    """Of each POST the first call, and the same once more."""
    refused_again: set[str] = field(default_factory=set)
    """Those of which the second was refused, as it has to be."""

    def enter(self, world: World) -> None:
        """From now on talk to `world`."""
        app = build_app(world.market, with_workers=False)
        self._client = client_of(app)
        self._routes = [
            (method.upper(), re.compile("^" + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + "$"), each["operationId"])
            for path, methods in app.openapi()["paths"].items()
            for method, each in methods.items()
        ]

    def get(self, path: str, **query: str) -> Any:
        """The answer's document."""
        return self._send("GET", path, None, query).answer

    def post(self, path: str, body: Any) -> Any:
        """The first answer's document: everything is sent twice."""
        first, second = self._send("POST", path, body), self._send("POST", path, body)
        self.repeated.setdefault(first.operation, (first, second))
        return first.answer

    def once(self, path: str, body: Any) -> Any:
        """The answer's document, to what is refused when it is sent again."""
        first = self._send("POST", path, body)
        again = self._client.post(path, json=body)
        assert 400 <= again.status_code < 500, again.text
        self.refused_again.add(first.operation)
        return first.answer

    def delete(self, path: str) -> Any:
        """The answer's document."""
        return self._send("DELETE", path, None).answer

    def sign_in(self, token: str) -> None:
        """From now on ask as whose token this is."""
        self._client.headers["Authorization"] = f"Bearer {token}"

    def raw(self, method: str, path: str, content: bytes = b"") -> httpx.Response:
        """Bytes, of which no example is kept; of an answer that is JSON there is one."""
        response = self._client.request(method, path, content=content)
        assert response.is_success, response.text
        operation, parameters = self._match(method, path)
        is_json = response.headers.get("content-type") == "application/json"
        answer = response.json() if is_json else None
        self.calls.append(Call(operation, parameters, {}, None, response.status_code, answer))
        return response

    def document(self) -> dict[str, Any]:
        """What `marketplace/api/answers.json` holds."""
        operations = sorted({call.operation for call in self.calls})
        return {name: self._of([call for call in self.calls if call.operation == name]) for name in operations}

    def _of(self, calls: list[Call]) -> dict[str, Any]:
        best = max(calls, key=lambda call: len(call.path) + len(call.query))
        found: dict[str, Any] = {"parameters": {name: _typed(text) for name, text in (best.path | best.query).items()}}
        if best.body is not None:
            found["body"] = best.body
        return found | {"answers": {str(s): _answer(calls, s) for s in sorted({call.status for call in calls})}}

    def _send(self, method: str, path: str, body: Any, query: dict[str, str] | None = None) -> Call:
        response = self._client.request(method, path, json=body, params=query)
        assert response.is_success, (path, response.text)
        operation, parameters = self._match(method, path)
        call = Call(operation, parameters, query or {}, body, response.status_code, response.json())
        self.calls.append(call)
        return call

    def _match(self, method: str, path: str) -> tuple[str, dict[str, str]]:
        for known, pattern, operation in self._routes:
            found = pattern.match(path)
            if known == method and found:
                return operation, found.groupdict()
        raise AssertionError(f"{method} {path} is not in the document")


def _typed(text: str) -> Any:
    """A parameter's value as JSON has it."""
    return json.loads(text) if text in ("true", "false") or text.isdigit() else text


def _answer(calls: list[Call], status: int) -> dict[str, Any]:
    answers = [call.answer for call in calls if call.status == status and call.answer is not None]
    if not answers:
        return {}
    sizes = {len(json.dumps(one)): one for one in answers}
    fitting = [size for size in sizes if size <= MOST_EXAMPLE_CHARACTERS]
    return {"schema": infer(answers), "example": sizes[max(fitting) if fitting else min(sizes)]}
