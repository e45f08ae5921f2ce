"""A transaction that succeeded in one history of the chain and fails in the next, heard before that is followed."""

from marketplace.services.clear_round import run_round
from marketplace.services.follow_chain import follow_chain
from marketplace.services.outbox import process_outbox
from marketplace.services.show_job import show_job
from tests.fakes.world import RENTER, USDC


def opened_in_a_history_that_refuses_it(world) -> str:
    """A job whose lease was followed, and whose transaction fails in the history that took that one's place."""
    world.offer()
    job_id = world.submit()
    run_round(world.market)
    _ = process_outbox(world.market), process_outbox(world.market), follow_chain(world.market)
    assert show_job(world.market, job_id)["state"] == "running"
    world.chain.blocks[-2].state.free[RENTER.address] = 0
    world.chain.reorganise(1, keep_transactions=True)
    return job_id


def runs_in_the_end(world, job_id: str) -> bool:
    world.chain.state.free[RENTER.address] = 100 * USDC
    for _ in range(3):
        world.chain.mine(seconds=60)
        run_round(world.market)
        world.drain()
    with world.market.store.read() as tx:
        waiting = tx.matches.reserved()
    return show_job(world.market, job_id)["state"] == "running" and len(world.chain.state.leases) == 1 and not waiting


def test_a_refusal_heard_before_the_reorganisation_is_followed_leaves_no_match_without_a_transaction(world):
    job_id = opened_in_a_history_that_refuses_it(world)
    assert process_outbox(world.market), "the outbox hears it first"
    follow_chain(world.market)
    assert runs_in_the_end(world, job_id)


def test_a_reorganisation_followed_while_a_refusal_is_dealt_with_leaves_no_match_without_a_transaction(
    world, monkeypatch
):
    job_id = opened_in_a_history_that_refuses_it(world)
    head = world.chain.head

    def head_after_following():
        monkeypatch.setattr(world.chain, "head", head)
        follow_chain(world.market)
        return head()

    monkeypatch.setattr(world.chain, "head", head_after_following)
    assert process_outbox(world.market)
    assert runs_in_the_end(world, job_id)
