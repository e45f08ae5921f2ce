"""The test wallet of `hive dev`: on local chains, for this machine's browser and its own pages alone."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from eth_abi.exceptions import InsufficientDataBytes
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from starlette.testclient import TestClient

from marketplace.api.app import build_app
from marketplace.cli.devwallet import pages
from marketplace.cli.devwallet.wallet import DevWallet, Refusal
from marketplace.errors import SettingsError
from marketplace.web import pages as web
from scripts.toolchain import ROOT
from tests.architecture.rings import read_imports, read_modules
from tests.fakes.http import client_of
from tests.fakes.world import PROVIDER, RENTER, World

PORT = 4321
OWN = {"host": f"127.0.0.1:{PORT}", "origin": f"http://127.0.0.1:{PORT}"}
TEXT = {"ask": "answer", "method": "personal_sign", "params": ["0x6869", RENTER.address]}


def wallet_on(chain_id: int, node_says: int | None = None) -> DevWallet:
    def node(method: str, *params: object) -> object:
        assert method == "eth_chainId", method
        return hex(chain_id if node_says is None else node_says)

    return DevWallet(chain_id, {"renter": bytes(RENTER.key)}, node, {})


def typed(chain_id: int) -> str:
    return json.dumps(
        {
            "types": {
                "EIP712Domain": [{"name": "chainId", "type": "uint256"}],
                "Cancel": [{"name": "signer", "type": "address"}, {"name": "salt", "type": "uint64"}],
            },
            "primaryType": "Cancel",
            "domain": {"chainId": chain_id},
            "message": {"signer": RENTER.address, "salt": "7"},
        }
    )


@pytest.fixture
def built(tmp_path, monkeypatch):
    (tmp_path / "index.html").write_text("<!doctype html><head></head><body></body>")
    for module in (web, pages):
        monkeypatch.setattr(module, "FOLDER", tmp_path)


def caller(built, address: str = "127.0.0.1") -> TestClient:
    app = pages.build_pages(wallet_on(1337), "http://127.0.0.1:1", PORT)
    return TestClient(app, base_url=f"http://127.0.0.1:{PORT}", client=(address, 5))


@pytest.mark.parametrize("chain_id", [1, 10, 137, 8453, 42161, 11155111])
def test_there_is_no_test_wallet_on_a_public_chain(chain_id):
    with pytest.raises(SettingsError, match="local chains alone"):
        wallet_on(chain_id)


def test_a_public_chain_that_is_called_local_gets_no_test_wallet():
    with pytest.raises(SettingsError, match="not for chain 1"):
        wallet_on(1337, node_says=1)


@pytest.mark.parametrize("chain_id", [1337, 31337])
def test_local_chains_have_one(chain_id):
    assert wallet_on(chain_id).accounts == {"renter": RENTER.address}


def test_a_market_serves_pages_without_the_test_wallet(tmp_path, built):
    with client_of(build_app(World(tmp_path / "world").market, with_workers=False)) as api:
        assert "dev-wallet" not in api.get("/").text
        assert {api.get(path).status_code for path in pages.FILES} == {404}
        assert api.post(pages.ASK, json=TEXT).status_code in (404, 405)


def test_nothing_but_hive_dev_uses_the_test_wallet():
    name = "marketplace.cli.devwallet"
    modules = read_modules(ROOT, ("marketplace", "agent", "scripts"))
    users = {one.importer for one in read_imports(modules) if one.target.startswith(name)}
    users = {user for user in users if not user.startswith(name)}
    assert users == {"marketplace.cli.dev"}


def test_its_pages_keep_the_strict_policy(built):
    page = caller(built).get("/", headers=OWN)
    assert page.headers["content-security-policy"] == web.POLICY
    assert 'src="./dev-wallet.js"' in page.text and "<script>" not in page.text


@pytest.mark.parametrize("host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:80", "localhost"])
@pytest.mark.parametrize("path", ["/", "/dev-wallet.js", "/icon.svg"])
def test_another_name_that_leads_here_is_refused(built, host, path):
    assert caller(built).get(path, headers={"host": host}).status_code == 403


def test_who_calls_from_elsewhere_is_refused(built):
    assert caller(built, "192.0.2.7").get("/", headers=OWN).status_code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", f"https://127.0.0.1:{PORT}", "http://127.0.0.1:1"])
def test_pages_of_others_get_nothing_signed(built, origin):
    asked = caller(built).post(pages.ASK, json=TEXT, headers=OWN | {"origin": origin})
    assert asked.status_code == 403 and "access-control-allow-origin" not in asked.headers


def test_its_own_pages_get_what_was_accepted_signed(built):
    answer = caller(built).post(pages.ASK, json=TEXT, headers=OWN).json()
    assert Account.recover_message(encode_defunct(b"hi"), signature=answer["result"]) == RENTER.address


def test_a_typed_message_is_signed_and_read_out_field_by_field():
    wallet, text = wallet_on(1337), typed(1337)
    signature = wallet.answer("eth_signTypedData_v4", [RENTER.address, text])
    assert Account.recover_message(encode_typed_data(full_message=json.loads(text)), signature=signature) == (
        RENTER.address
    )
    assert wallet.describe("eth_signTypedData_v4", [RENTER.address, text]) == [
        ("message", "Cancel"),
        ("domain.chainId", "1337"),
        ("signer", RENTER.address),
        ("salt", "7"),
    ]


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("eth_signTypedData_v4", [RENTER.address, typed(1)], 4901),
        ("eth_signTypedData_v4", [RENTER.address, "{}"], -32602),
        ("eth_signTypedData_v4", [PROVIDER.address, typed(1337)], 4100),
        ("eth_sendTransaction", [{"from": RENTER.address, "chainId": "0x1"}], 4901),
        ("eth_sendTransaction", [{"from": PROVIDER.address}], 4100),
        ("eth_sign", [RENTER.address, "0x00"], 4200),
        ("evm_setAccountBalance", [RENTER.address, "0x1"], 4200),
    ],
    ids=["other chain", "no message", "other account", "other chain's", "other account's", "blind", "node's own"],
)
def test_what_it_does_not_sign_it_refuses_by_the_standards_codes(method, params, code):
    with pytest.raises(Refusal) as caught:
        wallet_on(1337).answer(method, params)
    assert caught.value.code == code


def test_a_call_that_cannot_be_read_is_shown_as_bytes():
    def refuse(data: str) -> None:
        raise InsufficientDataBytes("too short")

    contract = SimpleNamespace(address=PROVIDER.address, decode_function_input=refuse)
    wallet = replace(wallet_on(1337), contracts={"Escrow": contract})
    fields = wallet.describe("eth_sendTransaction", [{"to": PROVIDER.address, "data": "0x1234"}])
    assert fields == [("to", PROVIDER.address), ("data", "0x1234"), ("wei", "0x0")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        json.dumps(TEXT | {"params": ["zz", RENTER.address]}).encode(),
        json.dumps(
            TEXT | {"method": "eth_signTypedData_v4", "params": [RENTER.address, typed(1337).replace('"7"', '"-7"')]}
        ).encode(),
    ],
    ids=["nothing", "a list", "no question", "no hex", "no number of that type"],
)
def test_nonsense_is_answered_with_an_error(built, body):
    assert "error" in caller(built).post(pages.ASK, content=body, headers=OWN).json()
