"""Pictures that are kept of pages, with what holds of everything that is pictured."""

from tests.web.conftest import SHOTS, WIDTHS
from tests.web.test_frame import AXE


def keep_pictures(page, name: str, part=None) -> None:
    """Of a page, or of a part of it, at both widths; the page fits into them, and axe finds nothing."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    for width, size in WIDTHS.items():
        page.set_viewport_size(size)
        path = SHOTS / f"{name}-{width}.png"
        _ = page.screenshot(path=path, full_page=True) if part is None else part.screenshot(path=path)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
    page.set_viewport_size(WIDTHS["wide"])
