"""A `hive` to call in this process, a home of its own, and a market that answers from a table."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import pytest

from marketplace.cli import context
from marketplace.cli.main import main
from marketplace.client import MarketClient
from marketplace.errors import MarketError, problem_from_error

URL = "http://market.test"


@dataclass
class FakeMarket:
    """Answers by (method, path); what is not in the table is 404. Remembers what it was asked."""

    answers: dict[tuple[str, str], object] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[object] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        key = (request.method, request.url.path)
        self.asked.append(key)
        self.bodies.append(json.loads(request.content) if request.content[:1] == b"{" else None)
        answer = self.answers.get(key)
        if answer is None and key[0] == "PUT":
            return httpx.Response(201, json={})
        if answer is None:
            return httpx.Response(404, json={"code": "not_found", "detail": f"No {key[1]}."})
        if isinstance(answer, MarketError):
            return httpx.Response(answer.status, json=problem_from_error(answer))
        return httpx.Response(200, json=answer)


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in list(os.environ):
        if name.startswith("COMPUTEHIVE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COMPUTEHIVE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COMPUTEHIVE_URL", URL)
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path / "home"


@pytest.fixture
def market(home, monkeypatch):
    fake = FakeMarket()

    def connect(self) -> MarketClient:
        made = MarketClient(self.url, transport=httpx.MockTransport(fake))
        made._transport._sleep = lambda _: None
        return made

    monkeypatch.setattr(context.Market, "client", connect)
    return fake


@pytest.fixture
def hive(home, capfd) -> Callable[..., Ran]:
    def run(*arguments: str) -> Ran:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        captured = capfd.readouterr()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run
