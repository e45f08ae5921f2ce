"""A workflow from the browser to the market: its files, each bid read before it is signed, all placed or none."""

import re

import pytest
from playwright.sync_api import expect

from marketplace.cli.localmarket import LocalMarket
from marketplace.client.waiting import wait_until
from marketplace.services.show_workflow import list_workflows
from tests.fakes.world import DOMAIN, PROVIDER, RENTER
from tests.integration.local import RENTER as RENTER_NAME
from tests.integration.local import plan_with_one_oracle
from tests.web.pictures import keep_pictures
from tests.web.real import page_of, wallet_of
from tests.web.test_frame import connect
from tests.web.wallet import Wallet

DOCUMENT = """
name: two steps
jobs:
  - {name: make, program: tools/make.py, maxPrice: 0.10, retries: 1, inputs: [words.txt]}
  - name: count
    program: count.py
    maxPrice: 0.10
    takes: [{job: make, output: out/part.txt, path: part.txt}]
"""
FILES = {
    "make.py": "open('out/part.txt', 'w').write(open('in/words.txt').read().upper())\n",
    "count.py": "print(open('in/part.txt').read().split())\n",
    "words.txt": "one two three\n",
}
BIDS, JOB_SECONDS = 3, 120
pytestmark = pytest.mark.timeout(300)


def files_in(folder) -> list[str]:
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return [str(folder / name) for name in FILES]


def write(page) -> None:
    """The document, in a new draft."""
    page.get_by_role("link", name="Flow", exact=True).click()
    page.get_by_role("button", name="Begin with: Empty").click()
    page.get_by_role("textbox", name="The workflow as YAML").fill(DOCUMENT)
    expect(page.get_by_text("Nothing is wrong with it.")).to_be_visible()


def review(page, folder) -> None:
    page.get_by_label("Its programs and inputs, all of them").set_input_files(files_in(folder))
    page.get_by_role("button", name="Upload and review").click()
    expect(page.get_by_role("heading", name=f"Bid 1 of {BIDS}: make")).to_be_visible()


@pytest.fixture
def wallet() -> Wallet:
    return Wallet(RENTER, DOMAIN.chain_id)


@pytest.fixture
def page(open_page, world, wallet):
    return written(open_page, world, wallet)


def written(open_page, world, wallet, **options):
    """The document on the Flow page of whoever has that wallet."""
    world.offer()
    page = open_page("/", wallet, **options)
    page.clock.set_fixed_time(world.chain.time)
    connect(page)
    write(page)
    return page


def placed(world) -> list[dict]:
    return list_workflows(world.market)["workflows"]


def test_files_that_are_missing_are_named(page, tmp_path):
    place = page.get_by_role("region", name="Place it")
    expect(place).to_contain_text("3 files are missing.")
    page.get_by_label("Its programs and inputs, all of them").set_input_files(files_in(tmp_path)[:2])
    expect(place).to_contain_text("words.txt: still missing")
    expect(place.get_by_role("button", name="Upload and review")).to_be_disabled()


def test_nothing_is_placed_before_every_bid_is_signed_and_what_was_signed_is_kept(page, world, wallet, tmp_path):
    review(page, tmp_path)
    assert wallet.messages() == []
    wallet.decide = lambda method, params: len(wallet.messages()) != 2
    page.get_by_role("button", name=f"Sign {BIDS} and place").click()
    place = page.get_by_role("region", name="Place it")
    expect(place.get_by_role("alert")).to_contain_text("You declined this in your wallet.")
    expect(place.get_by_role("heading", name=f"Bid 2 of {BIDS}: make, attempt 2")).to_be_visible()
    assert placed(world) == []
    keep_pictures(page, "flow-place", page.get_by_role("region", name="Place it"))
    wallet.decide = lambda method, params: True
    page.get_by_role("button", name="Sign the other 2 and place").click()
    expect(page).to_have_url(re.compile("#/flow/0x[0-9a-f]{64}$"))
    (workflow,) = placed(world)
    assert workflow["workflowId"] == page.url.rsplit("/", 1)[1]
    asked = [one["message"]["salt"] for one in wallet.messages()]
    assert len(asked) == BIDS + 1 and asked[1] == asked[2], "the declined one is asked again, the first is not"


def test_bids_of_one_account_are_not_signed_by_another(page, world, wallet, tmp_path):
    review(page, tmp_path)
    wallet.decide = lambda method, params: len(wallet.messages()) < 2
    page.get_by_role("button", name=f"Sign {BIDS} and place").click()
    expect(page.get_by_role("region", name="Place it").get_by_role("alert")).to_contain_text("You declined")
    wallet.decide, wallet.account = lambda method, params: True, PROVIDER
    page.evaluate("address => __tell['test.wallet']('accountsChanged', [address])", PROVIDER.address)
    page.get_by_role("button", name="Sign the other 2 and place").click()
    expect(page.get_by_text("Your wallet shows another account than these bids are of.")).to_be_visible()
    assert len(wallet.messages()) == 2 and placed(world) == []


def test_what_the_market_refuses_is_not_sent_again_with_the_same_signatures(open_page, world, wallet, tmp_path):
    page = written(open_page, world, wallet, expects_errors=True)
    review(page, tmp_path)
    page.route("**/api/v1/workflows", refuse)
    page.get_by_role("button", name=f"Sign {BIDS} and place").click()
    expect(page.get_by_role("region", name="Place it").get_by_role("alert")).to_contain_text("No. Sign anew.")
    expect(page.get_by_role("button", name="Place again")).to_have_count(0)
    page.get_by_role("button", name="Begin anew").click()
    expect(page.get_by_role("button", name="Upload and review")).to_be_enabled()


def refuse(route) -> None:
    problem = {"type": "urn:computehive:error:cancelled_order", "detail": "No.", "hint": "Sign anew."}
    route.fulfill(status=422, json=problem)


def test_what_is_changed_after_the_review_is_reviewed_again(page, world, wallet, tmp_path):
    review(page, tmp_path)
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Redo").click()
    expect(page.get_by_role("button", name="Upload and review")).to_be_visible()
    assert wallet.messages() == [] and placed(world) == []


def test_a_workflow_of_the_browser_runs_to_its_end_on_a_real_chain(browser, tmp_path):
    with LocalMarket(plan_with_one_oracle(), tmp_path / "market") as market:
        market.start()
        with page_of(browser, market, "/", wallet_of(market, RENTER_NAME)) as page:
            connect(page)
            write(page)
            review(page, tmp_path)
            page.get_by_role("button", name=f"Sign {BIDS} and place").click()
            expect(page).to_have_url(re.compile("#/flow/0x[0-9a-f]{64}$"))
            workflow = page.url.rsplit("/", 1)[1]
            with market.client() as client:
                wait_until(lambda: client.workflow(workflow)["state"] != "running", timeout=JOB_SECONDS, what="Its end")
                found = client.workflow(workflow)
                assert found["state"] == "done"
                count = next(one for one in found["jobs"] if one["name"] == "count")
                (log,) = client.job_logs(count["attempts"][0]["jobId"])["leases"]
            expect(page.get_by_role("region", name="Jobs and their attempts")).to_contain_text("paid")
            assert log["stdout"] == "['ONE', 'TWO', 'THREE']\n"
