"""settle(verdicts, signatures): closes leases as a quorum of oracles decided."""

import pytest

from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import VerdictBatch
from marketplace.protocol.metering import compute_split
from tests.contracts.world import FREE, HOUR, PRICE, RESULT, STAKED, reverts_with

OPEN, CLOSED = 1, 2


# --- refusals, in the order of the checks --------------------------------------------------------------------


def test_settle_of_an_empty_batch_reverts(world):
    with reverts_with("EmptyBatch"):
        world.settle()


def test_settle_with_fewer_signatures_than_the_threshold_reverts(world):
    with reverts_with("TooFewSignatures", 1, 2):
        world.settle(world.verdict(world.open()), oracles=world.oracles[:1])


def test_settle_with_one_oracle_twice_reverts(world):
    oracle = world.oracles[0]
    with reverts_with("SignersNotAscending", oracle, oracle):
        world.settle(world.verdict(world.open()), oracles=[oracle, oracle])


def test_settle_with_signers_out_of_order_reverts(world):
    first, second = world.oracles[:2]
    with reverts_with("SignersNotAscending", second, first):
        world.settle(world.verdict(world.open()), oracles=[second, first])


def test_settle_with_a_signer_who_is_no_member_reverts(world):
    outsider = world.oracles[3]
    with reverts_with("NotMember", outsider):
        world.settle(world.verdict(world.open()), oracles=[world.oracles[0], outsider])


@pytest.mark.parametrize("length", [0, 64, 65, 66])
def test_settle_with_a_malformed_signature_reverts(world, length):
    verdict = world.verdict(world.open())
    good = world.sign_batch([verdict])
    with reverts_with("MalformedSignature", 1):
        world.escrow.settle([verdict.as_tuple()], [good[0], bytes(length)], {"from": world.operator})


def test_settle_of_other_verdicts_than_were_signed_reverts(world):
    lease = world.open()
    signatures = world.sign_batch([world.verdict(lease, Outcome.PAID, 1)])
    with reverts_with("NotMember"):
        world.escrow.settle([world.verdict(lease, Outcome.PAID, 2).as_tuple()], signatures, {"from": world.operator})


def test_settle_of_a_part_of_what_was_signed_reverts(world):
    verdicts = [world.verdict(world.open()), world.verdict(world.open())]
    signatures = world.sign_batch(verdicts)
    with reverts_with("NotMember"):
        world.escrow.settle([verdicts[0].as_tuple()], signatures, {"from": world.operator})


@pytest.mark.parametrize("elsewhere", ["chain", "contract"])
def test_settle_with_signatures_for_elsewhere_reverts(world, elsewhere):
    domain = Domain(1, world.escrow.address) if elsewhere == "chain" else Domain(1337, world.stake.address)
    verdict = world.verdict(world.open())
    batch = VerdictBatch(verdicts=(verdict,))
    signatures = [world.sign(batch, oracle, domain) for oracle in world.oracles[:2]]
    with reverts_with("NotMember"):
        world.escrow.settle([verdict.as_tuple()], signatures, {"from": world.operator})


def test_settle_with_signatures_over_the_verdict_instead_of_the_batch_reverts(world):
    verdict = world.verdict(world.open())
    signatures = [world.sign(verdict, oracle) for oracle in world.oracles[:2]]
    with reverts_with("NotMember"):
        world.escrow.settle([verdict.as_tuple()], signatures, {"from": world.operator})


@pytest.mark.parametrize("outcome", [0, 4, 255])
def test_settle_of_an_unknown_outcome_reverts(world, outcome):
    with reverts_with("UnknownOutcome", outcome):
        world.settle(world.verdict(world.open(), outcome))


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.FRAUD])
def test_settle_that_pays_without_a_result_reverts(world, outcome):
    with reverts_with("PayWithoutResult", outcome, 1):
        world.settle(world.verdict(world.open(), outcome, 1))


def test_settle_of_a_lease_that_never_was_reverts(world):
    with reverts_with("LeaseNotOpen", "0x" + "44" * 32, 0):
        world.settle(world.verdict("0x" + "44" * 32))


def test_settle_above_the_lock_reverts(world):
    with reverts_with("PayAboveLock", PRICE + 1, PRICE):
        world.settle(world.verdict(world.open(), Outcome.PAID, PRICE + 1))


