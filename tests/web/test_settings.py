"""What a visitor chooses in Settings: how rates and moments are written, whether the browser tells of ended jobs."""

import pytest
from playwright.sync_api import expect

from tests.fakes.world import AGENT, DOMAIN, RENTER
from tests.web.test_frame import connect
from tests.web.test_job import settle
from tests.web.wallet import Wallet

NOTED = """
window.noted = []
window.Notification = class extends Notification {
  constructor(title, options) { super(title, options); window.noted.push([title, options.body]) }
}
"""


@pytest.fixture
def wallet() -> Wallet:
    return Wallet(RENTER, DOMAIN.chain_id)


def choose(page, group: str, option: str) -> None:
    page.get_by_role("group", name=group).get_by_label(option, exact=True).check()


def test_rates_are_told_for_the_time_that_was_chosen_on_every_page_and_at_the_next_visit(open_page, world):
    world.offer(world.ask(vcpu_hour_rate=123_400))
    page = open_page(f"/nodes/{AGENT.address}")
    state = page.get_by_role("region", name="State")
    expect(state.locator(".figure", has_text="vCPU and hour")).to_contain_text("0.1234 USDC")
    page.get_by_role("link", name="Settings").click()
    choose(page, "Rates of machines, for", "a month")
    for route in ("/nodes", "/", "/deploy", f"/nodes/{AGENT.address}"):
        page.goto(page.url.split("#")[0] + f"#{route}")
        page.reload()
        expect(page.get_by_text("vCPU and month").first).to_be_visible()
        expect(page.get_by_role("main")).to_contain_text("90.082 USDC")


def test_moments_are_in_utc_for_who_chose_it_and_in_their_own_time_where_one_points(open_page, world):
    world.offer()
    page = open_page(f"/nodes/{AGENT.address}", timezone_id="Asia/Tokyo")
    heard = page.get_by_role("region", name="State").locator("time").first
    at = heard.get_attribute("datetime")[:19].replace("T", " ") + " UTC"
    assert heard.get_attribute("title") == at and heard.inner_text() != at
    local = heard.inner_text()
    page.get_by_role("link", name="Settings").click()
    choose(page, "Moments, by", "UTC")
    page.go_back()
    expect(heard).to_have_text(at)
    assert heard.get_attribute("title") == local


def test_a_job_that_ends_is_told_once_by_the_browser(open_page, world, wallet):
    page = open_page("/settings", wallet, permissions=["notifications"])
    page.add_init_script(NOTED)
    page.clock.install()
    page.reload()
    connect(page)
    page.get_by_label("Tell me in this browser when a job of mine ends").check()
    with page.expect_response("**/api/v1/jobs?*limit=100"):
        page.clock.fast_forward(16_000)
    settle(world)
    for _ in range(2):
        with page.expect_response("**/api/v1/jobs?*limit=100"):
            page.clock.fast_forward(16_000)
    page.wait_for_function("noted.length > 0")
    ((title, body),) = page.evaluate("noted")
    assert title.endswith(": paid") and "its page" in body


def test_a_browser_that_forbids_notices_says_so(open_page, wallet):
    page = open_page("/settings", wallet)
    page.evaluate("Notification.requestPermission = async () => 'denied'")
    page.get_by_label("Tell me in this browser").click()
    expect(page.get_by_role("alert")).to_contain_text("This browser lets this page show no notifications.")
    expect(page.get_by_label("Tell me in this browser")).not_to_be_checked()
