"""How smoothly a list of 10,000 rows scrolls: the time between its frames while it is scrolled at every one of them."""

import json
from statistics import quantiles
from typing import Any

from scripts.bench.web.pages import PATIENCE, WIDTHS

ROWS = 10_000
PIXELS, FRAMES = 400, 240
"""A flick that never ends: so far at each frame, so many frames."""
SCROLL = """
async ([pixels, frames]) => {
  const list = document.querySelector('.table.long')
  const took = []
  await new Promise((done) => {
    let before = 0
    const step = (now) => {
      if (before) took.push(now - before)
      before = now
      list.scrollTop += pixels
      took.length < frames ? requestAnimationFrame(step) : done()
    }
    requestAnimationFrame(step)
  })
  const rows = list.querySelectorAll('tbody tr:not(.gap)').length
  return { took, rows, top: list.scrollTop }
}
"""


def measure_scrolling(browser: Any, url: str) -> float:
    """The 95th percentile of the time between two frames, ms, on the page of all machines. Raises RuntimeError."""
    context = browser.new_context(viewport=WIDTHS["wide"])
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.route("**/api/v1/cluster/nodes", _many)
    page.goto(f"{url}/#/nodes")
    page.get_by_text(f"{ROWS:,} rows").wait_for()
    found = page.evaluate(SCROLL, [PIXELS, FRAMES])
    context.close()
    if not 0 < found["rows"] < ROWS or found["top"] < PIXELS * FRAMES / 2:
        raise RuntimeError(f"The list did not scroll: {found['rows']} rows in the page, at pixel {found['top']:.0f}.")
    return quantiles(found["took"], n=20)[-1]


def _many(route: Any) -> None:
    """The answer of the market with its first machine many times, each under a name of its own."""
    (first, *_) = route.fetch().json()["nodes"]
    nodes = [first | {"id": f"0x{at:040x}", "askHash": f"0x{at:064x}"} for at in range(ROWS)]
    route.fulfill(body=json.dumps({"nodes": nodes}), content_type="application/json")
