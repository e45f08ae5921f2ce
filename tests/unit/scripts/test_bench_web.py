"""The bench of the dApp: which pages it examines, and how figures stand beside their budgets."""

import pytest

from scripts.bench.web.__main__ import BUDGETS, main, table
from scripts.bench.web.pages import PAGES, routes_of


def test_every_page_that_can_be_opened_as_it_stands_is_examined():
    source = "{ path: '/', title: 'x' },\n{ path: '/jobs/:id', title: 'y' },\n{ path: '/rounds', Page: Rounds },"
    assert routes_of(source) == (["/", "/rounds"], ["/jobs/:id"])


def test_the_dapps_own_pages_are_found():
    opened, _ = routes_of(PAGES.read_text())
    assert {"/", "/rounds", "/settings"} <= set(opened)


def test_each_figure_stands_beside_its_budget():
    lines = table(
        {"first_load_gzip_kb": 100.0, "interactive_ms": 2000.0, "axe_violations": 1.0, "scroll_frame_p95_ms": 16.7}
    )
    assert [line.split()[0] for line in lines[1:]] == list(BUDGETS)
    assert [line.split()[-1] for line in lines[1:]] == ["0.50", "2.00", "over", "0.50"]


def test_no_loads_are_refused(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--loads", "0"])
    assert caught.value.code == 2 and "say 1 or more" in capsys.readouterr().err
