"""The dApp's files as a market serves them: what may run there, what is kept, and what is said where there are none."""

import pytest

from marketplace.api.app import build_app
from marketplace.web import pages
from tests.fakes.http import client_of
from tests.fakes.world import World


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A build with one page and one asset."""
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "icon.svg").write_text("<svg/>")
    (folder / "assets" / "index-1a2b.js").write_text("1;" * 1000)
    monkeypatch.setattr(pages, "FOLDER", folder)
    return folder


@pytest.fixture
def api(tmp_path, folder):
    with client_of(build_app(World(tmp_path / "world").market, with_workers=False)) as client:
        yield client


def test_a_page_runs_its_own_scripts_alone_and_nothing_frames_it(api):
    page = api.get("/")
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-cache")
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'none'", "'self'", "'self'")
    assert (policy["frame-ancestors"], policy["base-uri"], policy["form-action"]) == ("'none'",) * 3
    assert "unsafe" not in page.headers["content-security-policy"]


def test_a_page_that_is_kept_keeps_its_policy(api):
    page = api.get("/")
    again = api.get("/", headers={"If-None-Match": page.headers["etag"]})
    assert again.status_code == 304
    assert again.headers["content-security-policy"] == page.headers["content-security-policy"]


def test_what_a_page_loads_is_kept_for_ever(api):
    asset = api.get("/assets/index-1a2b.js", headers={"Accept-Encoding": "identity"})
    assert "immutable" in asset.headers["cache-control"] and asset.text.startswith("1;")
    assert api.get("/icon.svg").headers["content-type"] == "image/svg+xml"


@pytest.mark.parametrize("path", ["/assets/../index.html", "/assets/%2e%2e/index.html", "/assets/none.js", "/assets/"])
def test_nothing_else_is_a_file(api, path):
    answer = api.get(path)
    assert answer.status_code == 404 and "<!doctype" not in answer.text


def test_what_is_no_page_is_refused_as_the_interface_refuses(api):
    for answer in (api.get("/none"), api.get("/api/v1/none"), api.post("/api/v1/none")):
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_a_checkout_without_a_build_says_how_to_have_one(api, folder):
    (folder / "index.html").unlink()
    answer = api.get("/")
    assert answer.status_code == 404 and "make web" in answer.text
