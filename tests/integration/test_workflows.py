"""Workflows on a real market: signed at once, carried out while the renter is away, by agents that ask the chain."""

import sys
import time

import pytest
from eth_account import Account

from marketplace.cli.localmarket import LocalMarket, ProviderPlan
from marketplace.client.jobs import runtimes_of, upload_job
from marketplace.client.workflows import build_workflow, prepare_workflow
from marketplace.protocol.workflow import Workflow
from tests.integration.local import (
    PROVIDER,
    RATES,
    RENTER,
    USDC,
    assert_every_micro_usdc_is_accounted_for,
    plan,
)
from tests.integration.substituting import STOLEN

pytestmark = pytest.mark.timeout(400)
SCRIPTS = {
    "split.py": "for name in ('a', 'b'):\n    open(f'/out/{name}.txt', 'w').write(name * 7)\n",
    "count.py": "import os\n(name,) = [n for n in os.listdir('/in') if n.endswith('.txt')]\n"
    "open('/out/count.txt', 'w').write(f'{name} {len(open(\"/in/\" + name).read())}')\n",
    "join.py": "print(open('/in/a').read(), open('/in/b').read())\n",
    "endless.py": "while True:\n    pass\n",
}
SMALL = {"memory": 256, "seconds": 60, "fuel": 30, "egress": 2, "maxPrice": "0.5"}


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    command = (sys.executable, "-m", "tests.integration.substituting")
    provider = ProviderPlan(PROVIDER, "eu", 2, 50 * USDC, RATES, command=command)
    with LocalMarket(plan(providers=[provider]), tmp_path_factory.mktemp("market")) as market:
        market.start()
        yield market


def job(name: str, program: str, **more) -> dict:
    return {"name": name, "program": program} | SMALL | more


def taken(source: str, output: str, path: str) -> dict:
    return {"job": source, "output": output, "path": path}


def place(market, folder, *jobs: dict, name: str = "words") -> tuple[dict, list]:
    for file, source in SCRIPTS.items():
        (folder / file).write_text(source)
    workflow = Workflow.parse({"name": name, "jobs": jobs})
    with market.client() as client:
        config, renter = client.config(), market.addresses[RENTER]
        prepared = prepare_workflow(workflow, folder, runtimes_of(config))
        for one in prepared.values():
            upload_job(client, one)
        bids = build_workflow(
            workflow, prepared, renter=renter, market=config["market"], first_salt=client.next_salt(renter),
            now=int(time.time()),
        )  # fmt: skip
        return client.place_workflow(bids, client.domain(), Account.from_key(market.keys[RENTER])), bids


def at_its_end(market, placed: dict, timeout: float = 240) -> dict:
    ends_at = time.monotonic() + timeout
    with market.client() as client:
        while time.monotonic() < ends_at:
            found = client.workflow(placed["workflowId"])
            if found["state"] != "running":
                return found
            time.sleep(0.5)
    raise AssertionError(f"still running: {found}")


def output_of(market, job_id: str) -> str:
    with market.client() as client:
        (lease,) = client.job(job_id)["leases"]
        return client.job_logs(job_id)["leases"][0]["stdout"] if lease["outcome"] == "paid" else ""


def states(workflow: dict) -> dict[str, list[str]]:
    return {one["name"]: [attempt["state"] for attempt in one["attempts"]] for one in workflow["jobs"]}


def job_of(workflow: dict, name: str) -> str:
    return next(one["attempts"][0]["jobId"] for one in workflow["jobs"] if one["name"] == name)


def test_four_jobs_with_fan_out_and_fan_in_are_paid_each_after_what_it_needs(market, tmp_path):
    placed, bids = place(
        market,
        tmp_path,
        job("split", "split.py"),
        job("count-a", "count.py", takes=[taken("split", "out/a.txt", "a.txt")]),
        job("count-b", "count.py", takes=[taken("split", "out/b.txt", "b.txt")], retries=1),
        job("join", "join.py", takes=[taken("count-a", "out/count.txt", "a"), taken("count-b", "out/count.txt", "b")]),
    )
    assert placed["state"] == "running"
    found = at_its_end(market, placed)
    assert found["state"] == "done"
    assert states(found) == {
        "split": ["paid"], "count-a": ["paid"], "count-b": ["paid", "cancelled"], "join": ["paid"],
    }  # fmt: skip
    assert output_of(market, bids[-1].bid.struct_hash()) == "a.txt 7 b.txt 7\n"
    assert 0 < int(found["paid"]) <= int(found["cap"])
    assert_every_micro_usdc_is_accounted_for(market)


def test_a_job_that_fails_is_tried_again_and_what_needs_it_is_withdrawn_and_costs_nothing(market, tmp_path):
    placed, _ = place(
        market,
        tmp_path,
        job("split", "split.py"),
        job("endless", "endless.py", after=["split"], retries=1, fuel=4),
        job("join", "join.py", after=["endless"]),
        job("other", "count.py", takes=[taken("split", "out/a.txt", "a.txt")]),
    )
    found = at_its_end(market, placed)
    assert found["state"] == "failed"
    assert states(found) == {
        "split": ["paid"], "endless": ["failed", "failed"], "join": ["cancelled"], "other": ["paid"],
    }  # fmt: skip
    with market.client() as client:
        last = client.job(job_of(found, "join"))
        assert last["leases"] == []
        assert last["timeline"][-1]["event"] == "cancelled"
        assert "endless" in last["timeline"][-1]["detail"]
    assert_every_micro_usdc_is_accounted_for(market)


def test_a_provider_that_substitutes_an_input_is_found_out_by_oracles_and_loses_its_penalty(market, tmp_path):
    placed, _ = place(
        market,
        tmp_path,
        job("split", "split.py"),
        job("count", "count.py", takes=[taken("split", "out/a.txt", "a.txt")]),
        job("join", "join.py", after=["count"]),
        name=STOLEN,
    )
    before = market.reader().stake(market.addresses[PROVIDER]).active
    found = at_its_end(market, placed)
    assert states(found) == {"split": ["paid"], "count": ["fraud"], "join": ["cancelled"]}
    assert found["state"] == "failed"
    with market.client() as client:
        (lease,) = client.job(job_of(found, "count"))["leases"]
    assert market.reader().stake(market.addresses[PROVIDER]).active == before - int(lease["penalty"])
    assert_every_micro_usdc_is_accounted_for(market)
