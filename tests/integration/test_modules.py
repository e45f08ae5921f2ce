"""Modules on a real chain: what the adapter reads and writes, and `hive module` from the first release to the last."""

import hashlib
import json

import pytest

from marketplace.adapters.chain import Contracts
from marketplace.adapters.chain.modules import ModuleAccount, ModuleReader, resolve_module
from marketplace.cli.main import main
from marketplace.client.keystore import LIGHT_SCRYPT_N, KeystoreFolder
from marketplace.errors import MalformedMessage, NotFound, Reverted, SettingsError
from marketplace.protocol.module_uri import ModuleUri, Version

DIGEST = "0x" + "ab" * 32
FIRST, SECOND = Version(1, 0, 0), Version(1, 1, 0)


@pytest.fixture
def publisher(chain):
    return ModuleAccount(chain.contracts(), chain.keys["provider"].key)


def test_a_module_is_published_resolved_deprecated_and_handed_over(chain, publisher):
    contracts, reader = chain.contracts(), ModuleReader(chain.contracts())
    with pytest.raises(NotFound, match=r"No module chain://hand-over"):
        resolve_module(contracts, ModuleUri("hand-over"))
    publisher.publish("hand-over", FIRST, DIGEST, "0x" + "cd" * 32, "ipfs://about")
    publisher.publish("hand-over", SECOND, DIGEST)
    latest, pinned = ModuleUri("hand-over"), ModuleUri("hand-over", FIRST)
    assert resolve_module(contracts, pinned) == (DIGEST, publisher.address, False)
    assert reader.release(latest).uri == ModuleUri("hand-over", SECOND)
    assert reader.release(pinned).metadata_uri == "ipfs://about"

    publisher.deprecate(ModuleUri("hand-over", SECOND), "use 1.0.0")
    assert reader.release(latest).uri == pinned
    publisher.deprecate(pinned, "has a hole")
    with pytest.raises(NotFound, match="No live version of chain://hand-over"):
        resolve_module(contracts, latest)
    assert resolve_module(contracts, pinned) == (DIGEST, publisher.address, True)
    assert [each.warning for each in reader.releases("hand-over")] == ["has a hole", "use 1.0.0"]

    heir = ModuleAccount(contracts, chain.keys["renter"].key)
    publisher.transfer("hand-over", heir.address)
    assert reader.module("hand-over").pending_owner == heir.address
    heir.accept("hand-over")
    heir.deprecate(latest, "all of it")
    with pytest.raises(Reverted) as refused:
        heir.publish("hand-over", Version(2, 0, 0), DIGEST)
    assert (refused.value.name, refused.value.args_) == ("NameIsDeprecated", {"name": "hand-over"})
    heir.restore("hand-over")
    assert reader.module("hand-over").latest is None
    assert reader.release(pinned).publisher == publisher.address != reader.module("hand-over").owner


def test_refusals_arrive_with_their_names_and_values(chain, publisher):
    publisher.publish("google", FIRST, DIGEST)
    stranger = ModuleAccount(chain.contracts(), chain.keys["stranger"].key)
    with pytest.raises(Reverted) as refused:
        stranger.publish("g00gle", FIRST, DIGEST)
    assert (refused.value.name, refused.value.args_) == ("NameLooksTaken", {"name": "g00gle", "taken": "google"})
    with pytest.raises(Reverted) as refused:
        publisher.publish("google", FIRST, DIGEST)
    assert refused.value.args_ == {"name": "google", "major": 1, "minor": 0, "patch": 0}


def test_who_asks_for_a_look_alike_is_told_of_the_name_that_exists(chain, publisher):
    publisher.publish("paypal", FIRST, DIGEST)
    reader = ModuleReader(chain.contracts())
    with pytest.raises(NotFound) as missing:
        reader.release(ModuleUri("paypa1"))
    assert "There is paypal, which looks like it" in missing.value.hint
    assert (reader.look_alike("paypa1"), reader.look_alike("quite-free")) == ("paypal", None)
    with pytest.raises(NotFound, match=r"No module version chain://paypal@1\.1\.0"):
        reader.release(ModuleUri("paypal", SECOND))


def test_lists_are_read_page_by_page_to_their_end(chain, publisher, monkeypatch):
    monkeypatch.setattr("marketplace.adapters.chain.modules.PAGE", 2)
    for patch in range(5):
        publisher.publish("pages", Version(0, 1, patch), DIGEST)
    reader = ModuleReader(chain.contracts())
    assert [each.version.patch for each in reader.releases("pages")] == [0, 1, 2, 3, 4]
    names = [each.name for each in reader.modules()]
    assert "pages" in names and len(names) == len(set(names))


def test_a_deployment_without_a_registry_says_so(chain):
    book = chain.book
    without = {name: address for name, address in book.contracts.items() if name != "ModuleRegistry"}
    contracts = Contracts(chain.devnet.rpc_url, type(book)(book.network, book.chain_id, 0, without))
    with pytest.raises(SettingsError, match="has no registry of modules"):
        resolve_module(contracts, ModuleUri("anything"))


# --- hive module ------------------------------------------------------------------------------------------------------


