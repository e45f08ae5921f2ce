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
from marketplace.client.keystore import LIGHT_SCRYPT_N, KeystoreFolder
from marketplace.errors import MarketError, problem_from_error

URL = "http://market.test"
PROVIDER = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
ESCROW = "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF"
ACCOUNT = "0x6813Eb9362372EEF6200f3b1dbC3f819671cBA69"
"""Of the key 3."""
CONFIG = {
    "chainId": 1337,
    "contracts": {"Escrow": ESCROW},
    "market": PROVIDER,
    "feeBps": 500,
    "runtimes": {"python": "0x" + "11" * 32},
}


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
        if isinstance(answer, bytes):
            return httpx.Response(200, content=answer)
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


def offer(total: int, *reasons: str) -> dict:
    quote = {"gpu": "0", "vcpu": "10", "memory": "5", "fuel": "20", "egress": "1", "total": str(total)}
    return {
        "provider": PROVIDER,
        "region": "eu",
        "vcpus": 2,
        "feasible": not reasons,
        "reasons": reasons,
        "quote": quote,
    }


@pytest.fixture
def runnable(market, home, tmp_path):
    """A market with one offer, a wallet with money, a script."""
    KeystoreFolder(home / "keystores").create("default", "pw", key="0x" + "00" * 31 + "03", scrypt_n=LIGHT_SCRYPT_N)
    market.answers[("GET", "/api/v1/config")] = CONFIG
    market.answers[("POST", "/api/v1/quotes")] = {"price": "1000000", "offers": [offer(1_000_000)]}
    market.answers[("GET", f"/api/v1/accounts/{ACCOUNT}")] = {
        "free": "5000000",
        "bidFree": "5000000",
        "nextSalt": 4,
    }
    script = tmp_path / "script.py"
    script.write_text("print(1)")
    return str(script)
