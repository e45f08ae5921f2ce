"""What retention leaves of workflows, and of jobs that ended after a long wait."""

from dataclasses import replace

from sqlalchemy.dialects import sqlite

from marketplace.adapters.store.retention import _queries
from marketplace.domain.retention import DAY, Kept
from marketplace.domain.workflows import WorkflowState
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.messages import Cancel
from marketplace.services.cancel_order import cancel_order
from marketplace.services.follow_chain import rebuild
from marketplace.services.hold_workflows import exit_code_of
from marketplace.services.prune import prune_all
from marketplace.services.show_workflow import list_workflows, show_workflow
from tests.fakes.databases import only_sqlite
from tests.fakes.world import DOMAIN, RENTER
from tests.unit.market.test_prune import EVERYTHING, OUTPUT, age, keeping
from tests.unit.market.test_workflows import clear, end, ids, job, place, state


def cancel_all(world) -> None:
    """Whatever the renter has, workflows' bids too: their salts are below ten."""
    cancel = Cancel(signer=RENTER.address, kind=int(CancelKind.BIDS_BEFORE), salt=10)
    cancel_order(world.market, cancel, cancel.sign(DOMAIN, RENTER.key))


def test_a_workflow_that_was_cancelled_is_shown_however_old_it_is(world):
    placed = place(world, job("a"), job("b", "a"))
    cancel_all(world)
    keeping(world)
    age(world, 100)
    prune_all(world.market)
    assert show_workflow(world.market, placed)["state"] == WorkflowState.CANCELLED
    assert [one["workflowId"] for one in list_workflows(world.market)["workflows"]] == [placed]


def test_a_result_that_another_job_of_the_workflow_may_need_stays_until_nobody_waits(world):
    world.offer(world.ask(units=4))
    placed = place(world, job("a"), job("b", "a"), job("c", "b"))
    first = ids(world, placed)["a"][0]
    clear(world)
    end(world, first, OUTPUT)
    keeping(world, replace(EVERYTHING, events_days=0))
    age(world, 2)
    prune_all(world.market)
    assert state(world, placed) == WorkflowState.RUNNING
    assert world.market.blobs.has(sha256_digest(OUTPUT))
    with world.market.store.read() as tx:
        assert exit_code_of(tx, first) == 0
    cancel_all(world)
    prune_all(world.market)
    assert not world.market.blobs.has(sha256_digest(OUTPUT))


def test_a_workflow_that_failed_by_an_exit_code_has_failed_however_long_ago(world):
    world.offer(world.ask(units=4))
    placed = place(world, job("a"), job("b", "a"))
    failed = ids(world, placed)["a"][0]
    clear(world)
    end(world, failed, OUTPUT, code=3)
    clear(world)
    shown = show_workflow(world.market, placed)
    assert (shown["state"], shown["jobs"][0]["attempts"][0]["exitCode"]) == (WorkflowState.FAILED, 3)
    keeping(world)
    age(world, 40)
    assert prune_all(world.market).rows["evidence"]
    with world.market.store.read() as tx:
        assert tx.evidence.attestation(world.lease_of(failed)) is None
    assert show_workflow(world.market, placed) == shown
    rebuild(world.market)
    world.drain()
    assert show_workflow(world.market, placed) == shown, "the chain alone does not say it"


def test_the_timeline_of_a_job_that_has_just_ended_stays_however_long_it_waited(world):
    waiting = world.submit(world.bid(valid_until=world.chain.time + 29 * DAY, deadline=world.chain.time + 30 * DAY))
    age(world, 20)
    cancel_all(world)
    keeping(world, replace(EVERYTHING, orders_days=0))
    with world.market.store.read() as tx:
        told = tx.timeline.of(waiting)
    prune_all(world.market)
    with world.market.store.read() as tx:
        assert told and tx.timeline.of(waiting) == told, "webhooks and the feed may not have read of its end yet"
    age(world, 2)
    assert prune_all(world.market).rows["events"] == len(told)


@only_sqlite  # its planner says what it does before any row is there
def test_whether_a_workflow_waits_is_asked_without_reading_the_bids_of_all_others(world):
    query = _queries(Kept.EVIDENCE, 1, 1)[0].compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    with world.market.store._reading() as session:
        steps = [row.detail for row in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")]
    of_workflows = [one for one in steps if "workflow_bids" in one]
    assert of_workflows and not any(one.startswith("SCAN") for one in of_workflows), steps
