"""`hive nodes` and `hive provider drain`."""

import pytest

from agent.journal import Journal
from agent.lock import hold_folder

NODE = {
    "id": "0x" + "ab" * 20,
    "provider": "0x" + "cd" * 20,
    "status": "alive",
    "drainsBy": None,
    "region": "eu",
    "vcpus": 8,
    "memoryMb": 16_000,
    "gpus": ["A100"],
    "units": 2,
    "freeUnits": 1,
}


def test_nodes_are_listed_with_what_is_free_and_who_is_leaving(hive, market):
    leaving = NODE | {"status": "draining", "drainsBy": 1_800_000_000, "freeUnits": 0}
    market.answers[("GET", "/api/v1/cluster/nodes")] = {"nodes": [NODE, leaving]}
    told = hive("nodes").out
    assert "1 of 2" in told and "alive" in told and "draining, gone by 2027" in told
    assert hive("nodes", "--json").json["nodes"] == [NODE, leaving]


def test_market_without_nodes_says_so(hive, market):
    market.answers[("GET", "/api/v1/cluster/nodes")] = {"nodes": []}
    assert "No provider offers anything" in hive("nodes").out


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The data folder of a provider that the settings name."""
    for name in ("RPC_URL", "ADDRESS_BOOK", "KEYSTORE", "URL"):
        monkeypatch.setenv(f"COMPUTEHIVE_AGENT_{name}", "http://somewhere")
    monkeypatch.setenv("COMPUTEHIVE_AGENT_DATA", str(tmp_path / "agent"))
    return tmp_path / "agent"


def wish(folder):
    journal = Journal(folder / "provider.sqlite")
    found = journal.note("drain")
    journal.close()
    return found


def test_drain_where_no_provider_works_is_a_conflict_that_names_the_folder(hive, folder):
    folder.mkdir()
    ran = hive("provider", "drain")
    assert ran.code == 6 and str(folder) in "".join(ran.err.split())


def test_drain_tells_the_daemon_of_the_data_folder_through_its_journal(hive, folder):
    with hold_folder(folder, "provider"):
        assert "takes no new leases" in hive("provider", "drain").out
        assert wish(folder)["until"] is None
        said = hive("provider", "drain", "--within", "600", "--json").json
        assert said["draining"] and said["until"] == wish(folder)["until"]


def test_drain_can_be_undone(hive, folder):
    with hold_folder(folder, "provider"):
        hive("provider", "drain")
        assert "offers again" in hive("provider", "drain", "--undo").out
        assert wish(folder) is None
        assert "was not asked" in hive("provider", "drain", "--undo").out


def test_drain_that_takes_longer_than_one_waits_ends_with_the_code_for_that(hive, folder):
    with hold_folder(folder, "provider"):
        assert hive("provider", "drain", "--wait", "0.3").code == 9
