"""docs/explanation/verification.md: each figure follows from the formulas, and the parameters are the contracts'."""

import json
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from marketplace.devnet import Deployment
from marketplace.domain.oracle_record import ORACLE_SHARE_BPS
from marketplace.protocol.audits import ALL_PPM, LEAST_RATE_PPM
from marketplace.protocol.canaries import CanaryOpening
from scripts.simulate import economics
from scripts.simulate.economics import Deal

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "explanation" / "verification.md").read_text()
HALF = Deal()
"""A job that costs its provider half of the price."""
ANY = replace(HALF, cost=HALF.net)
"""One by which nothing is earned: if lying is worth less here, it loses money."""
LEAST = LEAST_RATE_PPM / ALL_PPM
"""The least rate of audits."""


def figures() -> dict[str, str]:
    rows = PAGE.split("| | figure |")[1].split("\n\n")[0]
    return dict(re.findall(r"^\| (\w.+) \| (.+) \|$", rows, re.MULTILINE))


def lazy_bound(audited: float = 1.0) -> float:
    return economics.find_root(lambda lazy: economics.lying_profit(HALF, economics.judged(3, 2, lazy, audited)))


def alone(replicas: int) -> bool:
    return economics.lying_profit(HALF, economics.voted(replicas, 0)) < 0


def test_every_figure_follows_from_the_formulas():
    fee = economics.oracle_fee(HALF, 3)
    run = HALF.price / 10
    least = [f"{economics.least_canaries(fee, fee / 2, leases):.2%}" for leases in (1_000, 100)]
    expected = [
        f"{economics.least_detection_to_lose(HALF):.1%}",
        f"{economics.least_detection(HALF):.1%}",
        f"{economics.least_penalty(HALF, 0.1) / HALF.price:.2f} p",
        f"{economics.least_penalty(ANY, 0.1) / HALF.price:.2f} p",
        f"{economics.least_penalty(ANY, 0.01) / HALF.price:.2f} p",
        f"{lazy_bound():.1%}",
        str(min(replicas for replicas in range(1, 9) if alone(replicas))),
        f"{economics.greatest_share(HALF, 3):.1%}",
        f"{economics.greatest_share(HALF, 5):.1%}",
        f"{economics.least_answers(HALF):.1%}",
        f"{fee / HALF.price:.2%}",
        f"{fee / run:.1%}",
        f"{2 * fee / run:.1%}",
        *least,
        f"{economics.lying_profit(HALF, economics.judged(3, 2, 0, LEAST)) / HALF.price:.1%}",
        *(f"{lazy_bound(audited):.1%}" for audited in (LEAST, 0.75)),
    ]
    assert list(figures().values()) == expected


def test_the_parameters_are_those_of_contracts_and_deployments():
    contracts = {path.name: path.read_text() for path in (ROOT / "contracts").rglob("*.sol")}
    assert f"feeBps = {economics.FEE_BPS};" in contracts["EscrowLeases.sol"]
    assert "MAX_FEE_BPS = 1_000;" in contracts["Escrow.sol"]
    assert f"ORACLE_SHARE_BPS = {ORACLE_SHARE_BPS:_};" in contracts["FeeLib.sol"]
    assert f"DISPUTE_BOND_BPS = {economics.DISPUTE_BOND_BPS:_};" in contracts["EscrowClaims.sol"]
    profiles = [json.loads(path.read_text()) for path in (ROOT / "scripts" / "profiles").glob("*.json")]
    bonds = {each["parameters"]["minimumBond"] for each in profiles if "sepolia" not in each["network"]}
    assert bonds == {1_000_000_000} and default_bond() == 1_000_000_000


def default_bond() -> int:
    return next(field.default for field in fields(Deployment) if field.name == "minimum_bond")


def test_what_the_page_says_of_single_cases_follows_too():
    rejected_as_fraud = 1 - economics.least_detection_to_lose(HALF)
    assert f"{rejected_as_fraud:.1%}" in PAGE
    assert "about 14 times the price" in PAGE
    affordable = economics.oracle_fee(HALF, 3) / (HALF.price / 10)
    assert round(economics.least_penalty(HALF, affordable) / HALF.price) == 14
    planted = [100_000 * economics.least_canaries(1_000, cost, 100_000) for cost in (500, 900)]
    assert "1.6 canaries" in PAGE and "10 where it costs nine tenths" in PAGE
    assert [f"{one:.1f}" for one in planted] == ["1.6", "10.0"]


def test_what_the_page_says_of_audits_follows_too():
    section = PAGE.split("## Running only some jobs: random audits")[1].split("\n## ")[0]
    bounds = {fee: f"{economics.least_detection_to_lose(Deal(fee_bps=fee)):.4g}" for fee in (0, 500, 1_000)}
    assert bounds == {0: "0.5", 500: "0.4872", 1_000: "0.4737"}
    assert "φ = 0: 50%      φ = 5%: 48.7%      φ = 10%: 47.4%" in section
    assert f"no rate below {LEAST:.0%} is taken" in section
    lazy = [f"{lazy_bound(audited):.1%}" for audited in (LEAST, 0.75, 1.0)]
    assert lazy == ["9.6%", "39.9%", "50.9%"] and all(one in section for one in lazy)


def test_the_table_of_rates_follows_too():
    page = (ROOT / "docs" / "how-to" / "audit-rate.md").read_text()
    rows = dict(re.findall(r"^\| (?:not given, or )?([\d.]+) \| (-[\d.]+%) \|", page, re.MULTILINE))
    rates = {1: "1", 0.75: "0.75", LEAST: "0.5"}
    worth = {text: economics.lying_profit(HALF, economics.judged(3, 2, 0, rate)) for rate, text in rates.items()}
    assert {text: float(given[:-1]) for text, given in rows.items()} == {
        text: pytest.approx(100 * one / HALF.price, abs=0.06) for text, one in worth.items()
    }


def test_each_policy_of_a_bid_is_discussed():
    section = PAGE.split("### By policy")[1].split("\n## ")[0]
    assert re.findall(r"^\*\*`(\w+)", section, re.MULTILINE) == ["reexecute", "replicate", "accept", "attested"]


def test_the_opening_of_a_canary_is_in_the_protocol():
    assert f"\n{CanaryOpening.type_string()}\n" in (ROOT / "docs" / "protocol.md").read_text()
