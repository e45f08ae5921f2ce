"""Leaving with every server off: refund, deposit and stake by the chain alone, through a page that was there before."""

import json

import pytest
from playwright.sync_api import expect

from marketplace.cli.localmarket import LocalMarket
from marketplace.client.waiting import wait_until
from tests.integration.local import MARKET, PROVIDER, RENTER, USDC, plan_with_one_oracle, submit
from tests.web.pictures import keep_pictures
from tests.web.real import free, page_of, wallet_of
from tests.web.test_frame import connect

FETCHED = 5_000
"""Milliseconds after which a page has fetched the one that needs no server."""
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    with LocalMarket(plan_with_one_oracle(), tmp_path_factory.mktemp("market")) as market:
        market.start()
        yield market


@pytest.fixture(scope="module")
def leases(market, tmp_path_factory):
    """Two leases of the renter's that are open while their provider is gone."""
    jobs = [submit(market, tmp_path_factory.mktemp("job"), "while True: pass") for _ in range(2)]
    with market.client() as client:
        for job in jobs:
            wait_until(lambda: client.job(job)["state"] == "running", timeout=60, what="The job's start")  # noqa: B023
        found = [client.job(job)["leases"][0] for job in jobs]
    market.process(PROVIDER).kill()
    return found


def switch_off(market) -> None:
    for name in (MARKET, *market.plan.oracles):
        market.process(name).kill()


def test_everybody_leaves_with_what_is_theirs_while_every_server_is_off(browser, market, leases):
    renter, provider = wallet_of(market, RENTER), wallet_of(market, PROVIDER)
    with (
        page_of(browser, market, "/", renter, may_fail=True) as page,
        page_of(browser, market, "/", provider, may_fail=True) as other,
    ):
        for one in (page, other):
            connect(one)
            one.wait_for_timeout(FETCHED)
        switch_off(market)
        lapsed, accepted = leases
        paid = _provider_takes(other, market, accepted, _renter_signs(page, accepted))
        market.devnet.advance_time(lapsed["deadline"] - market.reader().head().timestamp + 2)
        _renter_leaves(page, market, 50 * USDC - paid)
        _provider_leaves(other, market)


def _lease_on(page, lease):
    page.get_by_role("link", name="Exit", exact=True).click()
    return page.get_by_role("listitem").filter(has_text=f"{lease['leaseId'][:6]}…{lease['leaseId'][-4:]}")


def _renter_signs(page, lease) -> str:
    """The receipt that the page shows, for less than what is locked."""
    item = _lease_on(page, lease)
    item.get_by_text("Accept a result and pay for it").click()
    item.get_by_label("Digest of the result").fill("0x12")
    item.get_by_role("button", name="Review").click()
    expect(item.get_by_role("alert")).to_contain_text("0x and 64 hex digits")
    item.get_by_label("Digest of the result").fill("0x" + "5a" * 32)
    item.get_by_label("Pay, USDC, the fee included").fill("0.001")
    item.get_by_role("button", name="Review").click()
    item.get_by_role("button", name="Sign the receipt").click()
    expect(item.get_by_text("only the provider can send it")).to_be_visible()
    return item.get_by_label("The receipt, signed").input_value()


def _provider_takes(page, market, lease, receipt: str) -> int:
    """What the renter paid, micro-USDC, once the chain has it."""
    item = _lease_on(page, lease)
    item.get_by_text("Be paid by a receipt of the renter’s").click()
    for text, said in (
        ("{}", "That is no receipt"),
        (receipt.replace('"1000"', '"2000"'), "Its signature is not that of the lease’s renter."),
    ):
        item.get_by_label("Receipt, JSON").fill(text)
        item.get_by_role("button", name="Look at it").click()
        expect(item.get_by_role("alert")).to_contain_text(said)
    item.get_by_label("Receipt, JSON").fill(receipt)
    item.get_by_role("button", name="Look at it").click()
    item.get_by_role("button", name="Be paid").click()
    expect(item).to_have_count(0)
    pay = 1_000
    assert free(market, PROVIDER) == pay - pay * lease["feeBps"] // 10_000
    return pay


def _renter_leaves(page, market, left: int) -> None:
    page.get_by_role("button", name="Look again").click()
    expect(page.get_by_role("listitem")).to_have_count(1)  # the other one is closed, by its provider
    page.get_by_role("button", name="Refund it").click()
    page.get_by_text("No lease of this account is open.").wait_for()
    assert free(market, RENTER) == left
    keep_pictures(page, "exit")
    page.get_by_role("button", name="Withdraw all of it").click()
    page.get_by_text("Done in block").wait_for()
    assert free(market, RENTER) == 0
    assert market.reader().token_balance(market.addresses[RENTER]) == 50 * USDC + left


def _provider_leaves(page, market) -> None:
    stake = page.get_by_role("region", name="Stake", exact=True)
    expect(stake.locator(".figure", has_text="Needed by open leases")).to_contain_text("0.00")  # as refunds are seen
    stake.get_by_role("button", name="Start to take out").click()
    expect(stake).to_contain_text("Done in block")
    expect(stake.get_by_role("button", name="Take out what is unbonded")).to_have_count(0)
    bond = market.reader().stake(market.addresses[PROVIDER])
    assert (bond.active, bond.unbonding) == (0, 50 * USDC)
    market.devnet.advance_time(bond.withdrawable_at - market.reader().head().timestamp + 2)
    stake.get_by_role("button", name="Take out what is unbonded").click()
    expect(stake).to_contain_text("This account has staked nothing.")
    assert market.reader().stake(market.addresses[PROVIDER]).unbonding == 0


def test_a_browser_that_kept_nothing_takes_an_address_book_and_holds_it_against_the_chain(open_page, market):
    page = open_page("/settings", expects_errors=True)
    page.get_by_label("Another node of the chain").fill(market.devnet.rpc_url)
    page.get_by_role("button", name="Use these").click()
    page.get_by_role("link", name="Exit").click()
    paste = page.get_by_label("Address book, JSON")
    paste.fill("{}")
    page.get_by_role("button", name="Use it").click()
    page.get_by_text("That is no address book").wait_for()
    book = json.loads(market.devnet.address_book.read_text())
    book["contracts"]["Escrow"] = market.addresses[RENTER]
    paste.fill(json.dumps(book))
    page.get_by_role("button", name="Use it").click()
    page.get_by_text(
        "There is no contract at the address of Escrow. Check the address book. Nothing is sent."
    ).wait_for()
    expect(page.get_by_role("button", name="Withdraw all of it")).to_have_count(0)
