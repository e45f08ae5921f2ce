"""docs/how-to/deploy.md names the networks, addresses and commands that there are."""

import re
from pathlib import Path

import pytest

from scripts.networks import known_networks, load_profile

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "deploy.md").read_text()
ROWS = dict(re.findall(r"^\| `([\w-]+)`[^|]*\| (\d+ \| `0x\w{40}`) \|$", PAGE, re.MULTILINE))


def test_every_profile_is_on_the_page_and_no_other():
    assert sorted(ROWS) == known_networks()


@pytest.mark.parametrize("network", known_networks())
def test_chain_and_token_are_the_profiles(network):
    profile = load_profile(network)
    assert ROWS[network] == f"{profile.chain_id} | `{profile.token.address}`"
    assert profile.token.source in PAGE


@pytest.mark.parametrize("module", ["dry_run", "send_deployment"])
def test_every_option_that_the_page_uses_exists(module):
    used = set(re.findall(r"--[a-z-]+", PAGE.split(f"scripts.{module} ")[1].split("```")[0]))
    known = set(re.findall(r"\"(--[a-z-]+)\"", (ROOT / "scripts" / f"{module}.py").read_text()))
    assert used <= known
