"""What could be given up: every constraint has a change that makes room, each change is priced as a round would."""

from dataclasses import replace

import pytest

from marketplace.clearing import relaxations
from marketplace.clearing.entry import price_each
from marketplace.clearing.relaxations import WIDENERS, apply_changes, drop, relax
from marketplace.domain.constraints import CONSTRAINTS, QUANTITIES, Quantity, is_allowed
from marketplace.protocol.jobspec import JobSpec
from tests.unit.clearing.market import DIGEST, NOW, ask, bid, profile, snapshot, spec

A100 = {"model": "A100", "memoryMb": 40_000}
GPU_NODE = profile(gpus=[A100])
FAR = profile(region="us-west1")
RUNTIME = "0x" + "ab" * 32
SCRIPT = JobSpec.parse(
    {
        "program": {"kind": "runtime", "name": "python", "digest": DIGEST, "script": "main.py"},
        "inputs": [{"path": "main.py", "digest": DIGEST, "size": 1}],
    }
)
IMAGE = JobSpec.parse(
    {
        "sandbox": "docker",
        "program": {"kind": "image", "registry": "there.example", "repository": "tool", "digest": DIGEST},
    }
)
NETWORKED = JobSpec.parse(IMAGE.to_json() | {"network": {"hosts": ["a.example:443", "b.example:443"]}})
CONTAINERS = {"sandboxes": ["docker"], "registries": ["here.example"]}
PREEMPTIBLE = JobSpec.parse(spec().to_json() | {"schedule": {"preemptionNoticeSeconds": 60}})
FORBIDDEN = {
    "runtime": (bid(job_spec=SCRIPT), ask(1, node=profile(runtimes={"python": RUNTIME}))),
    "registry": (bid(job_spec=IMAGE), ask(1, node=profile(**CONTAINERS))),
    "network": (
        bid(job_spec=NETWORKED),
        ask(1, node=profile(sandboxes=["docker"], registries=["there.example"], networkHosts=["a.example"])),
    ),
    "region": (bid(job_spec=spec(regions=["us"])), ask(1)),
    "architecture": (bid(job_spec=spec(architectures=["aarch64"])), ask(1)),
    "cpuFeatures": (bid(job_spec=spec(cpuFeatures=["avx2", "amx"])), ask(1)),
    "gpus": (bid(gpus=1, job_spec=spec(gpuModels=["H100"], minGpuMemoryMb=80_000)), ask(1, node=GPU_NODE)),
    "vcpus": (bid(vcpus=65), ask(1)),
    "memoryMb": (bid(memory_mb=200_000), ask(1)),
    "diskMb": (bid(job_spec=spec(minDiskMb=2_000)), ask(1)),
    "carbon": (bid(job_spec=spec(maxCarbonGramsPerKwh=10)), ask(1, node=profile(carbonGramsPerKwh=300))),
    "reputation": (bid(job_spec=spec(minSettledLeases=3)), ask(1)),
    "deadline": (bid(deadline=NOW + 1_000), ask(1)),
    "freeGpus": (bid(gpus=3), replace(ask(1, units=2, node=profile(gpus=[A100] * 4)), free_units=1)),
    "latency": (bid(job_spec=spec(maxLatency=[{"fromRegion": "europe-west3", "maxMs": 1}])), ask(1, node=FAR)),
    "zone": (bid(job_spec=spec(zones=["a"])), ask(1, node=profile(zone="b"))),
    "rack": (bid(job_spec=spec(racks=["a7"])), ask(1)),
    "privacyZones": (bid(job_spec=spec(privacyZones=["hipaa"])), ask(1)),
    "tee": (bid(job_spec=spec(tees=["tdx"])), ask(1)),
    "schedule": (bid(deadline=NOW + 9_000), replace(ask(1), free_until=NOW + 8_000)),
    "preemption": (bid(job_spec=PREEMPTIBLE), ask(1)),
    "stake": (bid(max_price=10**7), ask(1, stake=10**6)),
}
"""For each constraint a bid and an ask of which it is all that stands between them."""
NOT_RELAXED = {
    "sandbox": "the protocol knows one sandbox, so that no job can ask for another",
    "promisedSandbox": "nobody is advised to have a lie pass for another version of the sandbox",
    "privateJobs": "nobody is advised to have a private job read by others",
}


def only(name: str):
    wanted, offered = FORBIDDEN[name]
    broken = [one.name for one in CONSTRAINTS if one.check(wanted, offered, NOW) is not None]
    assert broken == [name]
    return wanted, offered


