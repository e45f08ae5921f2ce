"""A node with canaries is assembled as any other: nothing that it reports of its runs tells it from them."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest

from agent import bootstrap
from agent.adapters.wasm import WasmAdapter
from agent.bootstrap import build_runner
from agent.fitting import Machine
from agent.metering.runner import MeteredRunner
from agent.rules import Rules
from agent.runtimes import RUNTIMES, ModuleCache
from agent.sandbox import Sandbox
from marketplace.protocol.canaries import canary_seed
from scripts.canary.planter import planted
from scripts.canary.salts import add_salt
from tests.unit.agent.played_market import AGENT
from tests.unit.agent.test_work import FILES, lease_terms, script_spec
from tests.unit.clearing.market import profile

MACHINE = Machine(profile(runtimes={name: runtime.digest for name, runtime in RUNTIMES.items()}), 1)


class Counters:
    """A machine whose counters can be read."""

    def look(self) -> None:
        pass

    def joules_of(self, cpu_seconds: float) -> float:
        return 5.0


@pytest.fixture(scope="module")
def adapters():
    sandbox = Sandbox()
    return {"wasm": WasmAdapter(sandbox, ModuleCache(sandbox))}


@pytest.fixture
def salts(tmp_path):
    path = tmp_path / "salts"
    return path, add_salt(path)


def canary(salt):
    """Terms of a job that was planted for the node of AGENT."""
    terms = lease_terms()
    ask = terms.ask.model_copy(update={"agent": AGENT.address})
    seed = canary_seed(AGENT.address, terms.bid.renter, salt)
    spec = script_spec(determinism={"seed": seed})
    bid = terms.bid.model_copy(update={"job_digest": spec.digest(), "deadline": 2**39})
    return replace(terms, bid=bid, ask=ask, job_spec=spec)


def run_twice(folder, adapters, terms, alter=None):
    """Two runs of a job on a node with this folder."""
    held = dict(FILES)
    settings = SimpleNamespace(rules=Rules(), data=folder, input_cache_mb=10)
    runner = build_runner(settings, adapters, MACHINE, SimpleNamespace(get_blob=held.__getitem__), alter=alter)
    first = runner(terms)
    held.clear()
    return first, runner(terms)


def test_planted_and_usual_nodes_know_the_same_of_their_runs(tmp_path, adapters, salts, monkeypatch):
    monkeypatch.setattr(bootstrap, "MeteredRunner", partial(MeteredRunner, open_meter=Counters))
    path, salt = salts
    terms = canary(salt)
    true = run_twice(tmp_path / "usual", adapters, terms)
    false = run_twice(tmp_path / "planted", adapters, terms, planted(path))
    for one, other in zip(true, false, strict=True):
        assert one.result_digest != other.result_digest, "it is a canary, and a lie"
        assert (one.fuel_used, one.sandbox_digest) == (other.fuel_used, other.sandbox_digest)
        assert one.usage.cpu_joules == other.usage.cpu_joules == 5.0
        assert one.usage.ingress_bytes == other.usage.ingress_bytes
    assert [run.usage.ingress_bytes for run in false] == [sum(map(len, FILES.values())), 0]


def test_a_planted_node_keeps_its_rules(tmp_path, adapters, salts):
    path, salt = salts
    settings = SimpleNamespace(rules=Rules(max_duration_seconds=1), data=tmp_path / "node", input_cache_mb=10)
    runner = build_runner(settings, adapters, MACHINE, SimpleNamespace(get_blob=FILES.get), alter=planted(path))
    assert "may reserve 1 s" in runner(canary(salt)).detail
