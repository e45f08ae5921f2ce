"""The pages of jobs: what happened, what it printed, what came out, what it cost, and whether all of that is so."""

import re

import pytest
from playwright.sync_api import expect

from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import Verification
from marketplace.protocol.manifest import Manifest, ManifestEntry
from marketplace.services.clear_round import run_round
from marketplace.services.record_evidence import record_attestation
from marketplace.services.show_job import show_job
from tests.fakes.world import AGENT, DOMAIN, PROVIDER, RENTER, USDC, key
from tests.web.conftest import SHOTS, WIDTHS
from tests.web.pictures import keep_pictures
from tests.web.test_frame import AXE, connect
from tests.web.wallet import Wallet

OTHER, OTHER_AGENT = key(51), key(52)
EVIL = b"<h1>Report</h1><script>top.document.title = 'taken'</script><img src=x onerror=\"top.document.title='taken'\">"
OUTPUTS = {
    "out/report.html": EVIL,
    "out/table.csv": b"a,b\n1,2\n",
    "log/stdout": b"hello <b>there</b>\n",
    "log/stderr": b"",
}


def settle(world, outputs=OUTPUTS) -> str:
    """A job from its bid to its settlement, with these files; its id."""
    lease = world.open_lease()
    with world.market.store.read() as tx:
        job = tx.leases.get(lease).bid_hash
    attest(world, lease, AGENT, outputs)
    world.judge(lease)
    world.sign_batches()
    world.drain()
    return job


def attest(world, lease: str, agent, outputs=OUTPUTS) -> None:
    for data in outputs.values():
        world.market.blobs.put(sha256_digest(data), data)
    manifest = Manifest.build([ManifestEntry.of(path, data) for path, data in outputs.items()])
    attestation = world.attestation(lease, manifest)
    record_attestation(world.market, lease, attestation, attestation.sign(DOMAIN, agent.key), manifest)


def settle_replicas(world) -> str:
    """A job that two machines ran, of two providers; its id."""
    agents = {PROVIDER.address: AGENT, OTHER.address: OTHER_AGENT}
    world.chain.state.active[OTHER.address] = 100 * USDC
    world.offer()
    world.offer(world.ask(provider=OTHER.address, agent=OTHER_AGENT.address), signer=OTHER)
    job = world.submit(world.bid(replicas=2, verification=int(Verification.REPLICATE)))
    run_round(world.market)
    world.drain()
    with world.market.store.read() as tx:
        leases = tx.leases.of_bid(job)
    for lease in leases:
        attest(world, lease.lease_id, agents[lease.provider])
    for lease in leases:
        world.judge(lease.lease_id)
    world.sign_batches()
    world.drain()
    return job


def test_a_settled_job_is_shown_and_verified_in_the_browser(open_page, world):
    page = open_page(f"/jobs/{settle(world)}")
    expect(page.get_by_role("heading", name="hello")).to_be_visible()
    expect(page.get_by_text("Lease closed on chain")).to_be_visible()
    expect(page.get_by_role("region", name="Standard output")).to_have_text("hello <b>there</b>\n")
    expect(page.get_by_role("region", name="Bill, line by line")).to_contain_text("Back to you")
    expect(page.get_by_text("Matched: 1 of 1 wanted")).to_be_visible()
    page.get_by_role("button", name="Verify it yourself").click()
    expect(page.get_by_text("20 hold, 0 do not, 2 could not be checked.")).to_be_visible()
    expect(page.get_by_text("the market names no node of the chain").first).to_be_visible()


def test_each_replica_has_its_bill_and_evidence_and_is_verified_by_itself(open_page, world):
    page = open_page(f"/jobs/{settle_replicas(world)}")
    expect(page.get_by_text("for each of 2 replicas")).to_be_visible()
    expect(page.get_by_text("Matched: 2 of 2 wanted")).to_be_visible()
    for replica in ("Replica 1", "Replica 2"):
        expect(page.get_by_role("region", name=f"{replica}: standard output")).to_have_text("hello <b>there</b>\n")
        expect(page.get_by_role("region", name=f"{replica}: bill, line by line")).to_contain_text("Back to you")
        expect(page.get_by_role("region", name="Evidence").get_by_role("heading", name=replica)).to_be_visible()
    buttons = page.get_by_role("button", name="Verify it yourself")
    for place in range(2):
        buttons.nth(place).click()
        expect(page.get_by_text("0 do not, 2 could not be checked.")).to_have_count(place + 1)
    keep_pictures(page, "job-replicas")


