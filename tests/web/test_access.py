"""Signing in by a text that is shown first (EIP-4361); keys and webhooks of one's own, whose secrets are shown once."""

import httpx
import pytest

from marketplace.adapters.courier import HttpCourier
from tests.fakes.endpoint import LOOPBACK
from tests.fakes.hooked import hook_up
from tests.fakes.world import DOMAIN, RENTER
from tests.web.conftest import SHOTS, WIDTHS
from tests.web.test_frame import AXE, connect
from tests.web.wallet import Wallet


@pytest.fixture(autouse=True)
def courier(world):
    """This market calls webhooks; these tests have none delivered."""
    hook_up(world, HttpCourier(LOOPBACK))


@pytest.fixture
def wallet():
    return Wallet(RENTER, DOMAIN.chain_id)


@pytest.fixture
def page(open_page, wallet):
    page = open_page("/settings", wallet, expects_errors=True)
    connect(page)
    return page


def sign_in(page) -> None:
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign this text").click()
    page.get_by_text("Signed in until").wait_for()


def ask(served, token: str, path: str) -> httpx.Response:
    return httpx.get(f"{served.url}/api/v1/{path}", headers={"Authorization": f"Bearer {token}"}, timeout=20)


def test_the_wallet_signs_the_text_that_was_shown_and_the_tab_stays_signed_in(page, wallet):
    page.get_by_role("button", name="Sign in").click()
    shown = page.locator("pre.siwe").inner_text()
    page.get_by_role("button", name="Sign this text").click()
    page.get_by_text("Signed in until").wait_for()
    assert wallet.texts() == [shown] and RENTER.address in shown and f"Chain ID: {DOMAIN.chain_id}" in shown
    page.reload()
    page.get_by_text("Signed in until").wait_for()
    assert len(wallet.texts()) == 1, "nobody is asked again"
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in").wait_for()


def test_a_declined_text_signs_nobody_in_and_the_next_try_is_of_a_new_one(page, wallet):
    wallet.decide = lambda method, params: method != "personal_sign"
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign this text").click()
    page.get_by_text("You declined this in your wallet. Nothing was signed.").wait_for()
    wallet.decide = lambda method, params: True
    sign_in(page)
    first, second = wallet.texts()
    assert first != second


def test_a_key_is_shown_once_works_and_is_worth_nothing_once_revoked(page, served):
    sign_in(page)
    page.get_by_label("Name of a new key").fill("<b>pager</b>")
    page.get_by_label("keys:read").check()
    page.get_by_role("button", name="Make a key").click()
    key = page.locator(".once pre").inner_text()
    assert ask(served, key, "keys").status_code == 200
    page.get_by_role("button", name="Revoke <b>pager</b>").click()
    page.get_by_role("cell", name="revoked", exact=True).wait_for()
    assert ask(served, key, "keys").status_code == 401
    page.reload()
    page.get_by_role("cell", name="<b>pager</b>").wait_for()
    assert key not in page.content()


def test_a_webhook_is_made_listed_and_deleted_and_a_refused_address_says_why(page):
    sign_in(page)
    page.get_by_label("Address that is to be called").fill("https://10.0.0.1/hook")
    page.get_by_role("button", name="Add a webhook").click()
    page.get_by_role("alert").filter(has_text="only public addresses").wait_for()
    page.get_by_label("Address that is to be called").fill("https://hooks.example/computehive")
    page.get_by_role("button", name="Add a webhook").click()
    page.locator(".once pre").filter(has_text="whsec_").wait_for()
    page.get_by_role("button", name="Delete https://hooks.example/computehive").click()
    page.get_by_text("Nothing of yours is called yet.").wait_for()


def test_who_only_watches_an_account_is_not_asked_to_sign(open_page):
    page = open_page("/settings")
    page.get_by_text("Connect a wallet to make keys for programs").wait_for()


@pytest.mark.parametrize("width", WIDTHS)
def test_what_is_behind_the_sign_in_is_accessible_and_fits(open_page, wallet, width):
    page = open_page("/settings", wallet, viewport=WIDTHS[width])
    connect(page)
    sign_in(page)
    page.get_by_label("Name of a new key").fill("pager of the night shift")
    page.get_by_role("button", name="Make a key").click()
    page.locator(".once pre").wait_for()
    page.evaluate(AXE.read_text())
    assert page.evaluate("axe.run()")["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width]["width"]
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"settings-signed-in-{width}.png", full_page=True)
