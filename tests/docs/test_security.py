"""docs/security.md: every claim names the tests that prove it, and they exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECURITY = (ROOT / "docs" / "security.md").read_text()
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
PARTIES = {"market (operator)", "provider", "k of n oracles", "renter", "governance"}
"""Those of the design's table of trust; the page has more."""


@cache
def functions(path: str) -> set[str]:
    """Names of the functions and methods that a file below tests/ defines."""
    tree = ast.parse((ROOT / "tests" / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    section = SECURITY.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


TRUST, BAD_INPUT = rows("Who can do what, and what proves it"), rows("Bad input")


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.name)
def test_every_test_that_a_page_names_by_its_file_exists(page):
    for path, name in NAMED.findall(page.read_text()):
        assert (ROOT / "tests" / path).is_file(), path
        assert name in functions(path), f"{path}::{name}"


@pytest.mark.parametrize("row", TRUST + BAD_INPUT, ids=lambda row: " ".join(row[:-1])[:60])
def test_every_row_names_what_proves_it(row):
    assert NAMED.findall(row[-1]), row


def test_every_party_of_the_design_has_what_it_can_and_what_it_cannot():
    party, told = "", {}
    for first, kind, *_ in TRUST:
        party = first or party
        told.setdefault(party, set()).add(kind)
    assert {party for party, kinds in told.items() if kinds == {"can", "cannot"}} >= PARTIES


def test_a_test_that_proves_something_is_collected_or_checked_by_a_machine():
    """A helper proves nothing: names begin with test_, or with invariant_ where random sequences check them."""
    assert all(name.startswith(("test_", "invariant_")) for _, name in NAMED.findall(SECURITY))


def test_reports_go_where_the_policy_says_and_nowhere_else():
    policy = (ROOT / "SECURITY.md").read_text()
    assert "Report a vulnerability" in policy
    assert not re.search(r"[\w.]+@[\w.]+", policy)
