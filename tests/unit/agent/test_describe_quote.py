"""`python -m agent.tee`: what a quote says, for a person."""

import json

import pytest

from agent.tee.__main__ import main
from tests.unit.agent.played_tee import DATA, SAMPLED_AT, SGX, TDX


def files(name: str) -> list[str]:
    return [str(DATA / name), str(DATA / f"{name}_collateral.json")]


@pytest.mark.parametrize(("name", "technology"), [(SGX, "sgx"), (TDX, "tdx")])
def test_a_quotes_claims_are_printed_as_one_document(capsys, name, technology):
    assert main([*files(name), str(SAMPLED_AT)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["technology"], said["isCurrent"], said["isDebug"]) == (technology, True, False)
    assert len(said["reportData"]) == 2 + 128 and ("isvProdId" in said) is (technology == "sgx")


def test_without_a_time_it_is_now(capsys, monkeypatch):
    monkeypatch.setattr("time.time", lambda: SAMPLED_AT + 400 * 86_400)
    assert main(files(TDX)) == 0
    assert json.loads(capsys.readouterr().out)["isCurrent"] is False


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 2, "usage"),
        ([*files(TDX), "tomorrow"], 2, "usage"),
        (["none.bin", files(TDX)[1]], 2, "none.bin cannot be read"),
        ([files(TDX)[0], files(SGX)[1]], 11, "does not verify"),
    ],
)
def test_what_cannot_be_described_is_told_with_its_exit_code(capsys, words, code, told):
    assert main(words) == code
    printed = capsys.readouterr()
    assert told in printed.err and printed.out == ""
