"""One daemon to a data folder, one account to a journal, one rule for passwords."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from agent.bootstrap import read_password
from agent.journal import Journal
from agent.lock import claim_journal, hold_folder
from marketplace.client.keystore import find_password
from marketplace.errors import ConflictError, KeystoreError


def test_second_daemon_of_a_kind_in_one_folder_is_refused_with_a_way_out(tmp_path):
    with hold_folder(tmp_path, "provider"):
        with pytest.raises(ConflictError, match="Another provider works") as refused, hold_folder(tmp_path, "provider"):
            pass
        with hold_folder(tmp_path, "oracle"), hold_folder(tmp_path / "other", "provider"):
            pass
    assert "COMPUTEHIVE_AGENT_DATA" in refused.value.hint


def test_folder_is_free_again_after_a_stop_and_after_a_kill(tmp_path):
    with hold_folder(tmp_path, "provider"):
        pass
    program = (
        "import os, pathlib, sys; from agent.lock import hold_folder\n"
        "with hold_folder(pathlib.Path(sys.argv[1]), 'provider'): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, timeout=60)
    with hold_folder(tmp_path, "provider"):
        pass


def test_journal_belongs_to_the_account_that_began_it(tmp_path):
    claim_journal(Journal(tmp_path / "j"), "0xA", tmp_path).close()
    claim_journal(Journal(tmp_path / "j"), "0xA", tmp_path).close()
    with pytest.raises(ConflictError, match="that of 0xA, not of 0xB"):
        claim_journal(Journal(tmp_path / "j"), "0xB", tmp_path)


@pytest.mark.parametrize("written", ["secret\n", " secret \r\n", "secret", "\tsecret "])
def test_password_file_means_the_same_to_daemons_and_to_hive(tmp_path, written):
    file = tmp_path / "password"
    file.write_text(written, newline="")
    settings = SimpleNamespace(password_file=file, password="another")
    assert read_password(settings) == find_password(file=file) == written.rstrip("\r\n")


def test_password_is_taken_as_it_is_where_there_is_no_file():
    assert read_password(SimpleNamespace(password_file=None, password=" a b ")) == " a b "


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_password_file_that_cannot_be_read_is_a_clear_error(tmp_path, content):
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(KeystoreError, match="cannot be read"):
        read_password(SimpleNamespace(password_file=file, password=""))


def test_no_password_at_all_names_the_daemons_settings():
    with pytest.raises(KeystoreError) as refused:
        read_password(SimpleNamespace(password_file=None, password=""))
    assert "COMPUTEHIVE_AGENT_PASSWORD_FILE" in refused.value.hint
