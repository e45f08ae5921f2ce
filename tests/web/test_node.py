"""The pages of machines: how one is, what it earned, which bids it won and lost and why, and taking its ask back."""

import pytest
from playwright.sync_api import expect

from marketplace.protocol.units import format_usdc
from marketplace.services.clear_round import run_round
from marketplace.services.show_lease import list_leases
from marketplace.services.show_market import list_nodes
from tests.fakes.world import AGENT, DOMAIN, PROVIDER, RENTER
from tests.web.pictures import keep_pictures
from tests.web.test_frame import connect
from tests.web.test_job import settle
from tests.web.wallet import Wallet

NODE = f"/nodes/{AGENT.address}"
SHORT = f"{AGENT.address[:6]}…{AGENT.address[-4:]}"


@pytest.fixture
def wallet() -> Wallet:
    return Wallet(PROVIDER, DOMAIN.chain_id)


@pytest.fixture
def at(open_page, world):
    """A page, whose clock is the chain's."""

    def opened(route: str, *wallets, **options):
        page = open_page("/", *wallets, **options)
        page.clock.set_fixed_time(world.chain.time)
        page.goto(page.url.split("#")[0] + f"#{route}")
        return page

    return opened


def test_a_provider_finds_its_machines_and_everybody_finds_all(at, world, wallet):
    world.offer()
    page = at("/nodes", wallet)
    expect(page.get_by_role("region", name="All machines", exact=True)).to_contain_text("4 vCPUs, 8.2 GB")
    expect(page.get_by_text("Connect a wallet, or watch an account, to see its machines")).to_be_visible()
    connect(page)
    own = page.get_by_role("region", name="Your machines", exact=True)
    expect(own).to_contain_text("2 of 2")
    own.get_by_role("link", name=SHORT).click()
    expect(page).to_have_url(page.url.split("#")[0] + f"#{NODE}")
    expect(page.get_by_role("region", name="State")).to_contain_text("alive")


def test_who_offers_nothing_is_told_how_to(at, world):
    world.offer()
    page = at("/nodes", Wallet(RENTER, DOMAIN.chain_id))
    connect(page)
    expect(page.get_by_role("region", name="Your machines", exact=True)).to_contain_text("hive provider start")


def test_each_bid_of_a_round_is_won_or_lost_with_the_reason_and_what_lower_rates_would_have_won(at, world):
    world.submit()
    world.submit(world.bid(vcpus=60))
    dear = world.bid(max_price=10_000)
    world.submit(dear)
    world.offer()
    run_round(world.market)
    page = at(NODE)
    bids = page.get_by_role("region", name="Bids of a round", exact=False).first
    bids.get_by_role("button", name="Show its bids").click()
    for told in (
        "1 won",
        "1 cannot be served here",
        "1 above its limit",
        "less would have been within it",
        "vcpus: 60 wanted, 4 here",
    ):
        expect(bids).to_contain_text(told)
    expect(bids).to_contain_text("20 % lower: 1 bid more")
    keep_pictures(page, "node")


def test_a_round_without_the_machine_says_so(at, world):
    world.open_lease()
    page = at(f"/nodes/{RENTER.address}")
    page.get_by_role("button", name="Show its bids").click()
    expect(page.get_by_text("This machine took no part in this round.")).to_be_visible()
    expect(page.get_by_text("This machine offers nothing now, or has never.")).to_be_visible()
    expect(page.get_by_text("It has had no lease yet.")).to_be_visible()


def test_what_is_no_node_is_refused(at):
    expect(at("/nodes/0x12").get_by_text("A node is named by the address of its agent")).to_be_visible()


def test_what_it_earned_is_what_its_leases_were_paid(at, world):
    settle(world)
    (lease,) = list_leases(world.market)["leases"]
    page = at(NODE)
    earned = page.get_by_role("region", name="Earned in 30 days")
    assert int(lease["paid"]) > 0
    expect(earned).to_contain_text(format_usdc(int(lease["paid"])))
    expect(earned).to_contain_text("1 of them paid")
    expect(earned).to_contain_text("not known yet")


def test_an_ask_is_taken_back_by_one_signature_that_is_read_before(at, world, wallet):
    world.offer()
    page = at(NODE, wallet)
    connect(page)
    page.get_by_role("button", name="Take the ask back").click()
    expect(page.get_by_text("This takes back every ask of yours up to this one.")).to_be_visible()
    wallet.decide = lambda method, params: False
    page.get_by_role("button", name="Sign to take it back").click()
    expect(page.get_by_role("alert")).to_contain_text("You declined this in your wallet.")
    assert len(list_nodes(world.market)["nodes"]) == 1
    wallet.decide = lambda method, params: True
    page.get_by_role("button", name="Sign to take it back").click()
    expect(page.get_by_text("This machine offers nothing now")).to_be_visible()
    assert list_nodes(world.market)["nodes"] == []
    assert [one["message"]["kind"] for one in wallet.messages()] == [2, 2]


def test_nobody_else_can_take_an_ask_back(at, world):
    world.offer()
    page = at(NODE, Wallet(RENTER, DOMAIN.chain_id))
    connect(page)
    expect(page.get_by_role("region", name="State")).to_contain_text("alive")
    expect(page.get_by_role("button", name="Take the ask back")).to_have_count(0)
