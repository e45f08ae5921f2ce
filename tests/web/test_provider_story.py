"""A provider's whole way in a browser, on a real chain: its machine, what that earned, leaving, the stake."""

import pytest
from playwright.sync_api import expect

from agent.income import read_incomes, sum_up
from marketplace.cli.localmarket import LocalMarket
from marketplace.protocol.units import format_usdc
from tests.integration.local import PROVIDER, RENTER, USDC, finish, plan_with_one_oracle, submit
from tests.web.conftest import SHOTS
from tests.web.pictures import keep_pictures
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


def test_provider_stakes_more_and_says_which_keys_sign_for_it(browser, market):
    wallet = wallet_of(market, PROVIDER)
    _bring(market, 40 * USDC)
    with page_of(browser, market, "/nodes", wallet) as page:
        connect(page)
        _stakes_more(page, market, wallet)
        page.get_by_role("link", name="Settings").click()
        _allows_an_agent_and_takes_that_back(page, market)


def _bring(market, amount: int) -> None:
    """USDC of the renter's wallet into the provider's."""
    usdc = market.contracts().token
    data = usdc.encode_abi("transfer", [market.addresses[PROVIDER], amount])
    wallet_of(market, RENTER).answer("eth_sendTransaction", [{"to": usdc.address, "data": data}])
    assert market.reader().token_balance(market.addresses[PROVIDER]) == amount


def _stakes_more(page, market, wallet) -> None:
    stake = page.get_by_role("region", name="Stake", exact=True)
    for typed, said in (("much", "Write an amount of USDC"), ("0", "Write an amount of USDC"), ("41", "holds 40.00")):
        stake.get_by_label("Stake more, USDC").fill(typed)
        stake.get_by_role("button", name="Stake it").click()
        expect(stake.get_by_role("alert")).to_contain_text(said)
    wallet.decide = lambda method, params: method != "eth_sendTransaction"
    stake.get_by_label("Stake more, USDC").fill("12.5")
    stake.get_by_role("button", name="Stake it").click()
    expect(stake.get_by_role("alert")).to_contain_text("You declined this in your wallet.")
    wallet.decide = lambda method, params: True
    stake.get_by_role("button", name="Stake it").click()
    expect(stake.locator(".figure", has_text="Staked")).to_contain_text("62.50")
    keep_pictures(page, "nodes-stake")
    assert market.reader().stake(market.addresses[PROVIDER]).active == 62_500_000
    assert market.reader().token_balance(market.addresses[PROVIDER]) == 27_500_000


def _allows_an_agent_and_takes_that_back(page, market) -> None:
    provider, agent = market.addresses[PROVIDER], market.addresses[RENTER]
    agents = page.get_by_role("region", name="Agents", exact=True)
    expect(agents).to_contain_text("No other key may sign for this account.")
    agents.get_by_label("Address of another agent").fill("0x12")
    expect(agents.get_by_role("alert")).to_contain_text("0x and 40 hex digits")
    agents.get_by_label("Address of another agent").fill(agent)
    agents.get_by_role("button", name="Let it sign for me").click()
    expect(agents.get_by_role("row")).to_have_count(2)
    assert market.reader().is_agent(provider, agent)
    expect(agents.get_by_label("Address of another agent")).to_have_value("")
    agents.get_by_label("Address of another agent").fill(agent.lower())
    expect(agents.get_by_role("alert")).to_contain_text("It may sign for you already.")
    agents.get_by_label("Address of another agent").fill("")
    keep_pictures(page, "settings-agents")
    agents.get_by_role("button", name="Let it sign no longer").click()
    expect(agents).to_contain_text("No other key may sign for this account.")
    assert not market.reader().is_agent(provider, agent)


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
