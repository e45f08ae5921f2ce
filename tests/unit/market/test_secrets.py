"""Secrets are planted wherever one could come in, and looked for wherever something goes out."""

import io
import sys

import pytest
import structlog

from marketplace.adapters.chain import AddressBook, ChainReader, Contracts
from marketplace.adapters.store import Database
from marketplace.api.app import build_app
from marketplace.bootstrap import configure_logging
from marketplace.errors import ChainUnavailable, MarketError
from marketplace.telemetry.lines import HIDDEN, hide_secrets
from tests.fakes.http import client_of
from tests.fakes.world import AGENT, DOMAIN, OPERATOR, ORACLES, PROVIDER, RENTER, World

PLANTED = "planted-9f3c-word"
CREDENTIALS = {"Authorization": f"Bearer {PLANTED}", "Cookie": f"session={PLANTED}", "X-Api-Key": PLANTED}


@pytest.fixture
def screen(monkeypatch):
    """What the service logs, at its most talkative."""
    written, kept = io.StringIO(), structlog.get_config()
    monkeypatch.setattr(sys, "stderr", written)
    configure_logging("debug")
    yield written
    structlog.configure(**kept)


def keys() -> list[str]:
    return [bytes(one.key).hex() for one in (OPERATOR, RENTER, PROVIDER, AGENT, *ORACLES)]


def test_nothing_that_was_planted_is_in_the_log_or_in_an_answer_over_the_life_of_a_job(tmp_path, screen, monkeypatch):
    monkeypatch.setenv("COMPUTEHIVE_MARKET_PASSWORD", PLANTED)
    world, answers = World(tmp_path), []
    with client_of(build_app(world.market, with_workers=False)) as api:

        def ask(method: str, path: str, **more) -> None:
            answers.append(api.request(method, path, headers=CREDENTIALS, **more).text)

        bid = world.bid()
        body = {"bid": bid.to_json(), "signature": bid.sign(DOMAIN, AGENT.key), "jobSpec": world.job_spec().to_json()}
        ask("POST", "/api/v1/jobs/submit", json=body)  # refused, and logged
        lease = world.open_lease()
        world.attest(lease)
        world.judge(lease)
        world.sign_batches()
        world.drain()
        for path in ("/api/v1/status", f"/api/v1/leases/{lease}", "/api/v1/config", "/nothing", "/api/v1/log/entries"):
            ask("GET", path)
        ask("GET", "/nothing", params={"token": PLANTED})
        world.chain.away = True
        ask("POST", "/api/v1/jobs/submit", json=body)
        monkeypatch.setattr(world.market.store, "read", None)  # a bug, with its traceback
        ask("GET", "/api/v1/jobs")
    told = screen.getvalue()
    assert '"event": "refused"' in told and '"event": "bug"' in told
    for text in (told, *answers):
        assert PLANTED not in text
        assert not [key for key in keys() if key in text]


@pytest.mark.parametrize(
    "address", ["postgresql+psycopg://ann:{}@127.0.0.1:1/market", "mysql://ann:{}@127.0.0.1:1/market"]
)
def test_an_address_with_a_password_that_does_not_answer_is_not_told(address):
    with pytest.raises(MarketError) as caught:
        Database(address.format(PLANTED))
    assert PLANTED not in str(caught.value) and PLANTED not in str(caught.value.values)


def test_a_node_whose_address_has_a_key_is_not_told_when_it_is_away():
    names = ("Escrow", "ProviderStake", "Reputation", "OracleCommittee", "PaymentChannels", "ModuleRegistry", "USDC")
    book = AddressBook(network="x", chain_id=1, contracts=dict.fromkeys(names, "0x" + "11" * 20), deployed_at_block=0)
    reader = ChainReader(Contracts(f"http://ann:{PLANTED}@127.0.0.1:1/v3/{PLANTED}", book))
    with pytest.raises(ChainUnavailable) as caught:
        reader.chain_id()
    assert PLANTED not in str(caught.value) and PLANTED not in str(caught.value.values)


@pytest.mark.parametrize(
    "field, value",
    [
        ("detail", f"no route to postgresql://ann:{PLANTED}@db/market"),
        ("detail", f"Authorization: Bearer {PLANTED}"),
        ("detail", f'{{"password": "{PLANTED}"}}'),
        ("path", f"/x?token={PLANTED}&a=1"),
        ("operator_password", PLANTED),
        ("api_key", PLANTED),
        ("headers", {"authorization": PLANTED, "cookie": [PLANTED]}),
        ("given", [f"https://ann:{PLANTED}@node/"]),
        ("exception", f"Traceback\n  private_key = {PLANTED}"),
        ("detail", "AGE-SECRET-KEY-1" + PLANTED.upper().replace("-", "")),
    ],
)
def test_what_is_called_a_secret_or_looks_like_one_is_hidden_in_a_log_line(field, value):
    shown = str(hide_secrets(None, "info", {"event": "x", field: value}))
    assert HIDDEN in shown and PLANTED not in shown and "PLANTED9F3CWORD" not in shown


@pytest.mark.parametrize("text", ["/api/v1/leases/0x11", "The token: bucket of 0x11 is empty", "3 secrets in a row"])
def test_the_rest_of_a_line_stays(text):
    shown = hide_secrets(None, "info", {"event": text, "lease_id": "0x" + "ab" * 32, "retry_in": 5})
    assert shown["lease_id"] == "0x" + "ab" * 32 and shown["retry_in"] == 5
    assert shown["event"].split()[0] == text.split()[0]
