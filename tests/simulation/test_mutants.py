"""Bugs that were put in on purpose are found, and what is found comes with how to see it again."""

import pytest

from tests.simulation.__main__ import render_finding
from tests.simulation.mutants import MUTANTS

pytestmark = pytest.mark.timeout(600)
ENOUGH = 20
"""Seeds among which each of them is found."""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_bug_on_purpose_is_found(mutant):
    for seed in range(mutant.first, mutant.first + ENOUGH):
        report = mutant.play(seed)
        if report.finding:
            break
    assert report.finding and mutant.says and mutant.says in report.finding
    text = render_finding(report)
    assert f"make simulate SEED={seed} SEEDS=1" in text and report.last[-1] in text
