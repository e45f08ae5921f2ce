"""Five minutes with `hive dev`: its test wallet in a real browser, before the dApp that everybody gets."""

import json

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from playwright.sync_api import expect

from marketplace.cli.devwallet.pages import DevPages
from marketplace.cli.devwallet.wallet import DevWallet
from scripts.toolchain import free_port
from tests.fakes.world import DOMAIN, PROVIDER, RENTER
from tests.web.conftest import SHOTS, WIDTHS
from tests.web.test_frame import AXE

NAME = "Test wallet, local chain only"
MESSAGE = {
    "types": {
        "EIP712Domain": [{"name": "chainId", "type": "uint256"}],
        "Cancel": [{"name": "signer", "type": "address"}, {"name": "note", "type": "string"}],
    },
    "primaryType": "Cancel",
    "domain": {"chainId": DOMAIN.chain_id},
    "message": {"signer": RENTER.address, "note": "<img src=x onerror=alert(1)>"},
}
REQUEST = """({ method, params }) => new Promise((done) => {
  const keep = (answer) => { window.__said = answer }
  const ask = ({ detail }) => {
    detail.provider.request({ method, params }).then((result) => keep({ result }), ({ code }) => keep({ code }))
    done()
  }
  window.addEventListener('eip6963:announceProvider', ask, { once: true })
  window.dispatchEvent(new Event('eip6963:requestProvider'))
})"""
SAID = """async () => {
  while (!window.__said) await new Promise((done) => setTimeout(done, 20))
  const said = window.__said
  delete window.__said
  return said
}"""


@pytest.fixture
def dev_url(served):
    keys = {"renter": bytes(RENTER.key), "provider": bytes(PROVIDER.key)}
    wallet = DevWallet(DOMAIN.chain_id, keys, lambda method, *params: hex(DOMAIN.chain_id), {})
    pages = DevPages(wallet, served.url, free_port()).start()
    yield pages.url
    pages.stop()


def connect(page, who: str) -> None:
    page.get_by_role("button", name="Connect a wallet").click()
    page.get_by_role("button", name=NAME).click()
    window = page.get_by_role("dialog", name="Connect to this page")
    expect(window).to_contain_text(NAME)
    window.get_by_label(who).check()
    window.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("button", name=f"{NAME}: ")).to_be_visible()


def said(page):
    return page.evaluate(SAID)


def test_one_plays_somebody_with_the_test_wallet_and_is_still_them_after_a_reload(open_page, dev_url):
    page = open_page()
    page.goto(dev_url)
    connect(page, "provider")
    short = f"{PROVIDER.address[:6]}…{PROVIDER.address[-4:]}"
    expect(page.get_by_role("button", name=f"{NAME}: {short}")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name=f"{NAME}: {short}")).to_be_visible()
    expect(page.get_by_text("alive")).to_be_visible()


def test_a_declined_window_connects_nobody(open_page, dev_url):
    page = open_page()
    page.goto(dev_url)
    page.get_by_role("button", name="Connect a wallet").click()
    page.get_by_role("button", name=NAME).click()
    page.get_by_role("dialog").get_by_role("button", name="Decline").click()
    expect(page.get_by_role("alert")).to_have_text("You declined this in your wallet. Nothing was signed.")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_signature_is_read_in_a_window_and_made_only_when_it_is_accepted(open_page, dev_url, width, theme):
    page = open_page(viewport=WIDTHS[width], color_scheme=theme)
    page.goto(dev_url)
    connect(page, "renter")
    asked = {"method": "eth_signTypedData_v4", "params": [RENTER.address, json.dumps(MESSAGE)]}
    page.evaluate(REQUEST, asked)
    window = page.get_by_role("dialog", name="Sign this message?")
    for words in ("renter", "Cancel", str(DOMAIN.chain_id), "<img src=x onerror=alert(1)>"):
        expect(window).to_contain_text(words)
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"dev-wallet-{width}-{theme}.png")
    page.evaluate(AXE.read_text())
    assert [(one["id"], one["nodes"][0]["html"]) for one in page.evaluate("axe.run()")["violations"]] == []
    page.keyboard.press("Escape")
    assert said(page) == {"code": 4001}
    page.evaluate(REQUEST, asked)
    window.get_by_role("button", name="Sign").click()
    signature = said(page)["result"]
    assert Account.recover_message(encode_typed_data(full_message=MESSAGE), signature=signature) == RENTER.address


def test_nothing_is_signed_for_an_account_that_is_not_connected(open_page, dev_url):
    page = open_page()
    page.goto(dev_url)
    connect(page, "renter")
    page.evaluate(REQUEST, {"method": "personal_sign", "params": ["0x6869", PROVIDER.address]})
    assert said(page) == {"code": 4100}
    expect(page.get_by_role("dialog")).to_have_count(0)