@pytest.fixture
def hive(chain, tmp_path, monkeypatch, capfd):
    """`hive module …` on this chain, with the wallets `ann` and `bea`; returns (exit code, stdout, stderr)."""
    folder = KeystoreFolder(tmp_path / "home" / "keystores")
    for wallet, name in (("ann", "provider"), ("bea", "renter")):
        folder.create(wallet, "pw", key=chain.keys[name].key, scrypt_n=LIGHT_SCRYPT_N)
    book, password = tmp_path / "book.json", tmp_path / "password"
    book.write_text(json.dumps(chain.book.to_json()))
    password.write_text("pw")
    for name, value in {
        "HOME": tmp_path / "home",
        "URL": "http://market.invalid",
        "ADDRESS_BOOK": book,
        "RPC_URL": chain.devnet.rpc_url,
    }.items():
        monkeypatch.setenv(f"COMPUTEHIVE_{name}", str(value))
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments, wallet=None):
        capfd.readouterr()
        signing = ("--wallet", wallet, "--password-file", str(password), "--yes") if wallet else ()
        with pytest.raises(SystemExit) as ended:
            main(["module", *arguments, *signing])
        captured = capfd.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return run


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "module.wasm"
    path.write_bytes(b"\0asm bytes of a module")
    return path


def test_the_life_of_a_module_on_the_command_line(chain, hive, file):
    digest = "0x" + hashlib.sha256(file.read_bytes()).hexdigest()
    described = ("--metadata", str(file), "--metadata-uri", "https://example.org/about")
    code, shown, talked = hive("publish", "chain://on-the-line@0.1.0", str(file), *described, wallet="ann")
    assert (code, "chain://on-the-line@0.1.0" in shown, digest in talked) == (0, True, True)
    assert hive("publish", "on-the-line@0.2.0", str(file), wallet="ann")[0] == 0
    code, shown, talked = hive("resolve", "on-the-line")
    assert (code, shown.strip(), "on-the-line@0.2.0" in talked) == (0, digest, True)

    assert hive("deprecate", "on-the-line@0.2.0", "--warning", "it [red]breaks[/]", wallet="ann")[0] == 0
    assert "it [red]breaks[/]" in hive("resolve", "on-the-line@0.2.0")[2]
    found = json.loads(hive("resolve", "chain://on-the-line", "--json")[1])
    assert (found["module"], found["digest"], found["metadataDigest"]) == ("chain://on-the-line@0.1.0", digest, digest)
    assert "it [red]breaks[/]" in hive("list", "on-the-line")[1]
    assert [each["deprecated"] for each in json.loads(hive("list", "on-the-line", "--json")[1])] == [False, True]

    heir = chain.address("renter")
    assert hive("transfer", "on-the-line", heir, wallet="ann")[0] == 0
    code, shown, _ = hive("accept", "on-the-line", "--json", wallet="bea")
    assert (code, json.loads(shown)["module"]) == (0, "on-the-line")
    code, _, talked = hive("publish", "on-the-line@0.3.0", str(file), wallet="ann")
    assert code == 8 and "NotNameOwner" in talked and heir.lower() in talked.replace("\n", "")

    assert hive("deprecate", "chain://on-the-line", "--warning", "gone", wallet="bea")[0] == 0
    (entry,) = [each for each in json.loads(hive("list", "--json")[1]) if each["name"] == "on-the-line"]
    assert (entry["owner"], entry["deprecated"], entry["warning"], entry["latest"]) == (heir, True, "gone", "0.1.0")
    assert "on-the-line" in hive("list")[1]
    assert hive("restore", "on-the-line", wallet="bea")[0] == 0


def test_a_look_alike_is_refused_before_anything_is_signed(hive, file):
    assert hive("publish", "modern-tool@1.0.0", str(file), wallet="ann")[0] == 0
    code, _, talked = hive("publish", "modem-tool@1.0.0", str(file), wallet="bea")
    assert code == 6 and "modem-tool looks like modern-tool" in talked


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("resolve", "No-Name"), 2, "is not one of a-z"),
        (("resolve", "http://x"), 2, "does not begin with chain://"),
        (("resolve", "nobody-has-this"), 5, "No module chain://nobody-has-this"),
        (("list", "nobody-has-this"), 5, "No module"),
        (("list", "abc@1.0.0"), 2, "is one version"),
        (("transfer", "abc", "0x12"), 2, "is not an address"),
        (("accept", "abc@1.0.0"), 2, "is one version"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(hive, arguments, code, complaint):
    given, _, talked = hive(*arguments)
    assert (given, complaint in talked) == (code, True), talked


def test_publish_wants_a_version_and_metadata_with_its_uri(hive, file):
    assert "A version is needed" in hive("publish", "abc", str(file), wallet="ann")[2]
    assert "--metadata-uri without" in hive("publish", "abc@1.0.0", str(file), "--metadata-uri", "x", wallet="ann")[2]


def test_nothing_is_sent_without_consent(hive, file):
    code, _, talked = hive("publish", "unasked@1.0.0", str(file), "--wallet", "ann", "--password-file", "/dev/null")
    assert code != 0 and talked
    assert hive("resolve", "unasked")[0] == 5


def test_names_are_checked_before_the_chain_is_asked(chain):
    with pytest.raises(MalformedMessage):
        ModuleReader(chain.contracts()).module("Not A Name")
