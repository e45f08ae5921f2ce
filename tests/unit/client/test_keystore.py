"""Keystores: encrypted, private to the user, never overwritten, opened by the right password only."""

import json
import stat

import pytest
from eth_account import Account

from marketplace.client.keystore import (
    LIGHT_SCRYPT_N,
    Keystore,
    KeystoreFolder,
    create_keystore,
    find_password,
)
from marketplace.errors import KeystoreError

KEY = "0x" + "11" * 32


@pytest.fixture
def folder(tmp_path):
    return KeystoreFolder(tmp_path / "keystores")


def make(folder, name="alice", password="correct horse", **options):
    return folder.create(name, password, scrypt_n=LIGHT_SCRYPT_N, **options)


def test_a_new_key_opens_with_its_password_and_signs_as_its_address(folder):
    made = make(folder)
    assert made.unlock("correct horse").address == made.address
    assert folder.get("alice") == made


def test_an_imported_key_keeps_its_address(folder):
    assert make(folder, key=KEY).address == Account.from_key(KEY).address


def test_the_key_is_nowhere_in_the_file_and_only_the_user_reads_it(folder):
    made = make(folder, key=KEY)
    assert "11" * 32 not in made.path.read_text()
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.path.parent.stat().st_mode) == 0o700


def test_the_format_is_web3_secret_storage_3_with_scrypt(folder):
    document = json.loads(make(folder).path.read_text())
    assert (document["version"], document["crypto"]["kdf"]) == (3, "scrypt")
    assert document["crypto"]["kdfparams"]["n"] == LIGHT_SCRYPT_N


def test_a_wrong_password_is_said_so(folder):
    with pytest.raises(KeystoreError, match="does not open"):
        make(folder).unlock("wrong horse")


def test_an_existing_keystore_is_never_overwritten(folder):
    before = make(folder).path.read_text()
    with pytest.raises(KeystoreError, match="exists already"):
        make(folder)
    assert folder.path("alice").read_text() == before


def test_an_empty_password_is_refused(folder):
    with pytest.raises(KeystoreError, match="empty password"):
        make(folder, password="")


@pytest.mark.parametrize("key", ["0x1234", "nonsense", b"", "0x" + "00" * 32])
def test_what_is_no_key_is_refused_and_leaves_no_file(folder, key):
    with pytest.raises(KeystoreError, match="not a private key"):
        make(folder, key=key)
    assert not folder.path("alice").exists()


@pytest.mark.parametrize("name", ["../alice", "a/b", "", ".hidden", "x" * 65])
def test_a_name_cannot_leave_the_folder(folder, name):
    with pytest.raises(KeystoreError, match="not a wallet name"):
        folder.path(name)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"address": "00", "version": 1}', "\x00"])
def test_a_file_that_is_no_keystore_is_said_so(tmp_path, text):
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(KeystoreError, match="is not a keystore"):
        Keystore.load(path)


def test_a_keystore_that_claims_another_address_is_refused(tmp_path):
    made = create_keystore(tmp_path / "a.json", "pw", key=KEY, scrypt_n=LIGHT_SCRYPT_N)
    document = json.loads(made.path.read_text()) | {"address": "22" * 20}
    made.path.write_text(json.dumps(document))
    with pytest.raises(KeystoreError, match="holds the key of"):
        Keystore.load(made.path).unlock("pw")


def test_a_missing_wallet_says_how_to_make_one(folder):
    with pytest.raises(KeystoreError) as caught:
        folder.get("bob")
    assert "hive wallet new bob" in caught.value.hint


def test_the_password_comes_from_file_then_environment_then_prompt(tmp_path):
    path = tmp_path / "password"
    path.write_text("from file\n")
    both = {"COMPUTEHIVE_PASSWORD": "from value", "COMPUTEHIVE_PASSWORD_FILE": str(path)}
    assert find_password(file=path, environ={"COMPUTEHIVE_PASSWORD": "from value"}) == "from file"
    assert find_password(environ=both) == "from file"
    assert find_password(environ={"COMPUTEHIVE_PASSWORD": "from value"}) == "from value"
    assert find_password(lambda: "typed", environ={}) == "typed"


def test_without_any_way_to_ask_the_password_is_demanded_by_variable():
    with pytest.raises(KeystoreError) as caught:
        find_password(environ={})
    assert "COMPUTEHIVE_PASSWORD_FILE" in caught.value.hint


def test_a_password_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(KeystoreError, match="gone"):
        find_password(file=tmp_path / "gone", environ={})
