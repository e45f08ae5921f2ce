"""The frame around every page: wallets, chains, themes, a market that is away or is not what it was."""

import re

import pytest
from playwright.sync_api import expect

from scripts.bench.web.pages import PAGES, routes_of
from scripts.toolchain import ROOT
from tests.fakes.world import DOMAIN, PROVIDER, RENTER
from tests.web.conftest import SHOTS, WIDTHS
from tests.web.wallet import Wallet

AXE = ROOT / "marketplace" / "web" / "node_modules" / "axe-core" / "axe.min.js"
ROUTES, _ = routes_of(PAGES.read_text())
SHORT = f"{RENTER.address[:6]}…{RENTER.address[-4:]}"
CONNECTED = f"Test wallet: {SHORT}"


@pytest.fixture
def wallet() -> Wallet:
    return Wallet(RENTER, DOMAIN.chain_id)


def connect(page, name: str = "Test wallet") -> None:
    page.get_by_role("button", name="Connect a wallet").click()
    page.get_by_role("button", name=name).click()


def test_a_first_visit_loads_less_than_200_kilobytes_from_here_alone(open_page, served, browser):
    context = browser.new_context()
    page, loaded = context.new_page(), {}
    page.on("response", lambda response: loaded.setdefault(response.url, response))
    page.goto(served.url)
    expect(page.get_by_text("alive")).to_be_visible()
    files = {url: one for url, one in loaded.items() if "/api/" not in url}
    assert all(url.startswith(served.url) for url in loaded) and len(files) >= 3
    assert sum(one.request.sizes()["responseBodySize"] for one in files.values()) < 200_000
    scripts = [one for url, one in files.items() if url.endswith(".js")]
    assert scripts and all(one.headers["content-encoding"] == "gzip" for one in scripts)
    context.close()


def test_wallets_are_offered_by_name_and_asked_once(open_page, wallet):
    other = Wallet(PROVIDER, DOMAIN.chain_id, id="other.wallet", name="Other wallet")
    page = open_page("/", wallet, other)
    connect(page)
    expect(page.get_by_role("button", name=CONNECTED)).to_be_visible()
    assert [method for method, _ in wallet.asked] == ["eth_requestAccounts"] and other.asked == []


def test_a_visitor_who_comes_back_is_connected_without_a_question(open_page, wallet):
    page = open_page("/", wallet)
    connect(page)
    expect(page.get_by_role("button", name=CONNECTED)).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name=CONNECTED)).to_be_visible()
    assert len(wallet.asked) == 1


def test_a_declined_connection_is_said_and_can_be_tried_again(open_page, wallet):
    wallet.decide = lambda method, params: len(wallet.asked) > 1
    page = open_page("/", wallet)
    connect(page)
    expect(page.get_by_role("alert")).to_have_text("You declined this in your wallet. Nothing was signed.")
    page.get_by_role("button", name="Test wallet").click()
    expect(page.get_by_role("button", name=CONNECTED)).to_be_visible()


@pytest.mark.parametrize("knows", [True, False], ids=["known", "unknown"])
def test_a_wallet_on_another_chain_is_told_so_and_led_to_this_one(open_page, wallet, knows):
    wallet.chain_id, wallet.knows = 1, {DOMAIN.chain_id} if knows else set()
    page = open_page("/", wallet)
    connect(page)
    banner = page.get_by_text(f"Your wallet is on chain 1, this market on chain {DOMAIN.chain_id}")
    expect(banner).to_be_visible()
    page.get_by_role("button", name="Switch").click()
    expect(banner).to_have_count(0)
    assert wallet.chain_id == DOMAIN.chain_id


def test_another_account_in_the_wallet_is_the_one_shown_and_none_is_nobody(open_page, wallet):
    page = open_page("/", wallet)
    connect(page)
    expect(page.get_by_role("button", name=CONNECTED)).to_be_visible()
    page.evaluate("address => __tell['test.wallet']('accountsChanged', [address])", PROVIDER.address)
    expect(
        page.get_by_role("button", name=f"Test wallet: {PROVIDER.address[:6]}…{PROVIDER.address[-4:]}")
    ).to_be_visible()
    page.evaluate("__tell['test.wallet']('accountsChanged', [])")
    expect(page.get_by_role("button", name="Connect a wallet")).to_be_visible()


def test_a_wallet_that_answers_nonsense_connects_nobody(open_page, wallet):
    wallet.answer = lambda method, params: {"what": "is this"}
    page = open_page("/", wallet)
    connect(page)
    expect(page.get_by_role("button", name="Connect a wallet")).to_be_visible()


def test_without_a_wallet_an_account_can_be_watched(open_page, world):
    page = open_page("/")
    page.get_by_role("button", name="Connect a wallet").click()
    page.get_by_label("Watch an account").fill("0x12")
    page.get_by_role("button", name="Watch", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("An address is 0x and 40 hex digits.")
    page.get_by_label("Watch an account").fill(RENTER.address)
    page.get_by_role("button", name="Watch", exact=True).click()
    expect(page.get_by_role("button", name=f"Watching: {SHORT}")).to_be_visible()
    expect(page.get_by_text("Free in the escrow")).to_be_visible()


def test_what_is_shown_stays_while_the_market_is_away_and_says_so(open_page, world, served):
    world.open_lease()
    page = open_page("/", expects_errors=True)
    offers = page.get_by_role("region", name="Prices by class of machine")
    expect(offers).to_contain_text("CPU")
    served.stop()
    said = page.get_by_text(f"Shown as last heard: No answer from the market at {served.url}.")
    expect(said.first).to_be_visible(timeout=30_000)
    expect(offers).to_contain_text("CPU")
    served.start()
    expect(said).to_have_count(0, timeout=30_000)


def test_a_market_that_names_another_contract_than_before_is_warned_of(open_page, served):
    page = open_page("/")
    expect(page.get_by_text("alive")).to_be_visible()
    page.route(
        "**/api/v1/config",
        lambda route: route.fulfill(
            response=(answer := route.fetch()),
            json=answer.json() | {"domain": answer.json()["domain"] | {"verifyingContract": PROVIDER.address}},
        ),
    )
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("This market is not what it was.")
    expect(page.get_by_role("alert")).to_contain_text(PROVIDER.address)


def test_the_menu_of_a_narrow_screen_shows_where_one_is(open_page):
    page = open_page("/settings", viewport=WIDTHS["narrow"])
    expect(page.get_by_role("link", name="Settings", exact=True)).to_be_in_viewport()
    assert page.evaluate("scrollX") == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("route", ROUTES)
def test_every_page_is_accessible_fits_and_is_kept_as_a_picture(open_page, world, route, width, theme):
    world.open_lease()
    page = open_page(route, viewport=WIDTHS[width], color_scheme=theme)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_text("Loading the page…")).to_have_count(0)
    expect(page.get_by_role("status", name=re.compile("^Loading"))).to_have_count(0)
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{route.strip('/') or 'dashboard'}-{width}-{theme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")
    assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
