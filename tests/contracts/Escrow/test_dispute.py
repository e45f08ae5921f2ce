"""dispute(…) and expireDispute(…): a renter contradicts a claim with a bond; without a decision nobody is blamed."""

import pytest

from marketplace.protocol.enums import ClaimState, Outcome
from tests.contracts.world import CLAIM_WINDOW, DISPUTE_WINDOW, FREE, PRICE, STAKED, event_of, reverts_with, statuses_at

BOND = PRICE // 10


@pytest.fixture
def claimed(world):
    """A lease claimed for all that it locked."""
    lease = world.open()
    world.claim(lease)
    return lease


@pytest.fixture
def disputed(world, claimed):
    """The same, disputed."""
    world.dispute(claimed)
    return claimed


# --- dispute -----------------------------------------------------------------------------------------------------


def test_a_dispute_takes_a_bond_of_the_renters_free_balance(world, claimed):
    tx = world.dispute(claimed)
    until = tx.timestamp + DISPUTE_WINDOW
    assert event_of(tx, "LeaseDisputed") == {
        "leaseId": claimed.id,
        "renter": world.renter,
        "bond": BOND,
        "until": until,
    }
    claim = world.claim_of(claimed)
    assert (claim["state"], claim["pay"], claim["until"], claim["bond"]) == (ClaimState.DISPUTED, PRICE, until, BOND)
    assert world.renter_account()["free"] == FREE - PRICE - BOND


@pytest.mark.parametrize("pay, bond", [(1, 1), (10, 1), (11, 2), (PRICE - 1, BOND), (PRICE, BOND)])
def test_the_bond_is_a_tenth_of_the_claim_rounded_up(world, pay, bond):
    lease = world.open()
    world.claim(lease, pay)
    world.dispute(lease)
    assert world.claim_of(lease)["bond"] == bond


@pytest.mark.parametrize("caller", ["provider", "operator", "stranger"])
def test_only_the_renter_disputes(world, claimed, caller):
    sender = getattr(world, caller)
    with reverts_with("NotRenter", sender, world.renter):
        world.dispute(claimed, sender=sender)


def test_a_claim_is_disputed_until_the_last_second_of_its_window(world, claimed):
    until = world.claim_of(claimed)["until"]
    call = world.escrow.dispute.encode_input(claimed.claimed())
    assert statuses_at([until, until + 1], world.escrow, call, world.renter) == [1, 0]


def test_a_dispute_after_the_window_reverts(world, claimed, chain):
    chain.sleep(CLAIM_WINDOW + 1)
    with reverts_with("WindowOver", world.claim_of(claimed)["until"], ...):
        world.dispute(claimed)


def test_a_dispute_without_the_bond_reverts(world, claimed):
    world.escrow.withdraw(FREE - PRICE - BOND + 1, {"from": world.renter})
    with reverts_with("InsufficientBalance", world.renter, BOND - 1, BOND):
        world.dispute(claimed)
    world.escrow.deposit(1, {"from": world.renter})
    world.dispute(claimed)
    assert world.renter_account()["free"] == 0


def test_a_claim_is_disputed_once(world, disputed):
    with reverts_with("WrongClaimState", disputed.id, ClaimState.DISPUTED):
        world.dispute(disputed)


def test_what_was_never_claimed_is_not_disputed(world):
    lease = world.open()
    with reverts_with("WrongClaimState", lease.id, ClaimState.NONE):
        world.dispute(lease)


def test_a_released_claim_is_not_disputed(world, claimed):
    world.release(claimed, sender=world.renter)
    with reverts_with("WrongClaimState", claimed.id, ClaimState.CLOSED):
        world.dispute(claimed)


def test_dispute_with_other_terms_than_were_claimed_reverts(world, claimed):
    first, second = claimed.terms.words()
    with reverts_with("WrongTerms", claimed.id):
        world.escrow.dispute((claimed.id, first, second ^ 1), {"from": world.renter})


# --- expireDispute -----------------------------------------------------------------------------------------------


def test_an_undecided_dispute_gives_everything_back_and_blames_nobody(world, disputed, chain):
    chain.sleep(DISPUTE_WINDOW + 1)
    tx = world.expire_dispute(disputed)
    assert event_of(tx, "BondReturned") == {"leaseId": disputed.id, "to": world.renter, "bond": BOND}
    closed = event_of(tx, "LeaseClosed")
    assert (closed["outcome"], closed["paid"], closed["fee"], closed["refund"]) == (Outcome.NONE, 0, 0, PRICE)
    assert (closed["reason"], closed["resultDigest"]) == (4, "0x" + "00" * 32)
    assert (world.free(world.renter), world.free(world.provider)) == (FREE, 0)
    assert (world.bond()["active"], world.bond()["locked"]) == (STAKED, 0)
    assert world.provider_account()["openLeases"] == 0
    assert world.record() == {}
    assert world.claim_of(disputed)["state"] == ClaimState.CLOSED


@pytest.mark.parametrize("caller", ["renter", "provider", "operator", "stranger"])
def test_anybody_ends_an_undecided_dispute(world, disputed, chain, caller):
    chain.sleep(DISPUTE_WINDOW + 1)
    world.expire_dispute(disputed, sender=getattr(world, caller))
    assert world.free(world.renter) == FREE


@pytest.mark.parametrize("caller", ["renter", "provider", "stranger"])
def test_nobody_ends_a_dispute_within_its_window(world, disputed, caller):
    with reverts_with("WindowNotOver", world.claim_of(disputed)["until"], ...):
        world.expire_dispute(disputed, sender=getattr(world, caller))


def test_the_oracles_have_until_the_last_second_of_the_window(world, disputed):
    until = world.claim_of(disputed)["until"]
    call = world.escrow.expireDispute.encode_input(disputed.claimed())
    assert statuses_at([until, until + 1], world.escrow, call, world.stranger) == [0, 1]


def test_a_claim_that_nobody_disputed_does_not_expire(world, claimed, chain):
    chain.sleep(CLAIM_WINDOW + DISPUTE_WINDOW + 2)
    with reverts_with("WrongClaimState", claimed.id, ClaimState.CLAIMED):
        world.expire_dispute(claimed)


def test_a_dispute_expires_once(world, disputed, chain):
    chain.sleep(DISPUTE_WINDOW + 1)
    world.expire_dispute(disputed)
    with reverts_with("WrongClaimState", disputed.id, ClaimState.CLOSED):
        world.expire_dispute(disputed)


def test_expire_with_other_terms_than_were_claimed_reverts(world, disputed, chain):
    chain.sleep(DISPUTE_WINDOW + 1)
    first, second = disputed.terms.words()
    with reverts_with("WrongTerms", disputed.id):
        world.escrow.expireDispute((disputed.id, first ^ 1, second), {"from": world.stranger})


def test_a_dispute_of_a_provider_that_is_its_own_renter_gives_back_what_there_was(world, chain):
    world.escrow.deposit(2 * PRICE, {"from": world.provider})
    lease = world.open(world.bid(world.provider))
    world.claim(lease)
    world.dispute(lease)
    chain.sleep(DISPUTE_WINDOW + 1)
    world.expire_dispute(lease)
    assert world.free(world.provider) == 2 * PRICE
