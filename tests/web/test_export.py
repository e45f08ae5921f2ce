"""What one has at a market leaves it as files, made in the browser, that harm no spreadsheet."""

import csv
import json

import pytest

from tests.fakes.world import DOMAIN, RENTER
from tests.web.test_frame import connect
from tests.web.wallet import Wallet


@pytest.fixture
def page(world, open_page):
    world.submit()
    page = open_page("/settings", Wallet(RENTER, DOMAIN.chain_id))
    connect(page)
    return page


def saved(page, name: str):
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    return download.value


def test_ones_jobs_are_saved_whole_as_json_and_as_a_table(world, page):
    as_json = saved(page, "Your jobs as JSON")
    (job,) = json.loads(as_json.path().read_text())
    assert as_json.suggested_filename == "jobs.json" and job["bid"]["renter"] == RENTER.address
    as_csv = saved(page, "Your jobs as CSV")
    with as_csv.path().open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert as_csv.suggested_filename == "jobs.csv" and row["jobId"] == job["jobId"]
    page.get_by_text("1 row of jobs saved.").wait_for()


def test_nobody_is_offered_an_export_who_is_not_connected(open_page):
    page = open_page("/settings")
    page.get_by_text("Connect a wallet, or watch an account, to export its jobs and leases.").wait_for()
