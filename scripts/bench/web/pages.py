"""Measures of the dApp in Debian's Chromium, on pages that a market serves over loopback."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from scripts.toolchain import ROOT

CHROMIUM = "/usr/bin/chromium"
ONLY_HERE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
WEB = ROOT / "marketplace" / "web"
PAGES = WEB / "src" / "app" / "pages.ts"
AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"
WIDTHS = {"wide": {"width": 1440, "height": 900}, "narrow": {"width": 360, "height": 740}}
THEMES = ("light", "dark")
PATIENCE = 60_000
"""Milliseconds until a page that does not come is a failure."""
ANSWERED = """
addEventListener('DOMContentLoaded', () => {
  const look = () => {
    const button = document.querySelector('.wallet button')
    if (!button) return requestAnimationFrame(look)
    button.click()
    const seen = () => {
      if (button.getAttribute('aria-expanded') !== 'true') return setTimeout(seen)
      window.__answered = performance.now()
    }
    setTimeout(seen)
  }
  look()
})
"""
"""Presses the wallet's button as soon as it is there, and notes when the page has answered, ms since navigation."""
WAIT = "async () => { while (!window.__answered) await new Promise((done) => setTimeout(done, 10)); return __answered }"


class MissingTool(Exception):
    """What the bench needs is not on this machine."""


@dataclass(frozen=True, slots=True)
class FirstLoad:
    """Medians of cold loads: bytes of files as they were sent (compressed), milliseconds until a press is answered."""

    sent_bytes: float
    interactive_ms: float


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule of axe that a page breaks, and in how many places."""

    page: str
    rule: str
    places: int


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser that reaches nothing but this machine. Raises MissingTool."""
    from playwright.sync_api import sync_playwright

    missing = [str(path) for path in (Path(CHROMIUM), AXE, WEB / "static" / "index.html") if not path.exists()]
    if missing:
        raise MissingTool(f"Not here: {', '.join(missing)}. `apt install chromium`, then `make web`.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[ONLY_HERE])
        yield browser
        browser.close()


def measure_first_load(browser: Any, url: str, times: int) -> FirstLoad:
    """Each load has a profile of its own, in which nothing is kept. One before them warms the server, uncounted."""
    loads = [_load(browser, url) for _ in range(times + 1)][1:]
    return FirstLoad(median(size for size, _ in loads), median(ms for _, ms in loads))


def _load(browser: Any, url: str) -> tuple[int, float]:
    context = browser.new_context(viewport=WIDTHS["wide"])
    context.set_default_timeout(PATIENCE)
    context.add_init_script(ANSWERED)
    page, files = context.new_page(), []
    page.on("response", lambda response: files.append(response) if "/api/" not in response.url else None)
    page.goto(url, wait_until="load")
    answered = page.evaluate(WAIT)
    sent = sum(one.request.sizes()["responseBodySize"] for one in files)
    context.close()
    return sent, answered


def routes_of(source: str) -> tuple[list[str], list[str]]:
    """Paths of pages in the source of PAGES: those that can be opened as they stand, and those that name something."""
    found = re.findall(r"\bpath: '([^']+)'", source)
    return [path for path in found if ":" not in path], [path for path in found if ":" in path]


def find_violations(browser: Any, url: str, routes: list[str]) -> list[Violation]:
    """What axe finds on every page, in both themes and widths."""
    found = []
    for theme in THEMES:
        for width, viewport in WIDTHS.items():
            context = browser.new_context(viewport=viewport, color_scheme=theme)
            context.set_default_timeout(PATIENCE)
            for route in routes:
                violations = _examine(context, f"{url}/#{route}")
                name = f"{route} {width} {theme}"
                found += [Violation(name, one["id"], len(one["nodes"])) for one in violations]
            context.close()
    return found


def _examine(context: Any, url: str) -> list[dict[str, Any]]:
    page = context.new_page()
    page.goto(url)
    page.get_by_role("heading", level=1).first.wait_for()
    page.wait_for_load_state("networkidle")
    page.evaluate(AXE.read_text())
    violations = page.evaluate("axe.run()")["violations"]
    page.close()
    return violations
