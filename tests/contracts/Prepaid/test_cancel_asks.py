"""cancelAsks(…): a provider takes its prices back, here and at the escrow by one message; bids cannot be cancelled."""

from marketplace.protocol.enums import CancelKind
from tests.contracts.world import event_of, reverts_with


def test_asks_below_a_salt_are_void_at_once(paid, world):
    tx = paid.contract.cancelAsks(9, {"from": world.provider})
    assert event_of(tx, "AsksCancelled") == {"provider": world.provider, "salt": 9}
    assert paid.provider()["askSalt"] == 9
    with reverts_with("NothingSettled"):
        paid.settle(paid.job(ask=world.ask(salt=8)))
    paid.settle(paid.job(ask=world.ask(salt=9)))


def test_what_is_void_stays_void(paid, world):
    paid.contract.cancelAsks(9, {"from": world.provider})
    paid.contract.cancelAsks(3, {"from": world.provider})
    assert paid.provider()["askSalt"] == 9


def test_one_message_cancels_here_and_at_the_escrow(paid, world):
    message = world.cancel_message(world.provider, 9, CancelKind.ASKS_BEFORE)
    signature = world.sign(message, world.provider)
    paid.contract.cancelAsksFor(message.as_tuple(), signature, {"from": world.stranger})
    world.escrow.cancelFor(message.as_tuple(), signature, {"from": world.stranger})
    assert paid.provider()["askSalt"] == world.provider_account()["askSalt"] == 9


def test_nobody_cancels_for_another(paid, world):
    message = world.cancel_message(world.provider, 9, CancelKind.ASKS_BEFORE)
    with reverts_with("InvalidSignature", world.provider):
        signature = world.sign(message, world.stranger)
        paid.contract.cancelAsksFor(message.as_tuple(), signature, {"from": world.stranger})


def test_bids_cannot_be_cancelled(paid, world):
    for kind in (CancelKind.BID, CancelKind.BIDS_BEFORE):
        message = world.cancel_message(world.renter, 9, kind)
        with reverts_with("BidsNotCancellable"):
            signature = world.sign(message, world.renter)
            paid.contract.cancelAsksFor(message.as_tuple(), signature, {"from": world.renter})


def test_a_salt_wider_than_an_asks_is_refused(paid, world):
    message = world.cancel_message(world.provider, 2**32, CancelKind.ASKS_BEFORE)
    with reverts_with("SafeCastOverflowedUintDowncast"):
        signature = world.sign(message, world.provider)
        paid.contract.cancelAsksFor(message.as_tuple(), signature, {"from": world.provider})


def test_cancelling_leaves_earnings_and_counters_alone(paid, world):
    paid.settle(paid.job())
    before = paid.provider()
    paid.contract.cancelAsks(2**32 - 1, {"from": world.provider})
    assert paid.provider() == {**before, "askSalt": 2**32 - 1}
