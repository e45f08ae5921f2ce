"""A market behind a real socket, the settings of a provider, and a chain whose answers a test plays."""

import json
import threading
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from agent.settings import ProviderSettings
from marketplace.client.keystore import LIGHT_SCRYPT_N, create_keystore
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.units import MICRO_PER_USDC

DOMAIN = Domain(1337, "0x" + "ee" * 20)
HEALTH = {"status": "ok", "chainId": 1337, "escrow": DOMAIN.escrow, "head": 5, "followed": 5}
NOW = 1_800_000_000


@dataclass
class Told:
    """What the market answers by path, and what time it says it is; a test changes both."""

    url: str = ""
    answers: dict[str, object] = field(default_factory=lambda: {"/health": HEALTH, "/api/v1/rounds": {"rounds": []}})
    date: str | None = formatdate(NOW, usegmt=True)


@pytest.fixture
def market():
    told = Told()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer = told.answers.get(self.path.partition("?")[0])
            body = json.dumps(answer if answer is not None else {"code": "not_found", "detail": "No."}).encode()
            self.send_response_only(200 if answer is not None else 404)
            if told.date is not None:
                self.send_header("Date", told.date)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def settings(tmp_path, market, monkeypatch):
    """Of a provider with a wallet of its own and a data folder that is not there yet."""
    wallet = create_keystore(tmp_path / "mine.json", "pw", scrypt_n=LIGHT_SCRYPT_N)
    return ProviderSettings(
        url=market.url, rpc_url="http://127.0.0.1:1", address_book=tmp_path / "book.json", keystore=wallet.path,
        data=tmp_path / "data",
    )  # fmt: skip


def play_chain(stake=50 * MICRO_PER_USDC, locked=0, gas=10**18, timestamp=NOW):
    state = SimpleNamespace(available=stake - locked, active=stake)
    return SimpleNamespace(
        domain=DOMAIN, head=lambda: SimpleNamespace(timestamp=timestamp), stake=lambda address: state,
        gas_balance=lambda address: gas,
    )  # fmt: skip
