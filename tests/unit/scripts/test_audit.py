"""The audit's own judgements, and that what the documentation quotes is what it found."""

import copy
import json
from collections import Counter

import pytest

from scripts.audit import figures, findings, proofs
from scripts.audit.compiler import AST, Compiler, errors_in
from scripts.audit.coverage import covered
from scripts.audit.mutation import explanations, known_kills, named
from scripts.audit.schema import Mutant, Probe, Schema
from scripts.audit.scope import MONEY
from scripts.toolchain import ROOT

SOURCE = """// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;
contract Purse {
    error Empty();
    uint256 private constant SHARE = 7;
    mapping(address => uint256) private _held;
    function take(uint256 amount) external returns (uint256 rest) {
        uint256 held = _held[msg.sender];
        if (held == 0 || amount > held) revert Empty();
        _held[msg.sender] = held - amount;
        rest = amount > 100 ? amount / SHARE : 0;
    }
}
"""


@pytest.fixture(scope="module")
def compiled():
    with Compiler() as compiler:
        trees = compiler.compile({"Purse.sol": SOURCE}, AST)["sources"]
        schema = Schema({"Purse.sol": SOURCE}, trees, ["Purse.sol"], ["Purse.sol"])
        texts = schema.render(frozenset())
        return schema, texts, errors_in(compiler.compile(texts, AST))


def test_a_source_with_all_its_mutants_and_probes_compiles(compiled):
    assert compiled[2] == []


@pytest.mark.parametrize(
    ("original", "changed"),
    [
        ("held == 0", "held != 0"),
        ("held == 0 || amount > held", "held == 0 && amount > held"),
        ("amount > held", "amount >= held"),
        ("held == 0 || amount > held", "false"),
        ("held - amount", "held + amount"),
        ("_held[msg.sender] = held - amount", ""),
        ("7", "8"),
    ],
)
def test_a_mistake_that_people_make_is_among_the_mutants(compiled, original, changed):
    assert (original, changed) in {(mutant.original, mutant.changed) for mutant in compiled[0].mutants}


def test_a_mutant_of_a_constant_stands_where_it_is_used(compiled):
    number = next(mutant.number for mutant in compiled[0].mutants if mutant.changed == "8")
    assert (
        f"amount / (auditIs({number}) ? /*<{number}*/uint256((8))/*>{number}*/ : uint256(SHARE))"
        in compiled[1]["Purse.sol"]
    )


def test_every_statement_and_both_values_of_every_condition_have_a_probe(compiled):
    probes = compiled[0].probes
    assert [probe.line for probe in probes if probe.goes is None] == [8, 9, 9, 10, 11]
    conditions = {(probe.text, probe.goes) for probe in probes if probe.goes is not None}
    texts = {"held == 0 || amount > held", "held == 0", "amount > held", "amount > 100"}
    assert conditions == {(text, goes) for text in texts for goes in (False, True)}


def test_a_mutants_name_survives_a_change_elsewhere_in_its_file():
    first = Mutant(1, "A.sol", 10, 100, "take", "arithmetic", "a + b", "a - b")
    moved = Mutant(9, "A.sol", 20, 200, "take", "arithmetic", "a + b", "a - b")
    assert list(named([first])) == list(named([moved]))
    assert len(named([first, moved])) == 2


def test_coverage_names_the_line_and_the_way_that_no_test_took():
    probes = [Probe(1, "A.sol", 5, "x = 1", None), Probe(2, "A.sol", 6, "y", False), Probe(3, "A.sol", 6, "y", True)]
    found = covered(probes, {1, 3})
    assert (found["lines"], found["lines_covered"], found["branches"], found["branches_covered"]) == (1, 1, 2, 1)
    assert found["missed"] == ["A.sol:6 `y` is never false"]


# --- slither, halmos --------------------------------------------------------------------------------------------------

FINDING = {
    "check": "timestamp",
    "impact": "Low",
    "elements": [
        {
            "type": "function",
            "name": "withdraw",
            "type_specific_fields": {"parent": {"type": "contract", "name": "ProviderStake"}},
        }
    ],
}


def test_a_finding_that_nobody_explained_is_named_even_beside_one_that_is():
    explained = Counter({("timestamp", "ProviderStake.withdraw"): 1})
    assert findings.judged([FINDING], explained)["unexplained"] == []
    assert findings.judged([FINDING, FINDING], explained)["unexplained"] == ["timestamp ProviderStake.withdraw"]
    assert findings.judged([], explained)["stale"] == ["timestamp ProviderStake.withdraw"]


def test_every_explanation_of_a_finding_says_something():
    entries = json.loads(findings.TRIAGE.read_text())
    assert entries and all(len(entry["why"]) > 40 and entry["places"] for entry in entries)


def test_a_law_that_did_not_run_and_a_call_that_cannot_succeed_fail():
    expected = {"Laws": ["check_a", "check_b", "reach_a"]}
    ran = {
        "tests/symbolic/Laws.t.sol:Laws": [{"name": "check_a()", "exitcode": 0}, {"name": "reach_a()", "exitcode": 0}]
    }
    found = proofs.judged(ran, expected)
    assert (found["laws"], found["proven"], found["reachable"]) == (2, 1, 0)
    assert found["failed"] == ["Laws.check_b", "Laws.reach_a"]


def test_conservation_and_exactly_once_are_laws_of_settle_accept_refund_and_claim():
    names = " ".join(name for functions in proofs.laws().values() for name in functions)
    for call in ("settle", "accept", "refund", "claim"):
        assert f" check_{call}_" in f" {names}"
    assert names.count("_exactly_once") >= 8


# --- what is checked in -----------------------------------------------------------------------------------------------


def test_the_table_in_the_documentation_is_the_last_audits():
    assert figures.table(figures.load()) in figures.PAGE.read_text()


def test_nothing_was_wrong_in_the_last_audit():
    assert [each for part, found in figures.load().items() for each in figures.complaints(part, found["result"])] == []


def test_a_part_that_was_not_measured_is_said_to_be_missing():
    assert figures.table({}).count("not measured yet") == len(figures.PARTS)


def test_fewer_kills_than_promised_are_a_complaint():
    result = {
        "contracts": {"Escrow": {"generated": 20, "valid": 20, "met": 20, "killed": 18}},
        "unexplained": [],
        "stale": [],
    }
    assert figures.complaints("mutation", result) == ["Escrow: fewer than 95% killed"]
    fine = copy.deepcopy(result)
    fine["contracts"]["Escrow"]["killed"] = 19
    assert figures.complaints("mutation", fine) == []


def test_a_sample_is_said_to_be_one_and_what_it_tells_about_all():
    found = {"contracts": {"Escrow": {"generated": 900, "valid": 890, "met": 400, "killed": 396}}}
    row = "of a random sample of 400 396 killed (99.0%), so of all 97.5% at least, with 97.5% confidence"
    assert row in figures.table({"mutation": {"result": found}})


def test_no_mutant_is_both_killed_and_excused():
    assert not known_kills().keys() & explanations().keys()
    assert all(len(why) > 20 for why in explanations().values())


def test_every_contract_that_takes_tokens_in_is_among_those_that_hold_money():
    takers = {
        path.stem
        for path in (ROOT / "contracts").rglob("*.sol")
        if "mocks" not in path.parts and "safeTransferFrom(" in path.read_text()
    }
    files = {file for parts in MONEY.values() for file in parts}
    assert all(any(file.endswith(f"/{name}.sol") for file in files) for name in takers)
