"""accept(receipt, signature): the renter's own word closes a lease as paid."""

import pytest

from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import Outcome
from tests.contracts.world import FREE, PRICE, RESULT, reverts_with

CLOSED = 2


def submit(world, receipt, signature, sender=None):
    """Submit a receipt, by default as the provider who is paid by it."""
    return world.escrow.accept(receipt.as_tuple(), signature, {"from": sender or world.provider})


def test_accept_of_a_lease_that_never_was_reverts(world):
    lease = world.open()
    receipt = world.receipt(lease, PRICE).model_copy(update={"lease_id": "0x" + "44" * 32})
    with reverts_with("LeaseNotOpen", "0x" + "44" * 32, 0):
        submit(world, receipt, world.sign(receipt, world.renter))


def test_invariant_2_a_receipt_is_good_for_one_time(world):
    lease = world.open()
    world.accept(lease, PRICE)
    with reverts_with("LeaseNotOpen", lease.id, CLOSED):
        world.accept(lease, PRICE)


@pytest.mark.parametrize("signer", ["provider", "operator", "stranger"])
def test_invariant_4_accept_signed_by_another_than_the_renter_reverts(world, signer):
    receipt = world.receipt(world.open(), PRICE)
    with reverts_with("InvalidSignature", world.renter):
        submit(world, receipt, world.sign(receipt, getattr(world, signer)))


def test_invariant_4_accept_of_more_than_the_renter_signed_reverts(world):
    lease = world.open()
    signature = world.sign(world.receipt(lease, 1), world.renter)
    with reverts_with("InvalidSignature", world.renter):
        submit(world, world.receipt(lease, PRICE), signature)


def test_accept_with_the_receipt_of_another_lease_reverts(world):
    first, second = world.open(), world.open()
    signature = world.sign(world.receipt(first, PRICE), world.renter)
    with reverts_with("InvalidSignature", world.renter):
        submit(world, world.receipt(second, PRICE), signature)


@pytest.mark.parametrize("elsewhere", ["chain", "contract"])
def test_accept_with_a_receipt_for_elsewhere_reverts(world, elsewhere):
    domain = Domain(1, world.escrow.address) if elsewhere == "chain" else Domain(1337, world.stake.address)
    receipt = world.receipt(world.open(), PRICE)
    with reverts_with("InvalidSignature", world.renter):
        submit(world, receipt, world.sign(receipt, world.renter, domain))


def test_accept_above_the_lock_reverts(world):
    receipt = world.receipt(world.open(), PRICE + 1)
    with reverts_with("PayAboveLock", PRICE + 1, PRICE):
        submit(world, receipt, world.sign(receipt, world.renter))


@pytest.mark.parametrize("submitter", ["renter", "operator", "stranger"])
@pytest.mark.parametrize("pay", [0, PRICE - 1])
def test_accept_for_less_than_the_lock_by_another_than_the_provider_reverts(world, submitter, pay):
    """A renter who has seen the result cannot sign for nothing and take the lock back."""
    lease, sender = world.open(), getattr(world, submitter)
    receipt = world.receipt(lease, pay)
    with reverts_with("ReceiptNeedsProvider", sender, world.provider):
        submit(world, receipt, world.sign(receipt, world.renter), sender)
    assert world.lease(lease)["state"] == 1


def test_accept_pays_takes_the_fee_and_refunds_without_any_oracle(world):
    lease = world.open()
    tx = world.accept(lease, 300_000)
    assert world.escrow.free(world.provider) == 285_000
    assert world.escrow.fees() == 15_000
    assert world.escrow.free(world.renter) == FREE - 300_000
    assert world.bond()["locked"] == 0
    assert world.record() == {"settled": 1, "volume": 300_000}
    assert dict(tx.events["LeaseClosed"]) == {
        "leaseId": lease.id,
        "outcome": Outcome.PAID,
        "paid": 285_000,
        "fee": 15_000,
        "refund": 100_000,
        "resultDigest": RESULT,
        "reason": 1,
    }


@pytest.mark.parametrize("submitter", ["operator", "renter", "stranger", "provider"])
def test_accept_of_the_whole_price_may_be_submitted_by_anybody(world, submitter):
    lease = world.open()
    receipt = world.receipt(lease, PRICE)
    submit(world, receipt, world.sign(receipt, world.renter), getattr(world, submitter))
    assert world.lease(lease)["state"] == CLOSED


def test_accept_goes_on_while_opening_is_paused_and_the_token_is_paused(world):
    lease = world.open()
    world.govern(world.escrow, world.escrow.setOpeningPaused.encode_input(True))
    world.token.setPaused(True, {"from": world.deployer})
    world.accept(lease, PRICE)
    assert world.lease(lease)["state"] == CLOSED
