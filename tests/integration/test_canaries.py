"""A canary in a whole market: planted, lied about, judged, opened."""

import pytest

from scripts.canary.__main__ import LAZY, main


@pytest.mark.timeout(280)
def test_the_oracle_that_runs_nothing_is_caught_and_nobody_else_and_the_owner_loses_nothing(tmp_path, capsys):
    assert main(["--output", str(tmp_path / "canary")]) == 0
    said = capsys.readouterr().out
    assert "settled: fraud" in said and f"on record: {LAZY}, careless" in said
    assert "cost: 0.000000 USDC" in said
