"""A node is killed in the middle of a job; what it had saved is finished by another, and paid once."""

import re
import time
from dataclasses import replace

import pytest

from marketplace.cli.localmarket import LocalMarket, ProviderPlan
from marketplace.client.jobs import build_bid, prepare_job, runtimes_of, upload_job
from marketplace.client.results import fetch_result, read_log
from marketplace.client.resuming import resume_job
from marketplace.client.waiting import wait_until
from marketplace.errors import NotFound
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.jobspec import Checkpointing
from marketplace.protocol.messages import Cancel
from marketplace.protocol.metering import Resources
from tests.integration.local import (
    RATES,
    RENTER,
    USDC,
    assert_every_micro_usdc_is_accounted_for,
    finish,
    plan_with_one_oracle,
)

NODES = ("first", "second")
ROOM = Resources(gpus=0, vcpus=1, memory_mb=256, seconds=75, fuel=900_000_000_000, egress_mb=2)
MORE = replace(ROOM, seconds=400)
"""For the rest of the job: nothing waits for the end of its lease, so a slow machine may have the time it needs."""
STEPS = 40
COUNTER = f"""
import os
at = int(open('/in/state/n').read()) if os.path.exists('/in/state/n') else 0
os.makedirs('state', exist_ok=True)
for n in range(at, {STEPS}):
    sum(range(2_000_000 if at == 0 else 20_000))
    open('state/new', 'w').write(str(n + 1)); os.rename('state/new', 'state/n')
print('from', at, 'to', {STEPS})
"""
"""Long from the beginning, for there must be time for a kill; short from a checkpoint on: the oracle runs that, too."""
pytestmark = pytest.mark.timeout(750)


@pytest.fixture
def market(tmp_path):
    nodes = [ProviderPlan(name, "eu", 1, 50 * USDC, RATES) for name in NODES]
    with LocalMarket(plan_with_one_oracle(providers=nodes), tmp_path / "market") as market:
        market.start()
        yield market


def place(market, client, job, resources, deadline: int | None = None) -> str:
    bid = build_bid(
        job, renter=market.addresses[RENTER], market=client.config()["market"], resources=resources, max_price=2 * USDC,
        salt=client.next_salt(market.addresses[RENTER]), deadline=deadline,
    )  # fmt: skip
    return client.submit_job(bid, bid.sign(client.domain(), market.keys[RENTER]), job.spec)["jobId"]


def has_saved(client, job_id) -> bool:
    leases = client.job(job_id)["leases"]
    try:
        return bool(leases) and bool(client.checkpoint(leases[0]["leaseId"]))
    except NotFound:
        return False


def take_back_ask(market, client, name: str) -> None:
    (node,) = [node for node in client.nodes() if node["provider"] == market.addresses[name]]
    cancel = Cancel(signer=market.addresses[name], kind=CancelKind.ASKS_BEFORE, salt=int(node["ask"]["salt"]) + 1)
    client.cancel(cancel, cancel.sign(client.domain(), market.keys[name]))


def test_work_of_a_node_that_was_killed_is_finished_by_another_from_its_checkpoint(market, tmp_path):
    program = tmp_path / "count.py"
    program.write_text(COUNTER)
    with market.client() as client:
        runtimes = runtimes_of(client.config())
        job = prepare_job(
            program, (), runtimes=runtimes, checkpoint=Checkpointing(directory="state", interval_seconds=5)
        )
        upload_job(client, job)
        first = place(market, client, job, ROOM, int(time.time()) + ROOM.seconds + 5)
        wait_until(lambda: has_saved(client, first), timeout=75, what="The first checkpoint")
        (lease,) = client.job(first)["leases"]
        (dead,) = [name for name in NODES if market.addresses[name] == lease["provider"]]
        market.process(dead).kill()

        market.devnet.advance_time(max(1, lease["deadline"] + 2 - int(time.time())))
        ended = finish(market, first, timeout=60)
        assert (ended["state"], ended["leases"][0]["exit"]) == ("refunded", None)

        rest = resume_job(client, ended, client.domain())
        take_back_ask(market, client, dead)  # as its owner would; the market itself waits longer for a silent node
        second = place(market, client, rest, MORE)
        done = finish(market, second, timeout=450)
        assert done["state"] == "paid"
        (other,) = done["leases"]
        assert other["provider"] != lease["provider"]
        result = fetch_result(client, other["leaseId"], client.lease_terms(other["leaseId"]), client.domain())
        began, to = map(int, re.findall(rb"\d+", read_log(client, result)))
    assert 0 < began < to == STEPS
    assert ended["leases"][0]["refund"] == ended["leases"][0]["price"], "what was not finished is not paid"
    assert_every_micro_usdc_is_accounted_for(market)