@pytest.mark.parametrize("first", [Outcome.PAID, Outcome.FAILED, Outcome.FRAUD])
@pytest.mark.parametrize("second", [Outcome.PAID, Outcome.FAILED, Outcome.FRAUD])
def test_invariant_2_a_closed_lease_cannot_be_settled_again(world, first, second):
    lease = world.open()
    world.settle(world.verdict(lease, first))
    with reverts_with("LeaseNotOpen", lease.id, CLOSED):
        world.settle(world.verdict(lease, second))


def test_invariant_2_a_lease_twice_in_one_batch_reverts_the_batch(world):
    lease = world.open()
    verdict = world.verdict(lease, Outcome.PAID, 1)
    with reverts_with("LeaseNotOpen", lease.id, CLOSED):
        world.settle(verdict, verdict)
    assert world.lease(lease)["state"] == OPEN


def test_settle_of_a_lease_that_was_accepted_reverts(world):
    lease = world.open()
    world.accept(lease, PRICE)
    with reverts_with("LeaseNotOpen", lease.id, CLOSED):
        world.settle(world.verdict(lease))


# --- outcomes ------------------------------------------------------------------------------------------------


def test_settle_as_paid_pays_takes_the_fee_and_refunds(world):
    lease = world.open()
    tx = world.settle(world.verdict(lease, Outcome.PAID, 300_000))
    assert world.escrow.free(world.provider) == 285_000
    assert world.escrow.fees() == 15_000
    assert world.escrow.free(world.renter) == FREE - 300_000
    assert world.bond()["locked"] == 0
    assert world.record() == {"settled": 1, "volume": 300_000}
    assert world.lease(lease)["state"] == CLOSED
    assert world.escrow.openUnits(lease.ask.struct_hash()) == 0
    assert dict(tx.events["LeaseClosed"]) == {
        "leaseId": lease.id,
        "outcome": Outcome.PAID,
        "paid": 285_000,
        "fee": 15_000,
        "refund": 100_000,
        "resultDigest": RESULT,
        "reason": 0,
    }
    assert dict(tx.events["StakeReleased"]) == {"provider": world.provider, "amount": PRICE}


def test_settle_as_failed_refunds_everything_without_a_strike(world):
    tx = world.settle(world.verdict(world.open(), Outcome.FAILED))
    assert world.escrow.free(world.renter) == FREE
    assert world.escrow.free(world.provider) == world.escrow.fees() == 0
    assert world.bond() == {"active": STAKED, "locked": 0, "unbonding": 0, "withdrawableAt": 0}
    assert world.record() == {"failed": 1}
    assert tx.events["LeaseClosed"]["refund"] == PRICE


def test_settle_as_fraud_refunds_and_slashes_the_penalty_to_the_renter(world):
    lease = world.open()
    held = world.token.balanceOf(world.escrow)
    tx = world.settle(world.verdict(lease, Outcome.FRAUD))
    assert world.escrow.free(world.renter) == FREE + PRICE
    assert world.bond() == {"active": STAKED - PRICE, "locked": 0, "unbonding": 0, "withdrawableAt": 0}
    assert world.token.balanceOf(world.escrow) == held + PRICE
    assert world.record() == {"slashed": 1}
    assert dict(tx.events["Compensated"]) == {"leaseId": lease.id, "renter": world.renter, "amount": PRICE}
    assert dict(tx.events["Slashed"]) == {"provider": world.provider, "amount": PRICE, "leaseId": lease.id}
    world.escrow.withdraw(FREE + PRICE, {"from": world.renter})


def test_fraud_cannot_reach_more_than_the_penalty_of_its_lease(world):
    fraudulent, honest = world.open(), world.open()
    world.settle(world.verdict(fraudulent, Outcome.FRAUD))
    assert world.bond()["locked"] == PRICE
    world.settle(world.verdict(honest, Outcome.PAID, PRICE))
    assert world.bond()["active"] == STAKED - PRICE


def test_settle_of_a_batch_with_every_outcome_for_several_renters(world):
    leases = [world.open(world.bid(renter), world.ask(world.providers[i])) for i, renter in enumerate(world.renters)]
    world.settle(
        world.verdict(leases[0], Outcome.PAID, PRICE),
        world.verdict(leases[1], Outcome.FAILED),
        world.verdict(leases[2], Outcome.FRAUD),
    )
    assert [world.escrow.free(renter) - FREE for renter in world.renters] == [-PRICE, 0, PRICE]


