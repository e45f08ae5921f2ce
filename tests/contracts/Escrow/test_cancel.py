"""cancel(…) and cancelFor(…): a signer voids orders; nobody voids another's; nothing void comes back."""

import pytest

from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import CancelKind
from tests.contracts.world import FREE, PRICE, event_of, project, reverts_anyhow, reverts_with

BID, BIDS_BEFORE, ASKS_BEFORE = CancelKind
LARGEST = 2**48 - 1


def void(world, salts, renter=None):
    """Which of these salts are void."""
    return [salt for salt in salts if world.escrow.isVoid(renter or world.renter, salt)]


# --- one bid -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("salt", [0, 1, 143])
def test_cancelling_a_bid_voids_its_salt_alone(world, salt):
    tx = world.escrow.cancel(BID, salt, {"from": world.renter})
    assert void(world, range(146)) == [salt]
    assert void(world, [salt], world.provider) == []
    assert event_of(tx, "OrdersCancelled") == {"signer": world.renter, "kind": BID, "salt": salt}


@pytest.mark.parametrize("salt", [144, 1_000, LARGEST])
def test_cancelling_a_bid_far_ahead_voids_what_lies_144_below_it_as_opening_it_would(world, salt):
    world.escrow.cancel(BID, salt, {"from": world.renter})
    assert world.renter_account()["saltBase"] == salt - 143
    assert void(world, [salt - 144, salt - 143, salt - 1, salt]) == [salt - 144, salt]


def test_cancelling_a_bid_twice_is_harmless(world):
    for _ in range(2):
        world.escrow.cancel(BID, 7, {"from": world.renter})
    assert void(world, range(20)) == [7]


def test_cancelling_a_bid_that_fell_out_of_the_window_changes_nothing(world):
    world.escrow.cancel(BID, 1_000, {"from": world.renter})
    before = world.renter_account()
    world.escrow.cancel(BID, 3, {"from": world.renter})
    assert world.renter_account() == before


def test_cancelling_touches_no_money(world):
    world.escrow.cancel(BID, LARGEST, {"from": world.renter})
    assert world.free(world.renter) == FREE


def test_cancelling_a_bid_does_not_cancel_an_ask(world):
    world.escrow.deposit(PRICE, {"from": world.provider})
    ask = world.ask(salt=5)
    world.escrow.cancel(BID, 5, {"from": world.provider})
    world.open(ask=ask)


# --- many bids ---------------------------------------------------------------------------------------------------


def test_cancelling_bids_before_voids_every_smaller_salt(world):
    tx = world.escrow.cancel(BIDS_BEFORE, 10, {"from": world.renter})
    assert void(world, range(20)) == list(range(10))
    assert void(world, [0], world.provider) == []
    assert event_of(tx, "OrdersCancelled") == {"signer": world.renter, "kind": BIDS_BEFORE, "salt": 10}


def test_cancelling_bids_before_a_smaller_salt_revives_nothing(world):
    for salt in (10, 3, 0):
        world.escrow.cancel(BIDS_BEFORE, salt, {"from": world.renter})
    assert void(world, range(20)) == list(range(10))


def test_cancelling_bids_before_keeps_what_was_used_above(world):
    for salt in (5, 12, 100):
        world.escrow.cancel(BID, salt, {"from": world.renter})
    world.escrow.cancel(BIDS_BEFORE, 10, {"from": world.renter})
    assert void(world, range(8, 120)) == [8, 9, 12, 100]


def test_cancelling_bids_before_again_keeps_what_was_used_above(world):
    world.escrow.cancel(BIDS_BEFORE, 10, {"from": world.renter})
    for salt in (11, 15, 100):
        world.escrow.cancel(BID, salt, {"from": world.renter})
    world.escrow.cancel(BIDS_BEFORE, 12, {"from": world.renter})
    assert void(world, range(8, 120)) == [8, 9, 10, 11, 15, 100]


@pytest.mark.parametrize("salt", [143, 144, 145, 10_000, LARGEST])
def test_cancelling_bids_before_a_salt_far_ahead_forgets_no_void_one(world, salt):
    world.escrow.cancel(BID, 143, {"from": world.renter})
    world.escrow.cancel(BIDS_BEFORE, salt, {"from": world.renter})
    assert void(world, [143, salt - 1]) == [143, salt - 1]
    assert void(world, [salt]) == ([143] if salt == 143 else [])


def test_the_largest_salt_is_voided_only_by_its_own_cancel(world):
    world.escrow.cancel(BIDS_BEFORE, LARGEST, {"from": world.renter})
    assert void(world, [LARGEST - 1, LARGEST]) == [LARGEST - 1]
    world.escrow.cancel(BID, LARGEST, {"from": world.renter})
    assert void(world, [LARGEST]) == [LARGEST]


# --- asks --------------------------------------------------------------------------------------------------------