def test_a_hostile_page_among_the_outputs_is_drawn_without_its_scripts(open_page, world):
    page = open_page(f"/jobs/{settle(world)}", expects_errors=True)
    page.get_by_role("button", name="Look at report.html").click()
    expect(page.frame_locator("iframe").get_by_role("heading", name="Report")).to_be_visible()
    assert page.get_attribute("iframe", "sandbox") == ""
    page.get_by_role("button", name="Look at table.csv").click()
    expect(page.get_by_role("region", name="Text of table.csv")).to_have_text("a,b\n1,2\n")
    assert page.title() == "Job · ComputeHive"


def test_a_file_that_is_not_what_was_attested_is_not_shown_and_does_not_verify(open_page, world):
    page = open_page(f"/jobs/{settle(world)}")
    page.route(f"**/blobs/{sha256_digest(OUTPUTS['out/table.csv'])}", lambda route: route.fulfill(body="a,b\n9,9\n"))
    page.get_by_role("button", name="Look at table.csv").click()
    expect(page.get_by_text("what the market sent is not what was attested")).to_be_visible()
    page.get_by_role("button", name="Verify it yourself").click()
    expect(page.get_by_text("out/table.csv is another")).to_be_visible()


def test_a_job_in_the_book_is_cancelled_by_a_signature_of_its_renter(open_page, world):
    wallet, job = Wallet(RENTER, DOMAIN.chain_id), world.submit()
    page = open_page(f"/jobs/{job}", wallet)
    connect(page)
    page.get_by_role("button", name="Cancel the job").click()
    page.get_by_role("button", name="Sign to cancel").click()
    expect(page.get_by_text("cancelled", exact=True).first).to_be_visible()
    assert [method for method, _ in wallet.asked].count("eth_signTypedData_v4") == 1


def test_a_lease_past_its_deadline_is_refunded_at_its_renters_word(open_page, world):
    lease = world.open_lease()
    with world.market.store.read() as tx:
        job = tx.leases.get(lease).bid_hash
    world.chain.mine(seconds=4_000)
    page = open_page(f"/jobs/{job}")
    page.clock.set_fixed_time(world.chain.time)
    expect(page.get_by_text("The deadline is over: what was locked goes back.")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Ask for the refund").click()
    expect(page.get_by_text("The refund is on its way.")).to_be_visible()
    world.drain()
    expect(page.get_by_role("heading", name="hello")).to_be_visible()
    assert show_job(world.market, job)["state"] == "refunded"


def test_the_list_leads_to_a_job_and_what_happens_to_it_appears_by_itself(open_page, world):
    world.offer()
    world.submit()
    page = open_page("/jobs", Wallet(RENTER, DOMAIN.chain_id))
    connect(page)
    page.get_by_role("link", name="hello").click()
    expect(page.get_by_text("Signed and in the book")).to_be_visible()
    run_round(world.market)
    world.drain()
    expect(page.get_by_text("Lease opened on chain")).to_be_visible()


def test_what_is_no_job_is_said(open_page):
    page = open_page("/jobs/0x12")
    expect(page.get_by_role("alert")).to_have_text("A job's id is 0x and 64 small hex digits.")


@pytest.mark.parametrize(("width", "theme"), [("wide", "light"), ("narrow", "dark")])
def test_a_job_is_accessible_fits_and_is_kept_as_a_picture(open_page, world, width, theme):
    page = open_page(f"/jobs/{settle(world)}", viewport=WIDTHS[width], color_scheme=theme)
    page.get_by_role("button", name="Verify it yourself").click()
    expect(page.get_by_text("could not be checked.")).to_be_visible()
    expect(page.get_by_role("status", name=re.compile("^Loading"))).to_have_count(0)
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"job-{width}-{theme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")
    assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
