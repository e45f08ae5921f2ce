"""What a market looks at of results that others wait for: the one that the chain counts, no more than it needs."""

import pytest

from marketplace.adapters.store.evidence import Evidence
from marketplace.protocol.manifest import Manifest
from marketplace.services.clear_round import run_round
from marketplace.services.show_workflow import show_workflow
from tests.fakes.world import USDC, key
from tests.unit.market.sealing import close_by_receipt
from tests.unit.market.test_workflows import clear, end, ids, job, place, states

TWICE = job("a", replicas=2, verify="accept")


@pytest.fixture
def two(world):
    """Two providers."""
    other = key(9)
    world.chain.state.active[other.address] = 100 * USDC
    world.offer(world.ask(units=4))
    world.offer(world.ask(units=4, provider=other.address), signer=other)
    return world


@pytest.mark.parametrize("is_reversed", [False, True])
def test_of_two_paid_replicas_the_one_that_was_closed_first_counts(two, is_reversed):
    """Its program ended well; that of the other, which was closed later, did not."""
    placed = place(two, TWICE, job("b", "a"))
    clear(two)
    (first_job,) = ids(two, placed)["a"]
    with two.market.store.read() as tx:
        leases = [lease.lease_id for lease in tx.leases.of_bid(first_job)]
    good, bad = reversed(leases) if is_reversed else leases
    two.attest(good, b"well\n")
    two.attest(bad, b"badly\n", exit_code=3)
    close_by_receipt(two, good)
    two.chain.mine(1)
    close_by_receipt(two, bad)
    clear(two)
    assert states(two, placed) == {"a": ["paid"], "b": ["running"]}


def test_a_result_that_bids_wait_with_is_not_read_anew_at_every_round(world, monkeypatch):
    """It may have ten thousand files, and each bid that waits would have every round read all of them."""
    world.offer(world.ask(units=4))
    taken = {"job": "a", "output": "log/stdout", "path": "x"}
    placed = place(world, job("a"), *(job(name, takes=[taken], maxPrice="0.000001") for name in "bc"))
    clear(world)
    end(world, ids(world, placed)["a"][0])
    looked, read = [], Evidence.sizes
    monkeypatch.setattr(Evidence, "sizes", lambda self, lease_id: looked.append(lease_id) or read(self, lease_id))
    monkeypatch.setattr(Manifest, "parse", lambda document: pytest.fail("a manifest was read whole"))
    for _ in range(3):
        run_round(world.market)
        assert show_workflow(world.market, placed)["jobs"][0]["attempts"][0]["exitCode"] == 0
    assert states(world, placed) == {"a": ["paid"], "b": ["queued"], "c": ["queued"]}
    assert len(looked) == 2, "once for each bid"
