"""What was signed for another chain or contract, or settled there, moves nothing here, and the other way round."""

from dataclasses import replace

import brownie
import pytest

from marketplace.protocol.messages import VerdictBatch
from marketplace.protocol.prepaid import PrepaidDomain, WorkRefusal
from tests.contracts.Prepaid.paid import DELAY, PAY, PaidWorld
from tests.contracts.world import project, reverts_with


@pytest.fixture
def twin(paid, world):
    """A second contract on the same escrow, into which the same renters have paid."""
    contract = world.deployer.deploy(project().Prepaid, world.escrow, DELAY, world.timelock)
    return PaidWorld(world, contract)


@pytest.mark.parametrize("place", ["another chain", "another contract", "the escrow"])
def test_a_bid_signed_for_elsewhere_is_not_signed_for_here(paid, world, place):
    domain = {
        "another chain": PrepaidDomain(1, paid.contract.address),
        "another contract": PrepaidDomain(brownie.chain.id, world.stranger.address),
        "the escrow": world.domain,
    }[place]
    job = paid.job()
    elsewhere = replace(job, bid_signature="0x" + world.sign(job.bid, job.bid.renter, domain).hex())
    with reverts_with("NothingSettled", WorkRefusal.BID_SIGNATURE):
        paid.settle(elsewhere)


def test_a_batch_that_was_settled_here_is_not_settled_at_another_contract(paid, twin, world):
    args = paid.work_args([paid.job()])
    paid.send(args)
    with reverts_with("NothingSettled", WorkRefusal.BID_SIGNATURE):
        twin.send(args)
    assert twin.balance() == paid.balance() + PAY


def test_verdicts_about_work_of_one_contract_say_nothing_at_another(paid, twin, world):
    job = twin.job()
    verdicts_of_here = [replace(job, domain=paid.domain).verdict()]
    args = twin.work_args([job])
    args[-2:] = world.signed_batch(verdicts_of_here)
    with reverts_with("NotSigned", world.oracles[0]):
        twin.send(args)


def test_netted_batches_and_allowances_of_one_contract_say_nothing_at_another(paid, twin, world):
    allowance, batch = paid.allowance(), paid.netted(paid.netted_job())
    paid.allow(allowance)
    paid.settle_netted(batch)
    with reverts_with("InvalidSignature", world.renter):
        signature = world.sign(allowance, world.renter, paid.domain)
        twin.contract.allow(allowance.as_tuple(), signature, {"from": world.stranger})
    twin.allow()
    with reverts_with("NotSigned", world.oracles[0]):
        twin.contract.settleNetted(batch.as_tuple(), *paid.signed(batch), {"from": world.stranger})


def test_an_oracle_that_contradicts_itself_about_work_loses_its_bond(paid, world):
    oracle, job = world.oracles[0], paid.job()
    signed = []
    for pay in (PAY, PAY + 1):
        batch = VerdictBatch.of([replace(job, pay=pay).verdict()])
        raw = world.sign(batch, oracle)
        vs = (int.from_bytes(raw[32:64]) | (raw[64] - 27) << 255).to_bytes(32)
        ids, outcomes, results = batch.as_tuple()
        signed.append((ids, outcomes, results, raw[:32], vs))
    held = world.committee.bondOf(oracle)["active"]
    tx = world.committee.reportContradiction(oracle, signed[0], 0, signed[1], 0, {"from": world.stranger})
    assert tx.events["ContradictionReported"]["slashed"] == held
    assert world.committee.bondOf(oracle)["active"] == 0
