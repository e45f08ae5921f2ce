"""The documentation says what the code does: names, numbers, commands, settings, links."""

import ast
import importlib
import json
import re
from pathlib import Path

import click
import pytest
import typer.main

from marketplace import devnet, errors
from marketplace.cli.main import app
from marketplace.protocol.audit_log import TreeHead
from marketplace.protocol.audits import AUDIT_MESSAGES
from marketplace.protocol.checkpoint import Checkpoint
from marketplace.protocol.evidence import EvidenceBinding
from marketplace.protocol.livelog import LogChunk
from marketplace.protocol.messages import SIGNED_MESSAGES
from marketplace.protocol.prepaid import NETTED_MESSAGES
from marketplace.protocol.privacy import KeyGrant, KeyOffer
from marketplace.protocol.svid import CertificateRequest
from marketplace.protocol.vouchers import CHANNEL_MESSAGES

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
ALL = "\n".join(page.read_text() for page in PAGES)
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()


MESSAGES = [
    *SIGNED_MESSAGES, *AUDIT_MESSAGES, *CHANNEL_MESSAGES, *NETTED_MESSAGES, EvidenceBinding, Checkpoint, LogChunk,
    KeyGrant, KeyOffer, TreeHead, CertificateRequest,
]  # fmt: skip


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.__name__)
def test_type_string_of_every_signed_message_is_in_the_protocol(message):
    assert f"\n{message.type_string()}\n" in PROTOCOL


def exit_codes() -> dict[int, set[str]]:
    """The table of the architecture: exit code to the error codes that become it."""
    rows = re.findall(r"^\| (\d+) \|[^|]*\|([^|]*)\|$", ARCHITECTURE.split("## Exit codes")[1], re.MULTILINE)
    return {int(code): set(re.findall(r"`(\w+)`", names)) for code, names in rows}


def test_every_error_code_stands_beside_its_exit_code_and_no_other_does():
    assert devnet.PortTaken.code == "port_taken"  # errors of the local chain join the tree when it is imported
    expected: dict[int, set[str]] = {0: set(), 130: set()}
    for code, cls in errors.all_error_classes().items():
        expected.setdefault(cls.exit_code, set()).add(code)
    assert exit_codes() == expected


def commands(group: click.Command, words: tuple[str, ...] = ("hive",)) -> list[str]:
    if not hasattr(group, "commands"):
        return [" ".join(words)]
    return [line for name, each in group.commands.items() for line in commands(each, (*words, name))]


KNOWN = commands(typer.main.get_command(app))


@pytest.mark.parametrize("command", KNOWN)
def test_every_hive_command_is_in_the_documentation(command):
    assert f"`{command}`" in ARCHITECTURE


def test_every_hive_command_that_the_documentation_names_exists():
    named = set(re.findall(r"\bhive ((?:[a-z]+ ?){1,2})", "\n".join(re.findall(r"`+[^`]*`+", ALL))))
    for words in named:
        first = words.split()[0]
        assert any(command.split()[1] == first for command in KNOWN), f"hive {words}"


def test_every_piece_of_python_in_the_tutorials_compiles_and_imports_what_exists():
    for page in (ROOT / "docs" / "tutorials").glob("*.md"):
        for piece in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
            tree = ast.parse(piece, str(page))
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and node.module.startswith("marketplace"):
                    module = importlib.import_module(node.module)
                    assert all(hasattr(module, alias.name) for alias in node.names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page):
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", page.read_text()):
        if target.startswith(("http:", "https:")):
            continue
        found = page.parent / target if target else page
        assert found.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(found), f"{page.name} links to {target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """The fragments of a page's headings, as they are usually made: lower case, hyphens, no punctuation."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def entries(contract: str, kind: str) -> set[str]:
    """Names of a contract's events or errors."""
    path = ROOT / "marketplace" / "adapters" / "chain" / "abi" / f"{contract}.json"
    return {item["name"] for item in json.loads(path.read_text()) if item["type"] == kind}


def test_every_event_that_the_protocol_names_exists():
    line = PROTOCOL.split("Events that a client follows")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", line)) <= entries("Escrow", "event") | entries("ProviderStake", "event")


def test_every_event_of_the_registry_is_in_the_protocol_and_no_other():
    paragraph = PROTOCOL.split("Events of the registry:")[1].split("They are enough")[0]
    assert set(re.findall(r"`(\w+)`", paragraph)) == entries("ModuleRegistry", "event")


def test_every_event_of_the_channels_is_in_the_protocol_and_no_other():
    paragraph = PROTOCOL.split("Events of the channels:")[1].split("They are enough")[0]
    inherited = {"EIP712DomainChanged"}
    assert set(re.findall(r"`(\w+)`", paragraph)) == entries("PaymentChannels", "event") - inherited


def test_every_event_of_prepaid_settlement_is_in_the_protocol_and_no_other():
    paragraph = PROTOCOL.split("Events of prepaid settlement:")[1].split("They are enough")[0]
    inherited = {"EIP712DomainChanged", "OwnershipTransferStarted", "OwnershipTransferred"}
    assert set(re.findall(r"`(\w+)`", paragraph)) == entries("Prepaid", "event") - inherited


CONTRACTS = ["Escrow", "ProviderStake", "OracleCommittee", "Reputation", "ModuleRegistry", "PaymentChannels", "Prepaid"]


@pytest.mark.parametrize("contract", CONTRACTS)
def test_every_custom_error_of_a_contract_is_in_the_protocol(contract):
    section = PROTOCOL.split("## Errors")[1]
    row, libraries = section.split(f"| `{contract}` |")[1].split("\n")[0], section.split("OpenZeppelin: ")[1]
    own = set(re.findall(r"`(\w+)\(", row))
    assert own <= entries(contract, "error")
    assert entries(contract, "error") - own <= set(re.findall(r"`(\w+)`", libraries))


def test_every_test_that_the_invariants_name_exists():
    named = set(re.findall(r"`((?:test|invariant)_\w+)`", (ROOT / "docs" / "invariants.md").read_text()))
    written = "\n".join(path.read_text() for path in (ROOT / "tests" / "contracts").rglob("*.py"))
    assert {name for name in named if f"def {name}(" not in written} == set()


def test_every_decision_is_in_the_index():
    index = (ROOT / "docs" / "decisions" / "README.md").read_text()
    for page in (ROOT / "docs" / "decisions").glob("0*.md"):
        assert page.name in index
