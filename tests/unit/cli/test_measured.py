"""`hive provider benchmark`, and where its scores are shown."""

import json
from contextlib import contextmanager

import pytest

from agent.benchmark import VERSION, workloads
from agent.benchmark.timing import Workload
from agent.lock import hold_folder
from marketplace.errors import AgentError
from tests.unit.cli.conftest import offer
from tests.unit.cli.test_nodes import NODE


@contextmanager
def steady(folder):
    yield lambda: 1_234.5


@contextmanager
def lacking(folder):
    raise AgentError("no driver.", hint="Install one.")
    yield


@pytest.fixture
def folder(home, tmp_path, monkeypatch):
    """The data folder, and two short workloads. No market is named, and there is no wallet."""
    monkeypatch.delenv("COMPUTEHIVE_URL")
    monkeypatch.setenv("COMPUTEHIVE_AGENT_DATA", str(tmp_path / "agent"))
    short = (
        Workload("sha256_mb_per_second", "hash", "a little", "MB/s", steady),
        Workload("gpu_gflops_per_second", "GPU matrices", "products", "Gflop/s", lacking),
    )
    monkeypatch.setattr(workloads, "WORKLOADS", short)
    return tmp_path / "agent"


def test_table_says_what_was_measured_and_why_the_rest_was_not(hive, folder):
    ran = hive("provider", "benchmark")
    assert ran.code == 0
    assert "1,234" in ran.out and "MB/s" in ran.out and "0 %" in ran.out
    assert "GPU matrices: not measured: no driver. Install one." in ran.out
    assert "next start" in ran.err and str(folder / "benchmark.json") in "".join(ran.err.split("\n"))


def test_figures_that_vary_too_much_are_pointed_out(hive, folder, monkeypatch):
    def workload(name, *rates):
        @contextmanager
        def prepare(folder):
            left = iter(rates)
            yield lambda: next(left)

        return Workload("sha256_mb_per_second", name, "", "MB/s", prepare, repetitions=3)

    calm, restless = workload("calm", 1, 100, 100, 149), workload("restless", 1, 100, 100, 150)
    monkeypatch.setattr(workloads, "WORKLOADS", (calm,))
    assert "Something else" not in hive("provider", "benchmark").err
    monkeypatch.setattr(workloads, "WORKLOADS", (restless,))
    assert "Something else was at work: restless varied" in hive("provider", "benchmark").err


def test_result_is_kept_before_there_is_a_market_or_a_wallet(hive, folder):
    said = hive("provider", "benchmark", "--json").json
    assert [row["score"] for row in said["workloads"]] == [1234, None]
    kept = json.loads((folder / "benchmark.json").read_text())
    assert kept["scores"] == {
        "version": VERSION, "measuredAt": said["measuredAt"], "sha256MbPerSecond": 1234,
    }  # fmt: skip
    assert said["path"] == str(folder / "benchmark.json")


def test_wallet_that_is_named_must_be_there(hive, folder):
    assert hive("provider", "benchmark", "--url", "http://market.test", "--wallet", "nobody").code == 11
    assert not (folder / "benchmark.json").exists()


def test_working_provider_is_pointed_out(hive, folder):
    with hold_folder(folder, "provider"):
        assert "A provider is at work here" in hive("provider", "benchmark").err


@pytest.mark.parametrize(
    ("scores", "shown"),
    [({"sandboxMfuelPerSecond": 19_000, "pythonMfuelPerSecond": 4_620}, "4.6"),
     ({"sandboxMfuelPerSecond": 19_000}, "—"), ({}, "—")],
)  # fmt: skip
def test_nodes_are_listed_with_the_speed_that_their_providers_signed(hive, market, scores, shown):
    node = NODE | {"profile": {"benchmark": {"version": 1, "measuredAt": 1} | scores}}
    market.answers[("GET", "/api/v1/cluster/nodes")] = {"nodes": [node]}
    told = hive("nodes").out
    assert "Gfuel/s" in told and shown in told


def test_offers_of_a_quote_are_shown_with_that_speed(hive, market, runnable):
    fast = offer(1_000_000) | {"benchmark": {"version": 1, "measuredAt": 1, "pythonMfuelPerSecond": 4_620}}
    market.answers[("POST", "/api/v1/quotes")] = {"price": "1000000", "offers": [fast, offer(2_000_000)]}
    told = hive("quote", runnable).out
    assert told.count("Gfuel/s") == 1 and "4.6 Gfuel/s" in told