@pytest.mark.parametrize("name", [one.name for one in CONSTRAINTS if one.name not in NOT_RELAXED])
def test_every_constraint_has_a_relaxation_that_lets_the_ask_serve_the_job(name):
    assert name in FORBIDDEN, f"{name} is new: add a bid that it forbids, so that this test shows what relaxes it"
    wanted, offered = only(name)
    change = WIDENERS.get(name, drop(name))(wanted, offered, NOW)
    assert change is not None, f"nothing relaxes {name}: add a widener"
    assert is_allowed(apply_changes(wanted, (change,)), offered, NOW)


@pytest.mark.parametrize("name", [name for name in FORBIDDEN if name not in ("deadline", "schedule")])
def test_advice_names_the_constraint_and_the_price_without_it(name):
    wanted, offered = only(name)
    market = snapshot([], [offered])
    (first, *_) = relax(market, wanted, None, wanted.bid.max_price)
    assert [change.constraint for change in first.changes] == [name]
    assert first.saving is None, "as it is, it has no price"
    assert [first.price] == price_each(market, [apply_changes(wanted, first.changes)])


def test_the_table_of_wideners_names_only_constraints():
    assert set(WIDENERS) <= {one.name for one in CONSTRAINTS}


def test_a_constraint_without_a_widener_is_dropped_from_the_specification(monkeypatch):
    """A kind that is added later: what asks for it is found by itself."""
    late = Quantity("latency", lambda one: one.job_spec.requirements.min_disk_mb, lambda one: 500)
    monkeypatch.setattr(relaxations, "CONSTRAINTS", (*CONSTRAINTS, late))
    (found,) = relax(snapshot([], [ask(1)]), bid(job_spec=spec(minDiskMb=900)), None, None)
    assert [change.constraint for change in found.changes] == ["latency"]
    assert found.to_json()["changes"] == {"requirements.minDiskMb": 0}


def test_another_region_is_advised_with_what_it_saves():
    near, far = ask(1, price=100_000), ask(2, price=80_000, node=profile(region="us"))
    (found,) = relax(snapshot([], [near, far]), bid(job_spec=spec(regions=["eu"])), 100_000, None)
    assert found.to_json() == {
        "constraints": ["region"],
        "says": ["Allow us as well"],
        "changes": {"requirements.regions": ["eu", "us"]},
        "price": "80000",
        "saving": "20000",
    }


def test_advice_comes_with_the_greatest_saving_first_and_never_costs_more():
    nodes = [profile(region=region) for region in ("us", "asia", "africa")]
    asks = [
        ask(1),
        *(
            ask(2 + n, price=price, node=node)
            for n, (price, node) in enumerate(zip((80_000, 60_000, 120_000), nodes, strict=True))
        ),
    ]
    found = relax(snapshot([], asks), bid(job_spec=spec(regions=["eu"])), 100_000, None)
    assert [(one.price, one.changes[0].says) for one in found] == [
        (60_000, "Allow asia as well"),
        (80_000, "Allow us as well"),
    ]


def test_the_price_of_a_change_counts_who_competes_there():
    cheap = ask(2, price=50_000, node=profile(region="us"))
    rival = bid(1, max_price=90_000, job_spec=spec(regions=["us"]))
    (found,) = relax(snapshot([rival], [ask(1), cheap]), bid(2, job_spec=spec(regions=["eu"])), 100_000, None)
    assert found.price == pytest.approx(90_000, rel=1e-3)


def test_two_constraints_are_relaxed_together_only_where_one_alone_is_of_no_use():
    both = ask(1, node=profile(region="us", diskMb=10))
    wanted = bid(job_spec=spec(regions=["eu"], minDiskMb=500))
    (found,) = relax(snapshot([], [both]), wanted, None, None)
    assert [change.constraint for change in found.changes] == ["region", "diskMb"]
    single = ask(2, price=300_000, node=profile(region="us"))
    assert [len(one.changes) for one in relax(snapshot([], [both, single]), wanted, None, None)] == [1]


def test_a_gpu_with_less_memory_is_advised_before_another_model():
    node = profile(gpus=[{"model": "A100", "memoryMb": 40_000}])
    (found, *_) = relax(
        snapshot([], [ask(1, node=node)]), bid(gpus=1, job_spec=spec(minGpuMemoryMb=80_000)), None, None
    )
    assert found.to_json()["changes"] == {"requirements.minGpuMemoryMb": 40_000}
    assert "40000 MB of GPU memory instead of 80000" in found.changes[0].says


def test_nothing_is_advised_where_nothing_stands_in_the_way():
    assert relax(snapshot([], [ask(1)]), bid(), 100_000, None) == []


def test_a_change_that_makes_no_job_is_none():
    change = replace(WIDENERS["memoryMb"](*FORBIDDEN["memoryMb"], NOW), fields=(("memoryMb", -1),))
    assert apply_changes(bid(), (change,)) is None


def test_every_quantity_has_a_widener_of_its_own():
    assert {one.name for one in QUANTITIES} <= set(WIDENERS)
