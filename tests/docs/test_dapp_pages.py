"""The pages for dApp authors say what the contracts are: selectors of errors, events, listings."""

import re
from pathlib import Path

import pytest
from eth_utils import keccak

from marketplace.adapters.chain.contracts import load_abi
from scripts.toolchain import ROOT

HOW_TO = (ROOT / "docs" / "how-to" / "without-us.md").read_text()
TUTORIAL = (ROOT / "docs" / "tutorials" / "dapp-author.md").read_text()
EVENTS = (ROOT / "docs" / "reference" / "events.md").read_text()
EXAMPLES = sorted((ROOT / "examples" / "dapp").iterdir())
CONTRACTS = ("Escrow", "ProviderStake", "OracleCommittee", "PaymentChannels", "Prepaid", "ModuleRegistry", "Timelock")


def test_every_error_in_the_table_of_refusals_is_a_contracts_own_with_its_first_four_bytes():
    known = {}
    for contract in ("Escrow", "ProviderStake", "OracleCommittee", "PaymentChannels"):
        for item in load_abi(contract):
            if item["type"] == "error":
                signature = f"{item['name']}({','.join(given['type'] for given in item['inputs'])})"
                known[signature] = "0x" + keccak(text=signature)[:4].hex()
    rows = re.findall(r"^\| `(0x[0-9a-f]{8})` \| `([^`]+)` \|", HOW_TO, re.MULTILINE)
    assert len(rows) > 20
    assert {signature: given for given, signature in rows}.items() <= known.items()


@pytest.mark.parametrize("contract", CONTRACTS)
def test_every_event_of_a_contract_is_in_the_reference_and_no_other(contract):
    section = EVENTS.split(f"\n## {contract}\n")[1].split("\n## ")[0]
    events = {item["name"] for item in load_abi(contract) if item["type"] == "event"}
    assert set(re.findall(r"^\| `(\w+)` \| .+ \|$", section, re.MULTILINE)) == events


def test_there_is_an_example_for_viem_and_one_for_web3():
    assert [path.name for path in EXAMPLES if path.is_file()] == ["renter.mjs", "renter.py"]


@pytest.mark.parametrize("example", [path for path in EXAMPLES if path.is_file()], ids=lambda path: path.name)
def test_the_tutorial_lists_the_example_as_it_is(example: Path):
    assert f"\n{example.read_text()}```\n" in TUTORIAL
