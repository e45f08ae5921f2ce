"""Workflows in a market: placed whole or not at all, each job held until it may begin, nothing waits in vain."""

import pytest

from marketplace.client.jobs import PreparedJob
from marketplace.client.workflows import WorkflowBid, build_workflow
from marketplace.domain.jobs import JobState
from marketplace.domain.orders import OrderState
from marketplace.domain.workflows import WorkflowState
from marketplace.errors import CancelledOrder, InsufficientFunds, MalformedMessage, NotFound
from marketplace.protocol.enums import CancelKind, ExitKind, Outcome
from marketplace.protocol.messages import Cancel
from marketplace.protocol.workflow import Workflow
from marketplace.services.cancel_order import cancel_order
from marketplace.services.clear_round import run_round
from marketplace.services.follow_chain import follow_chain, rebuild
from marketplace.services.place_order import SignedBid, place_bid
from marketplace.services.place_workflow import place_workflow
from marketplace.services.show_job import show_job
from marketplace.services.show_workflow import list_workflows, show_workflow
from tests.fakes.world import DOMAIN, OPERATOR, RENTER, USDC, World, key


def job(name: str, *after: str, **more) -> dict:
    few = {"memory": 512, "seconds": 60, "fuel": 10, "egress": 1}
    return {"name": name, "program": "x.py", "maxPrice": "1", "after": list(after)} | few | more


DIAMOND = (job("a"), job("b", "a"), job("c", "a"), job("d", "b", "c"))


def bids_of(world: World, *jobs: dict, first_salt: int = 1, renter=RENTER) -> list[WorkflowBid]:
    workflow = Workflow.parse({"name": "w", "jobs": jobs})
    prepared = {one["name"]: PreparedJob(world.job_spec(), {}) for one in jobs}
    return build_workflow(
        workflow, prepared, renter=renter.address, market=OPERATOR.address, first_salt=first_salt, now=world.chain.time
    )


def signed(bids: list[WorkflowBid], signer=RENTER) -> list[SignedBid]:
    return [SignedBid(one.bid, one.bid.sign(DOMAIN, signer.key), one.spec) for one in bids]


def place(world: World, *jobs: dict, **more) -> str:
    return place_workflow(world.market, signed(bids_of(world, *jobs, **more))).workflow_id


def states(world: World, workflow_id: str) -> dict[str, list[str]]:
    return {
        one["name"]: [attempt["state"] for attempt in one["attempts"]]
        for one in show_workflow(world.market, workflow_id)["jobs"]
    }


def ids(world: World, workflow_id: str) -> dict[str, list[str]]:
    jobs = show_workflow(world.market, workflow_id)["jobs"]
    return {one["name"]: [attempt["jobId"] for attempt in one["attempts"]] for one in jobs}


def state(world: World, workflow_id: str) -> str:
    return show_workflow(world.market, workflow_id)["state"]


def clear(world: World) -> None:
    run_round(world.market)
    world.drain()


def end(world: World, job_id: str, text: bytes = b"hello\n", *, outcome: Outcome = Outcome.PAID, code: int = 0) -> None:
    """What agents and oracles do with an open lease."""
    lease_id = world.lease_of(job_id)
    kind = ExitKind.EXITED if outcome is Outcome.PAID else ExitKind.TRAP
    world.attest(lease_id, text, exit_code=code, exit_kind=int(kind))
    world.judge(lease_id, outcome=int(outcome), **({} if outcome is Outcome.PAID else {"pay": 0}))
    world.sign_batches()
    world.drain()


@pytest.fixture
def offered(world):
    world.offer(world.ask(units=4))
    return world


def test_each_job_is_opened_once_what_it_needs_is_paid_and_not_before(offered):
    placed = place(offered, *DIAMOND)
    jobs = {name: one for name, (one,) in ids(offered, placed).items()}
    clear(offered)
    assert states(offered, placed) == {"a": ["running"], "b": ["queued"], "c": ["queued"], "d": ["queued"]}
    assert show_job(offered.market, jobs["d"])["reason"] == "It waits for the job 'b'."
    end(offered, jobs["a"])
    clear(offered)
    assert states(offered, placed) == {"a": ["paid"], "b": ["running"], "c": ["running"], "d": ["queued"]}
    end(offered, jobs["b"])
    clear(offered)
    assert states(offered, placed)["d"] == ["queued"], "one of two is not both"
    end(offered, jobs["c"])
    clear(offered)
    end(offered, jobs["d"])
    shown = show_workflow(offered.market, placed)
    assert shown["state"] == WorkflowState.DONE and shown["cap"] == str(4 * USDC)
    assert 0 < int(shown["paid"]) < 4 * USDC


