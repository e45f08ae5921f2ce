"""Acts that carry several signed messages, for the table of who may do what: workflows, and oracles' bulks."""

from marketplace.client.jobs import PreparedJob
from marketplace.client.workflows import build_workflow
from marketplace.protocol.workflow import Workflow
from tests.fakes.world import OPERATOR, RENTER
from tests.integration.acts import API, Act, in_both_names, reveal_of, signed, world_of
from tests.integration.openapi_workflow import DOCUMENT


def workflow_of(folder):
    world = world_of(folder)
    return world, workflow_in(world)


def workflow_in(world):
    """The act in a world that there is."""
    workflow = Workflow.parse(DOCUMENT)
    prepared = {job.name: PreparedJob(world.job_spec(), {}) for job in workflow.jobs}
    bids = build_workflow(
        workflow,
        prepared,
        renter=RENTER.address,
        market=OPERATOR.address,
        first_salt=world.next_salt(RENTER.address),
        now=world.chain.time,
    )

    def act(signer):
        bodies = [signed("bid", one.bid, signer, jobSpec=one.spec.to_json()) for one in bids]
        return [Act(f"{API}/workflows", {"bids": bodies})]

    return act


def open_lease_of(world) -> str:
    with world.market.store.read() as tx:
        (lease,) = tx.leases.open()
    return lease.lease_id


def seals_of(folder):
    world = world_of(folder)
    lease = world.open_lease()
    world.attest(lease)
    verdict = world.verdict(lease)

    def act(signer):
        bodies = [
            {"oracle": one.address, "seals": [signed("seal", world.sealed(one, verdict).seal(one.address), signer)]}
            for one in in_both_names(signer)
        ]
        return [Act(f"{API}/oracle/seals", body) for body in bodies]

    return world, act


def reveals_of(folder):
    world, _ = reveal_of(folder)
    verdict = world.verdict(open_lease_of(world))

    def act(signer):
        bodies = [
            {"oracle": one.address, "reveals": [signed("reveal", world.sealed(one, verdict), signer)]}
            for one in in_both_names(signer)
        ]
        return [Act(f"{API}/oracle/verdicts", body) for body in bodies]

    return world, act


PLAYED_OF_MANY = {"place_workflow": workflow_of, "reveal_verdicts": reveals_of, "send_verdict_seals": seals_of}
