"""A workflow of two jobs, the first of which may be tried again, as the OpenAPI document shows it."""

from pathlib import Path

from marketplace.client.jobs import PreparedJob
from marketplace.client.workflows import build_workflow
from marketplace.protocol.workflow import Workflow
from marketplace.services.clear_round import run_round
from tests.fakes.world import DOMAIN, OPERATOR, OTHER_RULES, RENTER, World
from tests.integration.openapi_recorder import Recorder

WORKFLOWS = "/api/v1/workflows"
JOB = {"program": "hello.py", "maxPrice": "1", "memory": 512, "seconds": 60, "fuel": 10, "egress": 1}
TAKEN = {"job": "first", "output": "log/stdout", "path": "first.txt", "maxBytes": 1000}
DOCUMENT = {
    "name": "hello",
    "jobs": [{"name": "first", "retries": 1} | JOB, {"name": "second", "takes": [TAKEN]} | JOB],
}


def carry_out(recorder: Recorder, folder: Path) -> None:
    """Placed, then looked at before and after its first job is paid."""
    world = World(folder, OTHER_RULES)
    recorder.enter(world)
    world.offer()
    prepared = dict.fromkeys(("first", "second"), PreparedJob(world.job_spec(), {}))
    bids = build_workflow(
        Workflow.parse(DOCUMENT), prepared, renter=RENTER.address, market=OPERATOR.address, first_salt=1,
        now=world.chain.time,
    )  # fmt: skip
    signed = [
        {"bid": one.bid.to_json(), "signature": one.bid.sign(DOMAIN, RENTER.key), "jobSpec": one.spec.to_json()}
        for one in bids
    ]
    placed = recorder.post(WORKFLOWS, {"bids": signed})
    run_round(world.market)
    world.drain()
    lease_id = world.lease_of(bids[0].bid.struct_hash())
    world.attest(lease_id)
    world.judge(lease_id)
    world.sign_batches()
    world.drain()
    run_round(world.market)
    recorder.get(f"{WORKFLOWS}/{placed['workflowId']}")
    recorder.get(WORKFLOWS, renter=RENTER.address)