def test_a_retry_begins_after_a_failure_and_serves_what_needs_the_job(offered):
    placed = place(offered, job("a", retries=2), job("b", "a"))
    first, second, third = ids(offered, placed)["a"]
    clear(offered)
    assert states(offered, placed) == {"a": ["running", "queued", "queued"], "b": ["queued"]}
    end(offered, first, outcome=Outcome.FAILED)
    clear(offered)
    assert states(offered, placed) == {"a": ["failed", "running", "queued"], "b": ["queued"]}
    end(offered, second)
    clear(offered)
    assert states(offered, placed) == {"a": ["failed", "paid", "cancelled"], "b": ["running"]}
    assert show_job(offered.market, third)["reason"].startswith("Attempt 2 was paid")
    end(offered, ids(offered, placed)["b"][0])
    assert state(offered, placed) == WorkflowState.DONE


def test_what_needs_a_job_that_failed_is_withdrawn_and_the_timeline_says_why(offered):
    placed = place(offered, *DIAMOND, job("e"))
    clear(offered)
    end(offered, ids(offered, placed)["a"][0], outcome=Outcome.FAILED)
    clear(offered)
    assert states(offered, placed)["e"] == ["running"], "what needs nothing of it goes on"
    assert [states(offered, placed)[name] for name in "bcd"] == [["cancelled"]] * 3
    assert state(offered, placed) == WorkflowState.RUNNING
    last = show_job(offered.market, ids(offered, placed)["d"][0])["timeline"][-1]
    assert last["event"] == "cancelled" and "needs the job 'b'" in last["detail"]
    end(offered, ids(offered, placed)["e"][0])
    assert state(offered, placed) == WorkflowState.FAILED
    account = offered.chain.renter_account(RENTER.address)
    assert account.free == 100 * USDC - int(show_workflow(offered.market, placed)["paid"]), "nothing stays locked"


def test_a_program_that_fails_by_itself_is_paid_and_what_needs_it_is_withdrawn(offered):
    placed = place(offered, job("a", retries=1), job("b", "a"))
    clear(offered)
    end(offered, ids(offered, placed)["a"][0], code=3)
    clear(offered)
    assert states(offered, placed) == {"a": ["paid", "cancelled"], "b": ["cancelled"]}
    assert "exit code 3" in show_job(offered.market, ids(offered, placed)["b"][0])["reason"]
    assert state(offered, placed) == WorkflowState.FAILED


def test_a_result_without_the_file_that_is_needed_is_of_no_use(offered):
    placed = place(offered, job("a"), job("b", takes=[{"job": "a", "output": "out/x", "path": "x"}]))
    clear(offered)
    end(offered, ids(offered, placed)["a"][0])
    clear(offered)
    assert "left no such file" in show_job(offered.market, ids(offered, placed)["b"][0])["reason"]


def test_a_file_that_is_needed_may_be_a_log_and_is_not_taken_where_it_is_too_long(offered):
    taken = {"job": "a", "output": "log/stdout", "path": "x"}
    placed = place(offered, job("a"), job("b", takes=[taken]), job("c", takes=[taken | {"maxBytes": 5}]))
    clear(offered)
    end(offered, ids(offered, placed)["a"][0], b"123456")
    clear(offered)
    assert states(offered, placed) == {"a": ["paid"], "b": ["running"], "c": ["cancelled"]}
    assert "which has 6" in show_job(offered.market, ids(offered, placed)["c"][0])["reason"]


def test_a_job_that_lapses_unmatched_is_not_tried_again(world):
    placed = place(world, job("a", retries=1, within=200), job("b", "a"))
    clear(world)
    world.chain.mine(300)
    clear(world)
    world.offer(world.ask(units=4))
    clear(world)
    assert states(world, placed) == {"a": ["expired", "cancelled"], "b": ["cancelled"]}
    assert state(world, placed) == WorkflowState.FAILED


def test_a_workflow_survives_a_restart_and_goes_on(offered):
    placed = place(offered, job("a"), job("b", "a"))
    clear(offered)
    offered.market = offered.restarted()
    end(offered, ids(offered, placed)["a"][0])
    offered.market = offered.restarted()
    clear(offered)
    assert states(offered, placed) == {"a": ["paid"], "b": ["running"]}


def test_a_rebuild_from_the_chain_leaves_a_workflow_as_it_stands(offered):
    placed = place(offered, job("a", retries=1), job("b", "a"))
    clear(offered)
    end(offered, ids(offered, placed)["a"][0])
    clear(offered)
    before = show_workflow(offered.market, placed)
    rebuild(offered.market)
    assert show_workflow(offered.market, placed) == before


def test_a_reorganisation_that_undoes_a_payment_holds_back_what_needs_it(offered):
    placed = place(offered, job("a"), job("b", "a"))
    clear(offered)
    end(offered, ids(offered, placed)["a"][0])
    assert states(offered, placed)["a"] == ["paid"]
    offered.chain.reorganise(2, keep_transactions=False)
    follow_chain(offered.market)
    assert states(offered, placed)["a"] != ["paid"]
    run_round(offered.market)
    assert states(offered, placed)["b"] == ["queued"]


