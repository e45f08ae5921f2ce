"""The registry of modules in a browser, read from the contract itself: names, versions, prices, and running one."""

import re

import pytest
from playwright.sync_api import expect

from marketplace.adapters.chain.modules import ModuleAccount
from marketplace.cli.localmarket import LocalMarket
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.module_uri import ModuleUri, Version
from scripts.toolchain import BUILD
from tests.integration.local import PROVIDER, RENTER, finish, plan_with_one_oracle
from tests.web.pictures import keep_pictures
from tests.web.real import page_of, wallet_of
from tests.web.test_frame import connect

FIRST, SECOND, THIRD = Version(1, 2, 0), Version(1, 10, 0), Version(2, 0, 0)
EVIL = '<img src=x onerror="document.title=1"> use 1.10.0'
SCRIPTED = "javascript:alert(1)"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def wasm() -> bytes:
    return (BUILD / "examples" / "woodcut.wasm").read_bytes()


@pytest.fixture(scope="module")
def market(tmp_path_factory, wasm):
    with LocalMarket(plan_with_one_oracle(), tmp_path_factory.mktemp("market")) as market:
        market.start()
        publisher = ModuleAccount(market.contracts(), market.keys[PROVIDER])
        publisher.publish("woodcut", FIRST, sha256_digest(b"an older one"))
        publisher.publish("woodcut", THIRD, sha256_digest(b"broken"), "0x" + "cd" * 32, SCRIPTED)
        publisher.publish("woodcut", SECOND, sha256_digest(wasm))
        publisher.deprecate(ModuleUri("woodcut", THIRD), EVIL)
        publisher.publish("another-one", FIRST, sha256_digest(b"something"))
        with market.client() as client:
            client.put_blob(wasm)
        yield market


@pytest.fixture
def page(browser, market):
    with page_of(browser, market, "/modules", wallet_of(market, RENTER), may_fail=True) as page:
        yield page


def test_names_are_those_of_the_contract_and_are_found_by_a_part(page):
    names = page.get_by_role("region", name="Modules of the registry")
    expect(names.get_by_role("row")).to_have_count(3)
    expect(names).to_contain_text("1.10.0")
    page.get_by_role("searchbox").fill("wood")
    expect(names.get_by_role("row")).to_have_count(2)
    page.get_by_role("searchbox").fill("nothing like it")
    expect(page.get_by_text("No name has “nothing like it” in it.")).to_be_visible()


def test_versions_come_greatest_first_and_what_a_publisher_says_is_text(page):
    page.get_by_role("link", name="woodcut").click()
    rows = page.get_by_role("region", name="Versions of woodcut").get_by_role("row")
    expect(rows).to_have_text(
        [re.compile("^Version"), re.compile("^2.0.0"), re.compile("^1.10.0"), re.compile("^1.2.0")]
    )
    expect(rows.nth(1)).to_contain_text(f"Deprecated: {EVIL}")
    expect(rows.nth(1)).to_contain_text(SCRIPTED)
    assert page.locator("main img").count() == 0 and page.locator("a[href^=javascript]").count() == 0
    keep_pictures(page, "module")


def test_a_module_is_run_from_the_registry_and_its_price_is_then_in_its_history(page, market, wasm):
    connect(page)
    page.get_by_role("link", name="woodcut").click()
    page.get_by_role("link", name="Try 1.10.0").click()
    program = page.get_by_role("region", name="1. Program")
    expect(program).to_contain_text("chain://woodcut@1.10.0")
    expect(program).to_contain_text(f"woodcut.wasm, {len(wasm):,} bytes")
    page.get_by_role("button", name="Upload and review").click()
    page.get_by_role("button", name="Sign and submit").click()
    expect(page).to_have_url(re.compile("#/jobs/0x[0-9a-f]{64}$"))
    job = finish(market, page.url.rsplit("/", 1)[1])
    assert job["jobSpec"]["program"]["digest"] == sha256_digest(wasm)
    page.get_by_role("link", name="Modules").click()
    page.get_by_role("link", name="woodcut").click()
    expect(page.get_by_role("region", name="Matches of woodcut in past rounds")).to_contain_text("1.10.0")


def test_bytes_that_the_market_lacks_are_chosen_and_held_against_the_digest(page, tmp_path):
    page.get_by_role("link", name="woodcut").click()
    page.get_by_role("link", name="Try 1.2.0").click()
    expect(page.get_by_role("alert")).to_contain_text("The market has no copy of its bytes.")
    other = tmp_path / "other.wasm"
    other.write_bytes(b"\0asm....")
    page.get_by_label("Program (.wasm)").set_input_files(other)
    expect(page.get_by_text("other.wasm has other bytes than this module")).to_be_visible()


def test_what_is_no_module_is_refused(page):
    page.goto(page.url.split("#")[0] + "#/modules/No_Name")
    expect(page.get_by_text("A module’s name has 3 to 32 characters")).to_be_visible()
    page.goto(page.url.split("#")[0] + "#/deploy/woodcut/1.2")
    expect(page.get_by_role("alert")).to_contain_text("That is no module’s name and version.")
    page.goto(page.url.split("#")[0] + "#/modules/nobody-has-this")
    expect(page.get_by_text("Could not load the versions of nobody-has-this.")).to_be_visible()
