"""Which servers a provider's file names, and what a fault in it is told by."""

import json
import sys

import pytest

from agent.adapters import AdapterSettings
from agent.mcp.servers import find_server, load_servers
from marketplace.errors import NotFound, SettingsError
from marketplace.protocol.canonical import sha256_digest

PROGRAM = b"print('a server')"
DIGEST, OTHER = sha256_digest(PROGRAM), "0x" + "ab" * 32
ENTRY = {"module": "chain://words@1.0.0", "digest": DIGEST, "file": "words.py", "command": [sys.executable, "{file}"]}
AT = {"module": "chain://words@1.0.0", "digest": DIGEST, "url": "http://127.0.0.1:9000/mcp"}


@pytest.fixture
def load(tmp_path):
    (tmp_path / "words.py").write_bytes(PROGRAM)
    path = tmp_path / "mcp.json"

    def load(*entries):
        path.write_text(json.dumps({"servers": entries}))
        return load_servers(path)

    return load


def test_file_is_found_beside_the_settings_and_stands_in_the_command(load, tmp_path):
    (server,) = load(ENTRY).values()
    assert server.command_line() == [sys.executable, str(tmp_path / "words.py")]


def test_versions_of_a_module_stand_side_by_side(load):
    later = ENTRY | {"module": "chain://words@1.1.0"}
    assert load(ENTRY, later).keys() == {"chain://words@1.0.0", "chain://words@1.1.0"}


@pytest.mark.parametrize("url", ["http://localhost:1/mcp", "http://[::1]:1/mcp", "https://127.0.0.1/mcp"])
def test_address_may_be_any_of_this_machines_own(load, url):
    assert load(AT | {"url": url})


def test_job_gets_the_server_of_its_name_and_its_bytes_only(load):
    servers = load(ENTRY)
    assert find_server(servers, "chain://words@1.0.0", DIGEST).file is not None
    for module, digest in (("chain://words@1.0.1", DIGEST), ("chain://words@1.0.0", OTHER)):
        with pytest.raises(NotFound):
            find_server(servers, module, digest)


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ((), "servers"),
        ((ENTRY | {"module": "chain://words"},), "names no version"),
        ((ENTRY | {"module": "words"},), r"servers\.0\.module"),
        ((ENTRY | {"digest": "0x1"},), r"servers\.0\.digest"),
        ((ENTRY | {"comand": []},), r"servers\.0\.comand"),
        ((ENTRY | {"command": []},), "either a command or a url"),
        ((ENTRY | {"url": AT["url"]},), "either a command or a url"),
        ((AT | {"env": {"A": "b"}},), "go with a command"),
        ((AT | {"url": "http://example.org/mcp"},), "not http on this machine"),
        ((AT | {"url": "http://127.0.0.1.example.org/mcp"},), "not http on this machine"),
        ((AT | {"url": "file:///etc/passwd"},), "not http on this machine"),
        ((ENTRY, ENTRY), "stands there twice"),
        ((ENTRY | {"digest": OTHER},), "hashes to"),
        ((ENTRY | {"file": "none.py"},), "cannot be read"),
        ((ENTRY | {"command": ["no-such-command", "{file}"]},), "'no-such-command'"),
    ],
)
def test_fault_in_the_file_is_told_by_its_field(load, entries, problem):
    with pytest.raises(SettingsError, match=problem):
        load(*entries)


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00"])
def test_file_that_is_none_is_told_by_its_setting(tmp_path, text):
    path = tmp_path / "mcp.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match="COMPUTEHIVE_AGENT_MCP_SERVERS"):
        load_servers(path)
    with pytest.raises(SettingsError, match="No such file"):
        load_servers(tmp_path / "none.json")


def test_machine_without_the_setting_never_looks_for_the_sdk(tmp_path, monkeypatch):
    from agent.adapters import mcp

    def fail():
        raise AssertionError("looked for the SDK")

    monkeypatch.setattr(mcp, "require_sdk", fail)
    assert mcp.open_mcp(AdapterSettings(tmp_path)) is None
