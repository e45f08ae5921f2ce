"""A real browser (Debian's Chromium) on pages that a market serves over a real socket. Nothing else is reached."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace.web.pages import FOLDER
from scripts.toolchain import BUILD, free_port
from tests.fakes.databases import close_databases
from tests.fakes.service import serve
from tests.fakes.world import World
from tests.web.wallet import install

CHROMIUM = "/usr/bin/chromium"
SHOTS = BUILD / "web" / "screenshots"
ONLY_HERE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
PATIENCE = 20_000
"""Milliseconds until what a page should show counts as missing."""
WIDTHS = {"wide": {"width": 1440, "height": 900}, "narrow": {"width": 360, "height": 740}}


def pytest_collection_modifyitems(items) -> None:
    missing = "Chromium" if shutil.which(CHROMIUM) is None else None if FOLDER.exists() else "a build of the dApp"
    if missing:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=f"{missing} is not here: apt install chromium, make web"))


@pytest.fixture(scope="session")
def browser() -> Iterator:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[ONLY_HERE])
        yield browser
        browser.close()


@pytest.fixture
def world(tmp_path) -> Iterator[World]:
    yield World(tmp_path)
    close_databases()


class Served:
    """A market's interface on a port of its own, which can go away and come back there."""

    def __init__(self, world: World) -> None:
        self.world, self.port = world, free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._service = serve(self.world, port=self.port)

    def stop(self) -> None:
        self._service.stop()


@pytest.fixture
def served(world) -> Iterator[Served]:
    served = Served(world)
    served.start()
    yield served
    served.stop()


@pytest.fixture
def open_page(browser, served):
    """Opens a page by its route, with these wallets. What it says on the console as an error fails the test."""
    contexts, said = [], []

    def opened(route: str = "/", *wallets, expects_errors: bool = False, **options):
        context = browser.new_context(**({"viewport": WIDTHS["wide"], "locale": "en-GB"} | options))
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        install(context, list(wallets))
        page = context.new_page()
        if not expects_errors:
            page.on(
                "console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None
            )
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{served.url}/#{route}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []
