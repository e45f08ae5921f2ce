"""The policy `attested` at the market: what a bid for it must say, and that oracles judge it."""

import pytest

from marketplace.errors import InvalidJobSpec, MalformedMessage
from marketplace.protocol.enums import Verification
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.messages import Bid
from marketplace.services.clear_round import run_round
from marketplace.services.place_order import place_bid
from marketplace.services.show_job import show_job
from tests.fakes.world import DOMAIN, RENTER
from tests.unit.protocol.test_evidence import ENCLAVE, GUEST

ATTESTED = int(Verification.ATTESTED)


def specification(world, tee=None, tees=()) -> JobSpec:
    return JobSpec.parse(world.job_spec().to_json() | {"tee": tee, "requirements": {"tees": list(tees)}})


def submit(world, spec: JobSpec, **changes) -> str:
    bid: Bid = world.bid(**{"verification": ATTESTED, "job_digest": spec.digest()} | changes)
    return place_bid(world.market, bid, bid.sign(DOMAIN, RENTER.key), spec).order_hash


@pytest.mark.parametrize(
    ("tee", "tees", "changes", "error", "problem"),
    [
        (None, ["tdx"], {}, InvalidJobSpec, r"JobSpec\.tee: .*must say which measurements"),
        ({"allowed": [GUEST]}, [], {}, InvalidJobSpec, r"requirements\.tees: names none, .* trusts tdx"),
        ({"allowed": [GUEST]}, ["sgx"], {}, InvalidJobSpec, r"names sgx, .* trusts tdx"),
        ({"allowed": [GUEST]}, ["tdx", "sev-snp"], {}, InvalidJobSpec, "names sev-snp, tdx, .* sgx and tdx can be"),
        ({"allowed": [GUEST, ENCLAVE]}, ["tdx"], {}, InvalidJobSpec, "names tdx, .* trusts sgx, tdx"),
        ({"allowed": [GUEST]}, ["tdx"], {"egress_mb": 0}, MalformedMessage, r"Bid\.egressMb: .*at least 1"),
        ({"allowed": [GUEST]}, ["tdx"], {"verification": 0}, MalformedMessage, r"Bid\.verification: 0 would ignore"),
    ],
)
def test_a_bid_whose_parts_do_not_fit_is_refused_by_field(world, tee, tees, changes, error, problem):
    with pytest.raises(error, match=problem):
        submit(world, specification(world, tee, tees), **changes)


def test_a_job_that_takes_others_files_cannot_be_judged_by_evidence(world):
    taken = {"path": "x", "output": "out/x", "maxBytes": 1}
    place = {"name": "w", "bids": 2, "job": "b", "needs": [{"bids": ["0x" + "a1" * 32], "files": [taken]}]}
    plain = specification(world, {"allowed": [GUEST]}, ["tdx"])
    with pytest.raises(InvalidJobSpec, match=r"JobSpec\.workflow\.needs: takes other jobs' files"):
        submit(world, JobSpec.parse(plain.to_json() | {"workflow": place}))


def test_an_attested_lease_goes_the_way_of_all_that_oracles_judge(world):
    node = world.profile().model_copy(update={"tees": ("tdx",)})
    world.profile = lambda: node
    world.offer()
    job_id = submit(world, specification(world, {"allowed": [GUEST]}, ["tdx"]))
    assert run_round(world.market) is not None
    world.drain()
    lease_id = world.lease_of(job_id)
    world.attest(lease_id)
    world.judge(lease_id)
    world.sign_batches()
    world.drain()
    assert show_job(world.market, job_id)["state"] == "paid"


def test_a_node_without_such_an_environment_is_not_matched(world):
    world.offer()
    job_id = submit(world, specification(world, {"allowed": [GUEST]}, ["tdx"]))
    run_round(world.market)
    world.drain()
    assert show_job(world.market, job_id)["state"] == "queued"
