"""What is published about the contracts is what they are: committed ABIs, code size, errors, invariants."""

import json
import re

import pytest

from scripts.export_abi import ABI_FOLDER, CONTRACTS, render_abi
from scripts.toolchain import BUILD, ROOT

LARGEST_CODE = 24_576
"""EIP-170: bytes of runtime code that a chain accepts."""
TESTS = ROOT / "tests" / "contracts"


def all_tests():
    """The text of all contract tests."""
    return "\n".join(path.read_text() for path in sorted(TESTS.rglob("*.py")))


@pytest.mark.parametrize("name", CONTRACTS)
def test_the_committed_abi_is_the_compiled_one(name):
    committed = (ABI_FOLDER / f"{name}.json").read_text()
    assert committed == render_abi(CONTRACTS[name]), "run `python -m scripts.export_abi` and commit the result"


@pytest.mark.parametrize("contract", CONTRACTS.values())
def test_every_contract_fits_on_a_chain(contract):
    artifact = json.loads((BUILD / "contracts" / f"{contract}.json").read_text())
    assert len(artifact["deployedBytecode"]) // 2 <= LARGEST_CODE


def test_every_custom_error_of_ours_is_provoked_by_a_test():
    sources = [path.read_text() for path in sorted((ROOT / "contracts").rglob("*.sol"))]
    declared = {name for source in sources for name in re.findall(r"^\s*error (\w+)\(", source, re.MULTILINE)}
    provoked = set(re.findall(r'(?:reverts_with|expect)\(\s*"(\w+)"', all_tests()))
    assert len(declared) > 40
    assert declared - provoked == set()


def test_every_custom_error_has_a_name_of_its_own():
    sources = [path.read_text() for path in sorted((ROOT / "contracts").rglob("*.sol"))]
    names = [name for source in sources for name in re.findall(r"^\s*error (\w+)\(", source, re.MULTILINE)]
    assert sorted(names) == sorted(set(names))


def test_every_public_function_of_ours_has_a_manual_entry():
    folder = ROOT / "contracts"
    for path in sorted(
        [*folder.glob("*.sol"), *(folder / "base").glob("*.sol"), *(folder / "interfaces").glob("*.sol")]
    ):
        source = path.read_text()
        for found in re.finditer(r"^    function \w+\([^{;]*[{;]", source, re.MULTILINE):
            if not re.search(r"\b(external|public)\b", found[0]):
                continue
            before = source[: found.start()].rstrip().splitlines()[-1].strip()
            assert before.startswith("///"), f"{path.name}: {found[0].splitlines()[0].strip()} has no NatSpec"


def test_every_invariant_names_tests_that_exist():
    page = (ROOT / "docs" / "invariants.md").read_text()
    named = re.findall(r"`((?:test|invariant|rule)_\w+)`", page)
    assert len(named) >= 7
    defined = set(re.findall(r"def (\w+)\(", all_tests()))
    assert set(named) - defined == set()
