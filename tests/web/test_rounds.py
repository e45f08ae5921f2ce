"""Rounds and the dashboard of a market with a history: pictures, tables, and a round that the browser checks itself."""

import itertools
import json
import re
import time
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from marketplace.clearing import Parameters, clear_round, write_transcript
from marketplace.domain.book import BookSnapshot, PlacedBid
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.profile import Cpu, Gpu, NodeProfile
from marketplace.services.clear_round import run_round
from marketplace.services.place_order import place_ask, place_bid
from tests.fakes.world import DOMAIN, OPERATOR, RENTER, RUNTIME, USDC, World, key
from tests.unit.clearing.market import random_market
from tests.web.conftest import SHOTS, WIDTHS
from tests.web.test_frame import AXE, connect
from tests.web.wallet import Wallet

HOSTILE = "<img src=x onerror=alert(1)>"
MANY = 10_000


def machine(world: World, number: int, gpus: tuple[str, ...] = (), **rates) -> None:
    """A machine of a provider of its own, on offer."""
    provider, agent = key(100 + number), key(200 + number)
    world.chain.state.active[provider.address] = 100 * USDC
    profile = NodeProfile(
        region=f"eu-{number}",
        cpu=Cpu(architecture="x86_64", cores=8),
        memory_mb=32_000,
        disk_mb=1000,
        runtimes={"python": RUNTIME},
        gpus=tuple(Gpu(model=model, memory_mb=24_000) for model in gpus),
    )
    ask = world.ask(
        provider=provider.address, agent=agent.address, profile_digest=profile.digest(), **({"units": 1} | rates)
    )
    place_ask(world.market, ask, ask.sign(DOMAIN, provider.key), profile)


def job(world: World, name: str, **changes) -> str:
    spec = JobSpec.parse(world.job_spec().to_json() | {"name": name})
    bid = world.bid(
        job_digest=spec.digest(), **({"duration_seconds": 3_600, "deadline": world.chain.time + 9_000} | changes)
    )
    return place_bid(world.market, bid, bid.sign(DOMAIN, RENTER.key), spec).order_hash


