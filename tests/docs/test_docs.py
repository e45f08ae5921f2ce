"""The documentation says what the code does: names, numbers, commands, settings, links."""

import json
import re
from pathlib import Path

import click
import pytest
import typer.main

from agent.settings import OracleSettings, ProviderSettings
from marketplace import errors
from marketplace.cli.main import app
from marketplace.protocol.messages import SIGNED_MESSAGES
from marketplace.settings import MarketSettings

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
ALL = "\n".join(page.read_text() for page in PAGES)
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()


@pytest.mark.parametrize("message", SIGNED_MESSAGES, ids=lambda message: message.__name__)
def test_type_string_of_every_signed_message_is_in_the_protocol(message):
    assert f"\n{message.type_string()}\n" in PROTOCOL


def test_every_exit_code_is_in_the_architecture_and_no_other():
    codes = {cls.exit_code for cls in errors.all_error_classes().values()} | {0, 130}
    table = ARCHITECTURE.split("## Exit codes")[1]
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == codes


@pytest.mark.parametrize("settings", [MarketSettings, ProviderSettings, OracleSettings], ids=lambda kind: kind.__name__)
def test_every_setting_is_in_the_architecture(settings):
    prefix = settings.model_config["env_prefix"]
    missing = [
        name
        for name in settings.model_fields
        if f"{prefix}{name.upper()}" not in ARCHITECTURE and f"…_{name.upper()}" not in ARCHITECTURE
    ]
    assert missing == []


def commands(group: click.Command, words: tuple[str, ...] = ("hive",)) -> list[str]:
    if not hasattr(group, "commands"):
        return [" ".join(words)]
    return [line for name, each in group.commands.items() for line in commands(each, (*words, name))]


def test_every_hive_command_that_the_documentation_names_exists():
    known = commands(typer.main.get_command(app))
    named = set(re.findall(r"\bhive ((?:[a-z]+ ?){1,2})", "\n".join(re.findall(r"`+[^`]*`+", ALL))))
    for words in named:
        first = words.split()[0]
        assert any(command.split()[1] == first for command in known), f"hive {words}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith(("http:", "https:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_event_that_the_protocol_names_exists():
    folder = ROOT / "marketplace" / "adapters" / "chain" / "abi"
    abis = [json.loads((folder / f"{name}.json").read_text()) for name in ("Escrow", "ProviderStake")]
    events = {item["name"] for abi in abis for item in abi if item["type"] == "event"}
    line = PROTOCOL.split("Events that a client follows")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", line)) - {"LeaseOpened"} <= events


def test_every_test_that_the_invariants_name_exists():
    named = set(re.findall(r"`((?:test|invariant)_\w+)`", (ROOT / "docs" / "invariants.md").read_text()))
    written = "\n".join(path.read_text() for path in (ROOT / "tests" / "contracts").rglob("*.py"))
    assert {name for name in named if f"def {name}(" not in written} == set()


def test_every_decision_is_in_the_index():
    index = (ROOT / "docs" / "decisions" / "README.md").read_text()
    for page in (ROOT / "docs" / "decisions").glob("0*.md"):
        assert page.name in index
