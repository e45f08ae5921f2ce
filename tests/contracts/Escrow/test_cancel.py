"""cancel, cancelBefore, cancelFor: a signer voids orders; nobody voids another's; nothing void comes back."""

import pytest

from marketplace.protocol.eip712 import Domain
from tests.contracts.world import UINT256_MAX, reverts_with


@pytest.mark.parametrize("salt", [0, 1, UINT256_MAX])
def test_cancel_voids_the_order_with_that_salt_alone(world, salt):
    tx = world.escrow.cancel(salt, {"from": world.renter})
    assert world.escrow.isCancelled(world.renter, salt)
    assert not world.escrow.isCancelled(world.renter, salt ^ 1)
    assert not world.escrow.isCancelled(world.provider, salt)
    assert dict(tx.events["OrderCancelled"]) == {"signer": world.renter, "salt": salt}


def test_cancel_twice_is_harmless(world):
    world.escrow.cancel(7, {"from": world.renter})
    world.escrow.cancel(7, {"from": world.renter})
    assert world.escrow.isCancelled(world.renter, 7)


def test_cancel_before_voids_every_smaller_salt(world):
    tx = world.escrow.cancelBefore(10, {"from": world.renter})
    assert [world.escrow.isCancelled(world.renter, salt) for salt in (0, 9, 10, 11)] == [True, True, False, False]
    assert not world.escrow.isCancelled(world.provider, 0)
    assert dict(tx.events["OrdersCancelledBefore"]) == {"signer": world.renter, "salt": 10}


def test_cancel_before_a_smaller_salt_revives_nothing(world):
    world.escrow.cancelBefore(10, {"from": world.renter})
    world.escrow.cancelBefore(3, {"from": world.renter})
    assert world.escrow.isCancelled(world.renter, 9)


def test_an_open_lease_goes_on_when_its_orders_are_cancelled(world):
    lease = world.open()
    world.escrow.cancel(lease.bid.salt, {"from": world.renter})
    world.escrow.cancel(lease.ask.salt, {"from": world.provider})
    world.accept(lease, lease.price)
    assert world.lease(lease)["state"] == 2


def test_cancel_for_with_a_forged_signature_reverts(world):
    message = world.cancel_message(world.renter, 5)
    with reverts_with("InvalidSignature", world.renter):
        world.escrow.cancelFor(message.as_tuple(), world.sign(message, world.stranger), {"from": world.stranger})


@pytest.mark.parametrize("change", [{"salt": 6}, {"all_before": True}])
def test_cancel_for_of_something_else_than_was_signed_reverts(world, change):
    message = world.cancel_message(world.renter, 5)
    altered = message.model_copy(update=change)
    with reverts_with("InvalidSignature", world.renter):
        world.escrow.cancelFor(altered.as_tuple(), world.sign(message, world.renter), {"from": world.stranger})


@pytest.mark.parametrize("elsewhere", ["chain", "contract"])
def test_cancel_for_signed_for_elsewhere_reverts(world, elsewhere):
    domain = Domain(1, world.escrow.address) if elsewhere == "chain" else Domain(1337, world.stake.address)
    message = world.cancel_message(world.renter, 5)
    with reverts_with("InvalidSignature", world.renter):
        world.escrow.cancelFor(message.as_tuple(), world.sign(message, world.renter, domain), {"from": world.stranger})


def test_cancel_for_voids_one_order_of_the_signer(world):
    message = world.cancel_message(world.renter, 5)
    tx = world.escrow.cancelFor(message.as_tuple(), world.sign(message, world.renter), {"from": world.stranger})
    assert world.escrow.isCancelled(world.renter, 5)
    assert not world.escrow.isCancelled(world.stranger, 5)
    assert dict(tx.events["OrderCancelled"]) == {"signer": world.renter, "salt": 5}


def test_cancel_for_voids_every_smaller_salt_of_the_signer(world):
    message = world.cancel_message(world.provider, 5, all_before=True)
    world.escrow.cancelFor(message.as_tuple(), world.sign(message, world.provider), {"from": world.stranger})
    assert world.escrow.isCancelled(world.provider, 4)
    assert not world.escrow.isCancelled(world.provider, 5)


def test_an_old_cancel_replayed_voids_nothing_more(world):
    message = world.cancel_message(world.provider, 5, all_before=True)
    signature = world.sign(message, world.provider)
    world.escrow.cancelBefore(9, {"from": world.provider})
    world.escrow.cancelFor(message.as_tuple(), signature, {"from": world.stranger})
    assert world.escrow.isCancelled(world.provider, 8)
    assert not world.escrow.isCancelled(world.provider, 9)
