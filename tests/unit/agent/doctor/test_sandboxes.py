"""Containers and trusted execution environments: told of only where there is something to tell."""

import shutil

import pytest

from agent.doctor import Health
from agent.doctor.sandboxes import check_containers, check_freezing, check_tees

SHELL = shutil.which("sh")
BROKEN = """\
Error (criu/vdso.c:381): vdso: Unexpected rt vDSO area bounds
Error (criu/vdso.c:613): vdso: Failed to fill self vdso symtable
Error (criu/kerndat.c:1615): kerndat_vdso_fill_symtable failed when initializing kerndat.
Error (criu/crtools.c:260): Could not initialize kernel features detection.
"""
"""What CRIU 3.17.1 says on Linux 6.18, as it was recorded; `Looks good.` is what it says where it works."""


def test_a_trusted_environment_is_offered_only_with_what_its_evidence_needs(tmp_path):
    without = {each.name: each for each in check_tees(("sgx", "tdx", "sev-snp"), None)}
    assert without["tee tdx"].health is Health.WARN and "TEE_COLLATERAL" in without["tee tdx"].remedy
    told = {each.name: each.found for each in check_tees(("sgx", "tdx", "sev-snp"), tmp_path / "collateral.json")}
    assert (told["tee tdx"], told["tee sev-snp"]) == ("offered", "offered")
    assert told["tee sgx"].startswith("not offered")


def test_nothing_is_said_of_what_is_neither_there_nor_wanted(settings):
    assert check_tees((), None) == check_containers(settings) == check_freezing(settings) == []


def test_an_engine_that_does_not_answer_is_a_failure_with_what_to_do(settings, tmp_path):
    settings.container_engine = f"unix://{tmp_path}/none.sock"
    (found,) = check_containers(settings)
    assert found.health is Health.FAIL
    assert "none.sock" in found.found and found.remedy == "Start it, or offer no containers."


@pytest.fixture
def offering(settings, tmp_path, monkeypatch):
    """A provider that offers containers, on a machine whose programs are those in `bin`."""
    settings.container_engine = "unix:///nowhere.sock"
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return settings


def put_criu(folder, said, code):
    path = folder / "bin" / "criu"
    told = "".join(f"echo '{line}' >&2\n" for line in said.splitlines())
    path.write_text(f'#!{SHELL}\n[ "$*" = check ] || exit 9\n{told}exit {code}\n')
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        (BROKEN, 1, "does not work on this kernel (Error (criu/vdso.c:381): vdso: Unexpected rt vDSO area bounds)"),
        ("", 3, "does not work on this kernel (it ended with 3)"),
        ("Looks good.\n", 0, "criu works;"),
    ],
)
def test_who_offers_containers_is_told_whether_criu_works_and_that_nothing_is_frozen(
    offering, tmp_path, said, code, words
):
    put_criu(tmp_path, said, code)
    (found,) = check_freezing(offering)
    assert found.health is Health.OK and words in found.found and "nothing is frozen here" in found.found


def test_machine_without_criu_or_with_one_that_cannot_be_run_is_told_so(offering, tmp_path):
    assert check_freezing(offering)[0].found.startswith("no criu;")
    put_criu(tmp_path, "", 0)
    (tmp_path / "bin" / "criu").write_bytes(b"\x7fELF")
    assert "cannot be run" in check_freezing(offering)[0].found


@pytest.mark.skipif(shutil.which("criu") is None, reason="CRIU is not everywhere")
def test_what_the_real_criu_says_is_understood(settings):
    settings.container_engine = "unix:///nowhere.sock"
    (found,) = check_freezing(settings)
    assert "criu works;" in found.found or "does not work on this kernel (" in found.found
