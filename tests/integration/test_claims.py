"""Silent oracles keep no provider from its pay: the daemon claims on chain, the renter may dispute, time decides."""

import time

import pytest

from marketplace.cli.localmarket import LocalMarket
from marketplace.client.waiting import wait_until
from marketplace.protocol.enums import ClaimState
from marketplace.protocol.metering import Resources
from marketplace.protocol.packing import ClaimedLease
from tests.integration.local import (
    MARKET,
    PROVIDER,
    RENTER,
    assert_every_micro_usdc_is_accounted_for,
    finish,
    plan_with_one_oracle,
    submit,
)

RESOURCES = Resources(gpus=0, vcpus=1, memory_mb=256, seconds=20, fuel=10_000_000_000, egress_mb=2)
MARGIN, WINDOW, DISPUTE = 300, 86_400, 259_200
pytestmark = pytest.mark.timeout(280)


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    with LocalMarket(plan_with_one_oracle(), tmp_path_factory.mktemp("market")) as market:
        market.start()
        for oracle in market.plan.oracles:
            market.process(oracle).kill()
        yield market


def claim_of(market, job_id: str) -> ClaimedLease | None:
    """The claim on the job's one lease, as calls about it take it."""
    with market.client() as client:
        leases = client.job(job_id)["leases"]
    if not leases or not leases[0]["claim"]:
        return None
    return ClaimedLease(leases[0]["leaseId"], *map(int, leases[0]["claim"]["terms"]))


def test_what_silent_oracles_do_not_judge_is_claimed_and_ends_by_time(market, tmp_path):
    deadline = int(time.time()) + MARGIN + 30
    texts = ("'worth its pay'", "'worth a dispute'")
    jobs = [submit(market, tmp_path, f"print({text})", resources=RESOURCES, deadline=deadline) for text in texts]
    wait_until(lambda: all(claim_of(market, job) for job in jobs), timeout=150, what="The claims by the daemon itself")
    paid, disputed = (claim_of(market, job) for job in jobs)
    reader, renter, provider = market.reader(), market.account(RENTER), market.account(PROVIDER)
    assert reader.claim(paid.lease_id).state is ClaimState.CLAIMED
    assert 0 < reader.claim(paid.lease_id).pay < paid.terms.price, "by use"

    before = reader.renter_account(renter.address).free
    renter.dispute(disputed)
    bond = reader.claim(disputed.lease_id).bond
    assert reader.renter_account(renter.address).free == before - bond < before
    assert_every_micro_usdc_is_accounted_for(market)

    # Nobody has to come back for what time decides: the market sends it.
    market.devnet.advance_time(WINDOW + 1)
    first = finish(market, jobs[0], timeout=90)
    assert reader.claim(disputed.lease_id).state is ClaimState.DISPUTED
    market.devnet.advance_time(DISPUTE)
    ends = [first, finish(market, jobs[1], timeout=90)]
    for job in ends:
        sent = market.devnet.rpc("eth_getTransactionByHash", job["leases"][0]["closedTransaction"])
        assert sent["from"] == market.addresses[MARKET].lower()
    assert [job["state"] for job in ends] == ["paid", "refunded"]
    assert [job["leases"][0]["reason"] for job in ends] == ["claim_released", "dispute_expired"]
    assert reader.reputation(provider.address).settled == 1
    assert_every_micro_usdc_is_accounted_for(market)