@pytest.fixture
def history(world) -> World:
    """Three rounds of CPUs and GPUs; in the last a bid is left out, and its node has a rent."""
    for number, rate in enumerate((90_000, 120_000, 150_000, 210_000)):
        machine(world, number, vcpu_hour_rate=rate, units=2)
    for number, model in ((10, "NVIDIA L4"), (11, "NVIDIA H100"), (12, "NVIDIA L4")):
        machine(world, number, (model,), gpu_hour_rate=400_000 * (1 + 4 * ("H100" in model)), vcpu_hour_rate=300_000)
    wanted = [
        [("train", {"gpus": 1, "max_price": 2 * USDC}), ("sort", {"vcpus": 2})],
        [("render", {"gpus": 1, "max_price": 3 * USDC}), ("crawl", {"vcpus": 1}), ("index", {"vcpus": 3})],
        [
            (HOSTILE, {"gpus": 1, "max_price": 4 * USDC}),
            ("too late", {"gpus": 1, "max_price": 3 * USDC}),
            ("embed", {"vcpus": 2, "max_price": USDC // 2}),
        ],
    ]
    for jobs in wanted:
        for name, changes in jobs:
            job(world, name, **changes)
        assert run_round(world.market) is not None
        world.drain()
    return world


def settled(page) -> None:
    expect(page.get_by_role("status", name=re.compile("^Loading"))).to_have_count(0)


def test_a_round_is_found_read_and_checked_in_the_browser(open_page, history):
    page = open_page("/rounds")
    expect(page.get_by_text("These are all.")).to_be_visible()
    page.get_by_role("link", name="3", exact=True).click()
    leases = page.get_by_role("region", name="Leases of this round")
    expect(leases.get_by_role("cell", name=HOSTILE)).to_be_visible()  # as text: nothing of it ran
    bids = page.get_by_role("region", name="Bids of this round")
    expect(bids.get_by_role("row").filter(has_text="too late")).to_contain_text("left out")
    page.get_by_label("left out").check()
    expect(bids.get_by_role("row")).to_have_count(2)
    bids.get_by_role("button", name="Why?").click()
    why = page.get_by_role("group", name="Why: too late")
    expect(why).to_be_focused()
    expect(why).to_contain_text("Not matched")
    page.get_by_role("button", name="Check this round").click()
    expect(page.get_by_text("Everything that was checked holds.")).to_be_visible()
    assert page.locator(".findings .holds").count() == 10
    expect(page.get_by_text("hive verify round 3")).to_be_visible()


def test_a_round_that_its_market_bent_is_told_from_one_that_holds(open_page, history):
    page = open_page("/settings")

    def bend(route) -> None:
        document = (answer := route.fetch()).json()
        document["matches"][0]["price"] = str(int(document["matches"][0]["price"]) + 1)
        route.fulfill(response=answer, json=document)

    page.route("**/rounds/3/transcript", bend)
    page.evaluate("location.hash = '/rounds/3'")
    page.get_by_role("button", name="Check this round").click()
    expect(page.get_by_text("2 things do not hold. Keep the transcript: it is evidence.")).to_be_visible()
    failed = page.locator(".findings .fails")
    expect(failed.nth(0)).to_contain_text("It hashes to")
    expect(failed.nth(1)).to_contain_text("is not quote and rent")


def test_ten_thousand_bids_scroll_are_counted_and_leave_the_page_light(open_page, history):
    page = open_page("/settings")

    def swell(route) -> None:
        document = (answer := route.fetch()).json()
        first = document["bids"][0]
        first["jobSpec"] = {"name": "one of many"}
        more = [first | {"bid": first["bid"] | {"salt": 1_000 + n, "maxPrice": str(n)}} for n in range(MANY)]
        route.fulfill(response=answer, body=json.dumps(document | {"bids": document["bids"] + more}))

    page.route("**/rounds/3/transcript", swell)
    page.evaluate("location.hash = '/rounds/3'")
    bids = page.get_by_role("region", name="Bids of this round")
    table = bids.get_by_role("table")
    expect(table).to_have_attribute("aria-rowcount", str(MANY + 3 + 1))
    assert bids.get_by_role("row").count() < 60
    began = time.monotonic()
    bids.evaluate(
        "async (frame) => { for (let at = 0; at <= 20; at++) { frame.scrollTop = frame.scrollHeight * at / 20;"
        " await new Promise(requestAnimationFrame) } }"
    )
    expect(bids.locator(f'[aria-rowindex="{MANY + 4}"]')).to_be_visible()
    assert time.monotonic() - began < 5
    bids.focus()
    page.keyboard.press("Home")
    expect(bids.locator('[aria-rowindex="2"]')).to_be_visible()


def test_the_dashboard_draws_the_past_shows_ones_leases_and_hears_of_a_new_round(open_page, history):
    wallet = Wallet(RENTER, DOMAIN.chain_id)
    page = open_page("/", wallet)
    for kind in ("vCPU", "GPU"):
        expect(page.get_by_role("img", name=f"What a {kind} cost for an hour")).to_be_visible()
    expect(page.get_by_role("img", name="Supply and demand of GPUs")).to_be_visible()
    connect(page)
    expect(page.get_by_role("region", name="Leases of your jobs").get_by_role("row")).to_have_count(1 + 7)
    job(history, "news", vcpus=1)
    assert run_round(history.market) is not None
    expect(page.get_by_role("region", name="Rounds, newest first").get_by_role("link", name="4")).to_be_visible()


@pytest.mark.parametrize("route", ["/", "/rounds/3"])
def test_pages_of_a_market_with_a_history_are_accessible_fit_and_are_kept_as_pictures(open_page, history, route):
    page = open_page(route, Wallet(RENTER, DOMAIN.chain_id))
    connect(page)
    expect(page.get_by_role("img", name="Supply and demand of GPUs")).to_be_visible()
    if route == "/":
        expect(page.get_by_role("img", name="What a GPU cost for an hour")).to_be_visible()
    else:
        page.get_by_role("button", name="Check this round").click()
        expect(page.get_by_text("Everything that was checked holds.")).to_be_visible()
    for more in page.get_by_text("As a table").all():
        more.click()
    settled(page)
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.evaluate(AXE.read_text())
    for theme, width in itertools.product(("light", "dark"), WIDTHS):
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size(WIDTHS[width])
        name = route.strip("/").replace("/", "-") or "dashboard"
        page.screenshot(path=SHOTS / f"history-{name}-{width}-{theme}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        if (theme, width) not in (("light", "wide"), ("dark", "narrow")):
            continue
        found = page.evaluate("axe.run()")
        assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []


def signed(market: BookSnapshot) -> BookSnapshot:
    """The same market of people with keys."""
    operator = OPERATOR.address
    bids, asks = [], []
    for n, one in enumerate(market.bids):
        owner = key(1_000 + n)
        bid = one.bid.model_copy(update={"renter": owner.address, "market": operator})
        bids.append(PlacedBid.of(bid, bid.sign(DOMAIN, owner.key), one.job_spec))
    for n, one in enumerate(market.asks):
        owner = key(2_000 + n)
        ask = one.ask.model_copy(update={"provider": owner.address, "agent": owner.address, "market": operator})
        changes = {"ask": ask, "ask_hash": ask.struct_hash(), "signature": ask.sign(DOMAIN, owner.key)}
        asks.append(replace(one, **changes))
    return BookSnapshot.of(market.now, bids, asks)


@pytest.mark.parametrize(("seed", "replicas"), [(1, False), (2, True), (5, True)])
def test_what_the_market_clears_the_browser_finds_right(open_page, served, seed, replicas):
    """Gangs, replicas, preferences, standing costs, shadow prices: Python's arithmetic and the page's agree."""
    result = clear_round(signed(random_market(seed, 40, 12, replicas=replicas)))
    written = write_transcript(result, Parameters(), DOMAIN, OPERATOR.address, 7)
    certificate = written.document["certificate"]
    counts = {"bids": 40, "asks": 12, "matched": len(result.matches)}
    shown = {"number": 7, "digest": written.digest, "clearedAt": 1, "matches": [], "rents": {}} | counts | certificate
    page = open_page("/settings")
    page.route("**/api/v1/rounds/7", lambda route: route.fulfill(json=shown))
    page.route("**/api/v1/rounds/7/transcript", lambda route: route.fulfill(json=written.document))
    page.evaluate("location.hash = '/rounds/7'")
    page.get_by_role("button", name="Check this round").click()
    expect(page.locator(".findings li")).to_have_count(10)
    assert page.locator(".findings .fails").all_inner_texts() == []
    assert page.locator(".findings .holds").count() >= 8  # what preferences weigh is not recomputed there
    assert result.matches