def test_cancelling_asks_before_sets_the_least_salt_of_an_ask(world):
    tx = world.escrow.cancel(ASKS_BEFORE, 10, {"from": world.provider})
    assert world.provider_account()["askSalt"] == 10
    assert event_of(tx, "OrdersCancelled") == {"signer": world.provider, "kind": ASKS_BEFORE, "salt": 10}
    assert void(world, [0], world.provider) == []


def test_cancelling_asks_before_a_larger_salt_takes_the_place_of_a_smaller_one(world):
    for salt in (5, 10):
        world.escrow.cancel(ASKS_BEFORE, salt, {"from": world.provider})
    assert world.provider_account()["askSalt"] == 10


def test_cancelling_asks_before_a_smaller_salt_revives_nothing(world):
    for salt in (10, 3):
        world.escrow.cancel(ASKS_BEFORE, salt, {"from": world.provider})
    assert world.provider_account()["askSalt"] == 10


def test_an_asks_salt_has_32_bits(world):
    world.escrow.cancel(ASKS_BEFORE, 2**32 - 1, {"from": world.provider})
    assert world.provider_account()["askSalt"] == 2**32 - 1
    with reverts_with("AmountTooLarge", 2**32, 2**32 - 1):
        world.escrow.cancel(ASKS_BEFORE, 2**32, {"from": world.provider})


def test_cancelling_asks_touches_neither_cover_nor_counters(world):
    world.settle(world.verdict(world.open(), pay=PRICE))
    before = world.provider_account()
    world.escrow.cancel(ASKS_BEFORE, 2**32 - 1, {"from": world.provider})
    assert world.provider_account() == {**before, "askSalt": 2**32 - 1}


@pytest.mark.parametrize("kind", [3, 255])
def test_an_unknown_kind_reverts(world, kind):
    with reverts_anyhow():
        world.escrow.cancel(kind, 5, {"from": world.renter})


# --- by signature ------------------------------------------------------------------------------------------------


def submit(world, message, signature, sender=None):
    """Submit a signed cancel as anybody."""
    return world.escrow.cancelFor(message.as_tuple(), signature, {"from": sender or world.stranger})


@pytest.mark.parametrize("kind", [BID, BIDS_BEFORE])
def test_anybody_submits_a_signed_cancel_of_bids(world, kind):
    message = world.cancel_message(world.renter, 5, kind)
    tx = submit(world, message, world.sign(message, world.renter))
    assert void(world, range(10)) == ([5] if kind == BID else [0, 1, 2, 3, 4])
    assert void(world, range(10), world.stranger) == []
    assert event_of(tx, "OrdersCancelled") == {"signer": world.renter, "kind": kind, "salt": 5}


def test_anybody_submits_a_signed_cancel_of_asks(world):
    message = world.cancel_message(world.provider, 5, ASKS_BEFORE)
    submit(world, message, world.sign(message, world.provider))
    assert world.provider_account()["askSalt"] == 5


def test_a_forged_cancel_reverts(world):
    message = world.cancel_message(world.renter, 5)
    with reverts_with("InvalidSignature", world.renter):
        submit(world, message, world.sign(message, world.stranger))


@pytest.mark.parametrize("change", [{"salt": 6}, {"kind": 1}])
def test_another_cancel_than_was_signed_reverts(world, change):
    message = world.cancel_message(world.renter, 5)
    with reverts_with("InvalidSignature", world.renter):
        submit(world, message.model_copy(update=change), world.sign(message, world.renter))


@pytest.mark.parametrize("elsewhere", ["another chain", "another contract"])
def test_a_cancel_signed_for_elsewhere_reverts(world, elsewhere):
    contract = world.escrow if elsewhere == "another chain" else world.stake
    domain = Domain(1 if elsewhere == "another chain" else world.domain.chain_id, contract.address)
    message = world.cancel_message(world.renter, 5)
    with reverts_with("InvalidSignature", world.renter):
        submit(world, message, world.sign(message, world.renter, domain))


def test_an_old_cancel_replayed_voids_nothing_more(world):
    message = world.cancel_message(world.provider, 5, ASKS_BEFORE)
    world.escrow.cancel(ASKS_BEFORE, 9, {"from": world.provider})
    submit(world, message, world.sign(message, world.provider))
    assert world.provider_account()["askSalt"] == 9


def test_an_agent_does_not_cancel_for_its_provider(world):
    world.escrow.setAgent(world.stranger, True, {"from": world.provider})
    message = world.cancel_message(world.provider, 5, ASKS_BEFORE)
    with reverts_with("InvalidSignature", world.provider):
        submit(world, message, world.sign(message, world.stranger))


def test_an_account_contract_cancels_by_signature(world):
    account = world.stranger.deploy(project().SmartAccount, world.stranger)
    message = world.cancel_message(account, 5)
    submit(world, message, world.sign(message, world.stranger), world.operator)
    assert void(world, [5], account) == [5]
