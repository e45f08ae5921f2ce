"""A provider's whole way in a browser, on a real chain: its machine, what that earned, leaving, the stake."""

import pytest
from playwright.sync_api import expect

from agent.income import read_incomes, sum_up
from marketplace.cli.localmarket import LocalMarket
from marketplace.protocol.units import format_usdc
from tests.integration.local import PROVIDER, USDC, finish, plan_with_one_oracle, submit
from tests.web.conftest import SHOTS
from tests.web.real import page_of, wallet_of
from tests.web.test_frame import connect

HOURS = 3
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def market(tmp_path):
    with LocalMarket(plan_with_one_oracle(), tmp_path / "market") as market:
        market.start()
        yield market


def test_provider_sees_what_its_machine_earns_and_why_takes_its_ask_back_and_leaves(browser, market, tmp_path):
    assert finish(market, submit(market, tmp_path, "print('done')"))["state"] == "paid"
    market.process(PROVIDER).kill()
    with page_of(browser, market, "/nodes", wallet_of(market, PROVIDER)) as page:
        connect(page)
        page.get_by_role("region", name="Your machines", exact=True).get_by_role("link").click()
        page.get_by_role("button", name="Show its bids").click()
        expect(page.get_by_role("region", name="Bids of a round", exact=False).first).to_contain_text("1 won")
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SHOTS / "provider-story-node.png", full_page=True)
        page.get_by_role("button", name="Take the ask back").click()
        page.get_by_role("button", name="Sign to take it back").click()
        page.get_by_text("This machine offers nothing now").wait_for()
        market.devnet.advance_time(HOURS * 3_600)
        page.reload()
        _earned_is_what_the_chain_says(page, market)
        page.get_by_role("link", name="All machines").click()
        _stake_comes_back(page, market)


def _earned_is_what_the_chain_says(page, market) -> None:
    now = market.reader().head().timestamp
    incomes = read_incomes(market.reader(), market.addresses[PROVIDER])
    found = sum_up(incomes, now=now, since=now - 30 * 86_400, gpus=0)
    assert int(found["earned"]) > 0 and int(found["perHour"]) > 0
    earned = page.get_by_role("region", name="Earned in 30 days")
    expect(earned).to_contain_text(format_usdc(int(found["earned"])))
    expect(earned).to_contain_text(f"{format_usdc(int(found['perHour']))} USDC")


def _stake_comes_back(page, market) -> None:
    stake = page.get_by_role("region", name="Stake", exact=True)
    stake.get_by_role("button", name="Start to take out").click()
    expect(stake).to_contain_text("Done in block")
    bond = market.reader().stake(market.addresses[PROVIDER])
    assert (bond.active, bond.unbonding) == (0, 50 * USDC)
    market.devnet.advance_time(bond.withdrawable_at - market.reader().head().timestamp + 2)
    stake.get_by_role("button", name="Take out what is unbonded").click()
    expect(stake).to_contain_text("This account has staked nothing.")
