"""Test money: what the local chain is asked for, and what its refusals become."""

import httpx
import pytest

from marketplace.devnet import jsonrpc
from marketplace.devnet.process import ProcessFailed
from marketplace.errors import ChainUnavailable

TOKEN, OWNER, ACCOUNT = ("0x" + digit * 40 for digit in "abc")
URL = "http://chain.test"


@pytest.fixture
def chain(monkeypatch):
    """A chain that answers from a table, and what it was asked."""
    answers = {
        "eth_getBalance": "0x0",
        "evm_setAccountBalance": True,
        "eth_call": "0x" + "0" * 24 + OWNER[2:],
        "eth_sendTransaction": "0x01",
        "eth_getTransactionReceipt": {"status": "0x1"},
    }
    asked = []

    def post(url, json, timeout):
        asked.append((json["method"], json["params"]))
        answer = answers[json["method"]]
        if isinstance(answer, Exception):
            raise answer
        body = {"error": {"message": answer[1:]}} if str(answer).startswith("!") else {"result": answer}
        return httpx.Response(200, json=body)

    monkeypatch.setattr(jsonrpc.httpx, "post", post)
    return answers, asked


def test_the_tokens_owner_mints_and_an_empty_account_gets_gas(chain):
    _, asked = chain
    jsonrpc.fund_account(URL, TOKEN, ACCOUNT, 5)
    calls = dict(asked)
    (sent,) = calls["eth_sendTransaction"]
    assert (sent["from"], sent["to"]) == (OWNER, TOKEN)
    assert sent["data"] == "0x40c10f19" + ACCOUNT[2:].zfill(64) + f"{5:064x}"
    assert calls["evm_setAccountBalance"] == [ACCOUNT, hex(100 * 10**18)]


def test_an_account_with_enough_gas_keeps_what_it_has(chain):
    answers, asked = chain
    answers["eth_getBalance"] = hex(10**21)
    jsonrpc.fund_account(URL, TOKEN, ACCOUNT, 5)
    assert "evm_setAccountBalance" not in dict(asked)


@pytest.mark.parametrize(
    ("method", "answer", "error"),
    [
        ("eth_getBalance", httpx.ConnectError("gone"), ChainUnavailable),
        ("evm_setAccountBalance", "!no such method", ProcessFailed),
        ("eth_getTransactionReceipt", {"status": "0x0"}, ProcessFailed),
    ],
)
def test_a_refusal_is_an_expected_error(chain, method, answer, error):
    chain[0][method] = answer
    with pytest.raises(error):
        jsonrpc.fund_account(URL, TOKEN, ACCOUNT, 5)


def test_a_transaction_that_is_not_mined_is_not_waited_for_forever(chain, monkeypatch):
    monkeypatch.setattr(jsonrpc, "MINED_SECONDS", 0.01)
    monkeypatch.setattr(jsonrpc, "POLL_SECONDS", 0.01)
    chain[0]["eth_getTransactionReceipt"] = None
    with pytest.raises(ProcessFailed, match="did not mine"):
        jsonrpc.fund_account(URL, TOKEN, ACCOUNT, 5)
