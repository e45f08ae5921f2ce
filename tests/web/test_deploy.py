"""Renting from a browser: a price before signing, one readable signature, one job; and what keeps somebody from it."""

import re

import pytest
from playwright.sync_api import expect

from scripts.toolchain import ROOT
from tests.fakes.world import DOMAIN, OPERATOR, RENTER
from tests.web.conftest import SHOTS, WIDTHS
from tests.web.test_frame import AXE, connect
from tests.web.wallet import Wallet

assert ROOT in AXE.parents


@pytest.fixture
def wallet() -> Wallet:
    return Wallet(RENTER, DOMAIN.chain_id)


@pytest.fixture
def at_deploy(open_page, world, wallet):
    """The page with a connected wallet; its clock is the chain's."""

    def opened(**options):
        page = open_page("/", wallet, **options)
        page.clock.set_fixed_time(world.chain.time)
        connect(page)
        page.get_by_role("link", name="Deploy").click()
        expect(page.get_by_role("heading", name="4. Rent")).to_be_visible()
        return page

    return opened


def review(page) -> None:
    page.get_by_role("button", name="Take a Python example").click()
    page.get_by_role("button", name="Upload and review").click()
    expect(page.get_by_text("Waits for a match until")).to_be_visible()


def test_a_renter_sees_the_price_signs_one_bid_and_comes_to_its_job(at_deploy, world, wallet):
    world.offer()
    page = at_deploy()
    review(page)
    assert wallet.messages() == []
    expect(page.get_by_text("at this price or a lower one")).to_be_visible()
    page.get_by_role("button", name="Sign and submit").click()
    expect(page).to_have_url(re.compile("#/jobs/0x[0-9a-f]{64}$"))
    (asked,) = wallet.messages()
    job_id = page.url.rsplit("/", 1)[1]
    with world.market.store.read() as tx:
        placed = tx.bids.get(job_id)
    assert placed.bid.to_json() == asked["message"] | {"renter": RENTER.address, "market": OPERATOR.address}
    assert asked["domain"]["verifyingContract"] == DOMAIN.escrow.lower()
    assert all(world.market.blobs.has(digest) for digest in placed.job_spec.blob_digests())


def test_a_declined_signature_places_nothing_and_can_be_given_later(at_deploy, world, wallet):
    world.offer()
    wallet.decide = lambda method, params: method == "eth_requestAccounts" or len(wallet.messages()) > 1
    page = at_deploy()
    review(page)
    page.get_by_role("button", name="Sign and submit").click()
    expect(page.get_by_role("alert")).to_contain_text("You declined this in your wallet.")
    page.get_by_role("button", name="Sign and submit").click()
    expect(page).to_have_url(re.compile("#/jobs/0x"))


def test_who_asks_for_too_much_is_told_why_and_what_to_relax(at_deploy, world):
    world.offer()
    page = at_deploy()
    page.get_by_label("vCPUs").fill("64")
    price = page.get_by_role("region", name="3. Price")
    expect(price).to_contain_text("Nothing on offer fits.")
    expect(price).to_contain_text("Make do with 4 vCPUs")


def test_a_cap_above_the_escrow_is_told_with_what_is_missing(at_deploy, world):
    world.offer()
    page = at_deploy()
    page.get_by_role("button", name="Take a Python example").click()
    page.get_by_label("At most, USDC").fill("150")
    expect(page.get_by_role("button", name="Deposit 50.00 USDC")).to_be_visible()


@pytest.mark.parametrize("width, theme", [("wide", "light"), ("narrow", "dark")])
def test_the_review_is_accessible_fits_and_is_kept_as_a_picture(at_deploy, world, width, theme):
    world.offer()
    page = at_deploy(viewport=WIDTHS[width], color_scheme=theme)
    review(page)
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"deploy-review-{width}-{theme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")
    assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