def test_settle_with_the_whole_committee_and_by_anybody_succeeds(world):
    lease = world.open()
    verdict = world.verdict(lease, Outcome.PAID, 1)
    signatures = world.sign_batch([verdict], world.oracles[:3])
    world.escrow.settle([verdict.as_tuple()], signatures, {"from": world.stranger})
    assert world.lease(lease)["state"] == CLOSED


def test_settle_after_the_deadline_succeeds_if_nobody_refunded(world, chain):
    lease = world.open()
    chain.sleep(3 * HOUR)
    world.settle(world.verdict(lease, Outcome.PAID, PRICE))
    assert world.record() == {"settled": 1, "volume": PRICE}


def test_the_pay_of_a_lease_may_be_zero(world):
    world.settle(world.verdict(world.open(), Outcome.PAID, 0))
    assert world.record() == {"settled": 1}
    assert world.escrow.free(world.renter) == FREE


@pytest.mark.parametrize("pay", [1, 19, 20, 39, 40, 301_999, PRICE - 1, PRICE])
def test_the_fee_rounds_down_in_favour_of_the_provider_and_nothing_is_lost(world, pay):
    tx = world.settle(world.verdict(world.open(), Outcome.PAID, pay))
    closed, split = tx.events["LeaseClosed"], compute_split(PRICE, pay, 500)
    assert (closed["paid"], closed["fee"], closed["refund"]) == (split.paid, split.fee, split.refund)
    assert closed["fee"] == pay * 5 // 100
    assert closed["paid"] + closed["fee"] + closed["refund"] == PRICE


def test_the_fee_of_an_open_lease_does_not_follow_governance(world):
    lease = world.open()
    world.govern(world.escrow, world.escrow.setFee.encode_input(1_000))
    world.settle(world.verdict(lease, Outcome.PAID, PRICE))
    assert world.escrow.fees() == PRICE * 5 // 100


# --- nobody can block a settlement ---------------------------------------------------------------------------


def test_a_blacklisted_payee_does_not_block_the_batch(world):
    leases = [world.open(), world.open(ask=world.ask(world.providers[1]))]
    world.token.setBlacklisted(world.provider, True, {"from": world.deployer})
    world.token.setBlacklisted(world.renter, True, {"from": world.deployer})
    world.settle(*(world.verdict(lease, Outcome.PAID, PRICE) for lease in leases))
    assert world.escrow.free(world.provider) == world.escrow.free(world.providers[1]) == PRICE - PRICE * 5 // 100


def test_a_blacklisted_party_does_not_block_a_slash(world):
    lease = world.open()
    world.token.setBlacklisted(world.provider, True, {"from": world.deployer})
    world.token.setBlacklisted(world.renter, True, {"from": world.deployer})
    world.settle(world.verdict(lease, Outcome.FRAUD))
    assert world.escrow.free(world.renter) == FREE + PRICE


def test_a_paused_token_blocks_no_settlement_but_fraud(world):
    paid, failed, fraudulent = world.open(), world.open(), world.open()
    world.token.setPaused(True, {"from": world.deployer})
    world.settle(world.verdict(paid, Outcome.PAID, PRICE), world.verdict(failed, Outcome.FAILED))
    with reverts_with("TokenPaused"):
        world.settle(world.verdict(fraudulent, Outcome.FRAUD))
    world.token.setPaused(False, {"from": world.deployer})
    world.settle(world.verdict(fraudulent, Outcome.FRAUD))
    assert world.record() == {"settled": 1, "failed": 1, "slashed": 1, "volume": PRICE}


def test_settle_goes_on_while_opening_is_paused(world):
    lease = world.open()
    world.govern(world.escrow, world.escrow.setOpeningPaused.encode_input(True))
    world.settle(world.verdict(lease, Outcome.PAID, PRICE))
    assert world.lease(lease)["state"] == CLOSED


def test_pay_is_a_ledger_entry_and_moves_no_tokens(world):
    tx = world.settle(world.verdict(world.open(), Outcome.PAID, PRICE))
    assert "Transfer" not in tx.events
