"""Containers and trusted execution environments: told of only where there is something to tell."""

from agent.doctor import Health
from agent.doctor.sandboxes import check_containers, check_tees


def test_a_trusted_environment_is_offered_only_with_what_its_evidence_needs(tmp_path):
    without = {each.name: each for each in check_tees(("sgx", "tdx", "sev-snp"), None)}
    assert without["tee tdx"].health is Health.WARN and "TEE_COLLATERAL" in without["tee tdx"].remedy
    told = {each.name: each.found for each in check_tees(("sgx", "tdx", "sev-snp"), tmp_path / "collateral.json")}
    assert (told["tee tdx"], told["tee sev-snp"]) == ("offered", "offered")
    assert told["tee sgx"].startswith("not offered")


def test_nothing_is_said_of_what_is_neither_there_nor_wanted(settings):
    assert check_tees((), None) == check_containers(settings) == []


def test_an_engine_that_does_not_answer_is_a_failure_with_what_to_do(settings, tmp_path):
    settings.container_engine = f"unix://{tmp_path}/none.sock"
    (found,) = check_containers(settings)
    assert found.health is Health.FAIL
    assert "none.sock" in found.found and found.remedy == "Start it, or offer no containers."