def test_a_bid_that_is_withdrawn_takes_with_it_what_needs_it(offered):
    placed = place(offered, *DIAMOND)
    bids = bids_of(offered, *DIAMOND)
    cancel = Cancel(signer=RENTER.address, kind=CancelKind.BID, salt=bids[0].bid.salt)
    cancel_order(offered.market, cancel, cancel.sign(DOMAIN, RENTER.key))
    clear(offered)
    assert set(map(tuple, states(offered, placed).values())) == {("cancelled",)}
    assert state(offered, placed) == WorkflowState.CANCELLED


def test_why_a_bid_was_withdrawn_stays_said_whatever_a_round_found_meanwhile(offered):
    placed = place(offered, job("a"))
    (only,) = ids(offered, placed)["a"]
    with offered.market.store.write() as tx:
        tx.bids.set_reason(only, "nobody offers this")
        tx.bids.set_state(only, OrderState.CANCELLED, "by its renter")
        tx.bids.set_reason(only, "nobody offers this")
        assert tx.bids.get(only).reason == "by its renter"


# --- all or nothing ---------------------------------------------------------------------------------------------------


def test_placing_the_same_workflow_again_changes_nothing(offered):
    orders = signed(bids_of(offered, *DIAMOND))
    first, again = (place_workflow(offered.market, orders) for _ in range(2))
    assert first.workflow_id == again.workflow_id and (first.is_new, again.is_new) == (True, False)
    assert len(list_workflows(offered.market, renter=RENTER.address)["workflows"]) == 1
    assert list_workflows(offered.market, renter=key(9).address)["workflows"] == []


def test_a_bid_of_a_workflow_that_comes_alone_waits_for_the_others(offered):
    """As after a kill on the way: sending the workflow again completes it."""
    orders = signed(bids_of(offered, job("a"), job("b", "a")))
    alone = place_bid(offered.market, orders[0].bid, orders[0].signature, orders[0].job_spec).order_hash
    clear(offered)
    shown = show_job(offered.market, alone)
    assert shown["state"] == JobState.QUEUED and "other bids of its workflow" in shown["reason"]
    place_workflow(offered.market, orders)
    clear(offered)
    assert show_job(offered.market, alone)["state"] == JobState.RUNNING


def test_where_one_bid_is_refused_none_is_placed(offered):
    orders = signed(bids_of(offered, job("a", maxPrice="60"), job("b", "a", maxPrice="60")))
    with pytest.raises(InsufficientFunds):
        place_workflow(offered.market, orders)
    clear(offered)
    first = orders[0].bid.struct_hash()
    assert show_job(offered.market, first)["state"] == JobState.CANCELLED
    with pytest.raises(NotFound):
        show_workflow(offered.market, first)
    offered.chain.state.free[RENTER.address] = 200 * USDC
    with pytest.raises(CancelledOrder, match="is cancelled already"):
        place_workflow(offered.market, orders)


def test_what_is_tried_in_anothers_stead_needs_no_money_of_its_own(offered):
    assert states(offered, place(offered, job("a", maxPrice="90", retries=3)))


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda orders: [], "are 0"),
        (lambda orders: orders[:-1], r"bids\.0\.jobSpec\.workflow\.bids"),
        (lambda orders: [orders[1], orders[0], *orders[2:]], r"bids\.1\.bid\.salt"),
        (lambda orders: [*orders[:2], orders[1], *orders[3:]], r"bids\.2\.bid\.salt"),
    ],
)
def test_bids_that_make_up_no_workflow_are_refused_by_field(offered, spoil, problem):
    with pytest.raises(MalformedMessage, match=problem):
        place_workflow(offered.market, spoil(signed(bids_of(offered, *DIAMOND))))


def test_bids_of_two_runs_make_up_no_workflow(offered):
    """The second run's jobs name the first ones of their own."""
    one, other = (signed(bids_of(offered, *DIAMOND, first_salt=salt)) for salt in (1, 11))
    with pytest.raises(MalformedMessage, match=r"bids\.1\.jobSpec\.workflow\.needs\.0\.bids"):
        place_workflow(offered.market, [one[0], *other[1:]])


def test_a_need_that_leaves_out_a_retry_is_refused(offered):
    bids = bids_of(offered, job("a", retries=1), job("b", "a"))
    place_of_b = bids[2].spec.workflow
    short = place_of_b.model_copy(
        update={"needs": (place_of_b.needs[0].model_copy(update={"bids": place_of_b.needs[0].bids[:1]}),)}
    )
    spec = bids[2].spec.model_copy(update={"workflow": short})
    bid = bids[2].bid.model_copy(update={"job_digest": spec.digest()})
    spoilt = [*bids[:2], WorkflowBid("b", 0, bid, spec)]
    with pytest.raises(MalformedMessage, match=r"bids\.2\.jobSpec\.workflow\.needs\.0\.bids"):
        place_workflow(offered.market, signed(spoilt))
