"""A renter disputes a claim from the page of its job, on a real chain whose oracles are silent."""

import time

import pytest
from playwright.sync_api import expect

from marketplace.cli.localmarket import LocalMarket
from marketplace.client.waiting import wait_until
from marketplace.protocol.enums import ClaimState
from tests.integration.local import RENTER, plan_with_one_oracle, submit
from tests.integration.test_claims import MARGIN, RESOURCES, claim_of
from tests.web.real import free, page_of, wallet_of
from tests.web.test_frame import connect

pytestmark = pytest.mark.timeout(280)


@pytest.fixture
def market(tmp_path):
    with LocalMarket(plan_with_one_oracle(), tmp_path / "market") as market:
        market.start()
        for oracle in market.plan.oracles:
            market.process(oracle).kill()
        yield market


def test_a_claim_is_shown_with_its_pay_and_disputed_by_one_transaction(browser, market, tmp_path):
    deadline = int(time.time()) + MARGIN + 30
    job = submit(market, tmp_path, "print('worth a dispute')", resources=RESOURCES, deadline=deadline)
    wait_until(lambda: claim_of(market, job) is not None, timeout=150, what="The claim by the daemon itself")
    claimed, reader = claim_of(market, job), market.reader()
    wallet, before = wallet_of(market, RENTER), free(market, RENTER)
    with page_of(browser, market, f"/jobs/{job}", wallet) as page:
        expect(page.get_by_text("The provider claims")).to_be_visible()
        expect(page.get_by_role("button", name="Dispute the claim")).to_have_count(0)  # nobody is connected
        connect(page)
        wallet.decide = lambda method, params: method == "eth_requestAccounts"
        page.get_by_role("button", name="Dispute the claim").click()
        expect(page.get_by_role("alert")).to_contain_text("You declined this in your wallet.")
        wallet.decide = lambda method, params: True
        page.get_by_role("button", name="Dispute the claim").click()
        expect(page.get_by_text("Done in block")).to_be_visible()
        expect(page.get_by_text("is disputed. Unless oracles decide before")).to_be_visible()
    assert reader.claim(claimed.lease_id).state is ClaimState.DISPUTED
    assert free(market, RENTER) == before - reader.claim(claimed.lease_id).bond
