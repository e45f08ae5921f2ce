"""What the doctor makes of keys, data folder, journal and the benchmark's result, as they lie on the disk."""

import sqlite3
from dataclasses import asdict

import pytest

from agent.benchmark import record
from agent.benchmark.timing import Row
from agent.doctor import folder as checks
from agent.doctor.finding import Health
from agent.doctor.folder import check_benchmark, check_folder, check_journal, check_keys, check_last_job
from agent.journal import Journal
from agent.lock import claim_journal, hold_folder
from marketplace.client.keystore import LIGHT_SCRYPT_N, Keystore, create_keystore
from marketplace.domain.chain import EventOrigin, LeaseOpened
from tests.unit.agent.doctor.conftest import NOW

HOUR = 3_600


def owned(folder, settings):
    journal = Journal(folder / "provider.sqlite")
    return claim_journal(journal, Keystore.load(settings.keystore).address, folder)


# --- keys --------------------------------------------------------------------------------------------------------


def test_keys_that_nobody_else_reads_are_well(settings):
    assert check_keys(settings).health is Health.OK


@pytest.mark.parametrize("field", ["keystore", "agent_keystore", "password_file"])
def test_key_or_password_that_others_read_is_warned_of_by_name(settings, tmp_path, field):
    path = settings.keystore if field == "keystore" else tmp_path / field
    path.touch()
    path.chmod(0o640)
    setattr(settings, field, path)
    found = check_keys(settings)
    assert found.health is Health.WARN and str(path) in found.found and f"chmod 600 {path}" in found.remedy


def test_key_that_is_named_and_missing_fails(settings, tmp_path):
    settings.agent_keystore = tmp_path / "gone.json"
    found = check_keys(settings)
    assert found.health is Health.FAIL and "gone.json is missing" in found.found


# --- data folder and journal -------------------------------------------------------------------------------------


def test_folder_is_tried_with_a_file_that_goes_again(tmp_path):
    assert check_folder(tmp_path).health is Health.OK
    assert "made at the first start" in check_folder(tmp_path / "not" / "yet").found
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_written_fails_by_name(tmp_path):
    (tmp_path / "file").touch()
    found = check_folder(tmp_path / "file" / "agent")
    assert found.health is Health.FAIL and str(tmp_path / "file" / "agent") in found.found
    assert "COMPUTEHIVE_AGENT_DATA" in found.remedy


def test_journal_of_this_account_is_well_whether_a_provider_works_or_not(settings):
    assert check_journal(settings.data, settings.keystore).found == "none yet"
    owned(settings.data, settings).close()
    assert "free" in check_journal(settings.data, settings.keystore).found
    with hold_folder(settings.data, "provider"):
        found = check_journal(settings.data, settings.keystore)
    assert found.health is Health.OK and "in use" in found.found


def test_journal_of_another_account_fails(settings, tmp_path):
    owned(settings.data, settings).close()
    other = create_keystore(tmp_path / "other.json", "pw", scrypt_n=LIGHT_SCRYPT_N)
    found = check_journal(settings.data, other.path)
    assert found.health is Health.FAIL and Keystore.load(settings.keystore).address in found.found


def test_journal_that_another_program_holds_fails_and_is_not_waited_for_long(settings, monkeypatch):
    monkeypatch.setattr(checks, "_LOCK_SECONDS", 0.1)
    owned(settings.data, settings).close()
    other = sqlite3.connect(settings.data / "provider.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    journal, last = check_journal(settings.data, settings.keystore), check_last_job(settings.data, NOW)
    other.close()
    assert journal.health is last.health is Health.FAIL and "locked" in journal.found


def test_file_that_is_no_journal_fails(settings):
    settings.data.mkdir()
    (settings.data / "provider.sqlite").write_bytes(b"not a database" * 100)
    assert check_journal(settings.data, settings.keystore).health is Health.FAIL


# --- last job ----------------------------------------------------------------------------------------------------


def attest(journal, number, finished_at):
    lease = f"0x{number:064x}"
    opened = LeaseOpened(
        EventOrigin(1, "0x", "0x", number), lease, "", "", "", "", 1, 500, NOW, number, 1, number, "0x"
    )
    assert asdict(opened)["lease_id"] == lease
    journal.record_blocks(1, "0x", [opened], [])
    journal.record_attested(lease, {"attestation": {"finishedAt": finished_at}})


@pytest.mark.parametrize(
    ("hours", "health", "said"),
    [(23, Health.OK, "ended 23.0 hours ago"), (25, Health.WARN, "ended 25.0 hours ago"),
     (24 * 9, Health.WARN, "ended 9 days ago")],
)  # fmt: skip
def test_machine_that_has_had_nothing_to_do_for_a_day_is_warned_of(tmp_path, hours, health, said):
    journal = Journal(tmp_path / "provider.sqlite")
    attest(journal, 1, NOW - hours * HOUR)
    attest(journal, 2, NOW - hours * HOUR - 9)
    journal.close()
    found = check_last_job(tmp_path, NOW)
    assert (found.health, found.found) == (health, said)


def test_machine_without_a_job_so_far_is_well(tmp_path):
    assert check_last_job(tmp_path, NOW).found == "none yet"
    Journal(tmp_path / "provider.sqlite").close()
    assert check_last_job(tmp_path, NOW).found == "none yet"


# --- benchmark ---------------------------------------------------------------------------------------------------


def test_benchmark_that_is_missing_or_of_another_version_is_warned_of(tmp_path, monkeypatch):
    found = check_benchmark(tmp_path, " --wallet mine")
    assert found.health is Health.WARN and "`hive provider benchmark --wallet mine`" in found.remedy
    record.record_benchmark(tmp_path, [Row("python_mfuel_per_second", "", "", "", 4_620, 1, 5)], NOW)
    assert (check_benchmark(tmp_path, "").health, check_benchmark(tmp_path, "").found) == (
        Health.OK,
        "Python 4.6 Gfuel/s",
    )
    monkeypatch.setattr(record, "VERSION", record.VERSION + 1)
    assert check_benchmark(tmp_path, "").health is Health.WARN
