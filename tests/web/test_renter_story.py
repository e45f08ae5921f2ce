"""A renter's whole way in a browser, on a real chain with real machines: deposit, order, result, bill."""

import re

import pytest
from playwright.sync_api import expect

from marketplace.cli.localmarket import LocalMarket, RenterPlan
from tests.integration.local import RENTER, USDC, assert_every_micro_usdc_is_accounted_for, plan_with_one_oracle
from tests.web.conftest import SHOTS
from tests.web.real import free, page_of, wallet_of
from tests.web.test_frame import connect

HELD, CAP = USDC // 10, USDC
JOB_PATIENCE = 90_000
"""Milliseconds in which a job is matched, run, checked and paid."""
pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def market(tmp_path):
    renters = [RenterPlan(RENTER, 2 * USDC, HELD)]
    with LocalMarket(plan_with_one_oracle(renters=renters), tmp_path / "market") as market:
        market.start()
        yield market


@pytest.fixture
def wallet(market):
    return wallet_of(market, RENTER)


@pytest.fixture
def page(browser, market, wallet):
    with page_of(browser, market, "/deploy", wallet) as page:
        connect(page)
        yield page


def test_renter_deposits_what_is_missing_signs_once_and_pays_what_the_job_cost(market, wallet, page):
    page.get_by_role("button", name="Take a Python example").click()
    page.get_by_label("At most, USDC").fill("0.5")

    wallet.decide = lambda method, params: method != "eth_sendTransaction"
    page.get_by_role("button", name="Deposit 0.40 USDC").click()
    expect(page.get_by_text("This lets the escrow take so much of your USDC once.")).to_be_visible()
    assert wallet.messages() == []
    page.get_by_role("button", name="Sign and deposit").click()
    page.get_by_text("You declined this in your wallet.").wait_for()
    assert free(market, RENTER) == HELD

    wallet.decide = lambda method, params: True
    page.get_by_role("button", name="Sign and deposit").click()
    expect(page.get_by_role("button", name="Upload and review")).to_be_enabled()
    assert free(market, RENTER) == CAP // 2
    assert {one["primaryType"] for one in wallet.messages()} == {"Permit"}

    page.get_by_label("At most, USDC").fill("1")
    page.get_by_role("button", name="Deposit 0.50 USDC").click()
    page.get_by_role("button", name="Approve instead").click()
    page.get_by_role("button", name="Upload and review").click()
    assert free(market, RENTER) == CAP

    page.get_by_role("button", name="Sign and submit").click()
    expect(page).to_have_url(re.compile("#/jobs/0x[0-9a-f]{64}$"))
    page.get_by_text("hello from the market").first.wait_for(timeout=JOB_PATIENCE)
    expect(page.get_by_role("region", name="Bill", exact=True)).to_contain_text("outcome paid", timeout=JOB_PATIENCE)
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / "renter-story-job.png", full_page=True)

    job_id = page.url.rsplit("/", 1)[1]
    with market.client() as client:
        job = client.job(job_id)
    (lease,) = job["leases"]
    assert job["state"] == "paid" and int(lease["paid"]) > 0
    assert free(market, RENTER) == CAP - int(lease["paid"]) - int(lease["fee"])
    assert [one["primaryType"] for one in wallet.messages()].count("Bid") == 1
    assert_every_micro_usdc_is_accounted_for(market)
