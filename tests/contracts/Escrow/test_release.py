"""release(…): a claim that nobody disputed is paid, by the renter at once, by anybody after the window."""

import pytest

from marketplace.protocol.enums import ClaimState, Outcome
from tests.contracts.world import CLAIM_WINDOW, FREE, PRICE, STAKED, event_of, reverts_with, statuses_at

PAY = 300_000


@pytest.fixture
def claimed(world):
    """A claimed lease."""
    lease = world.open()
    world.claim(lease, PAY)
    return lease


def test_release_pays_the_claim_and_refunds_the_rest(world, claimed):
    tx = world.release(claimed, sender=world.renter)
    assert event_of(tx, "LeaseClosed") == {
        "leaseId": claimed.id,
        "renter": world.renter,
        "provider": world.provider,
        "outcome": Outcome.PAID,
        "paid": 285_000,
        "fee": 15_000,
        "refund": 100_000,
        "resultDigest": "0x" + "00" * 32,
        "reason": 3,
    }
    assert (world.free(world.provider), world.free(world.renter)) == (285_000, FREE - PAY)
    assert (world.bond()["active"], world.bond()["locked"]) == (STAKED, 0)
    assert world.record() == {"settled": 1, "volume": 285_000}
    assert world.claim_of(claimed)["state"] == ClaimState.CLOSED
    assert world.provider_account()["openLeases"] == 0


@pytest.mark.parametrize("caller", ["provider", "operator", "stranger"])
def test_nobody_but_the_renter_releases_within_the_window(world, claimed, caller):
    with reverts_with("WindowNotOver", world.claim_of(claimed)["until"], ...):
        world.release(claimed, sender=getattr(world, caller))


@pytest.mark.parametrize("caller", ["provider", "operator", "stranger", "renter"])
def test_anybody_releases_after_the_window(world, claimed, chain, caller):
    chain.sleep(CLAIM_WINDOW + 1)
    world.release(claimed, sender=getattr(world, caller))
    assert world.free(world.provider) == 285_000


def test_the_window_ends_with_its_last_second(world, claimed):
    until = world.claim_of(claimed)["until"]
    call = world.escrow.release.encode_input(claimed.claimed())
    assert statuses_at([until, until + 1], world.escrow, call, world.stranger) == [0, 1]


def test_a_claim_is_released_once(world, claimed):
    world.release(claimed, sender=world.renter)
    with reverts_with("WrongClaimState", claimed.id, ClaimState.CLOSED):
        world.release(claimed, sender=world.renter)


def test_what_was_never_claimed_is_not_released(world):
    lease = world.open()
    with reverts_with("WrongClaimState", lease.id, ClaimState.NONE):
        world.release(lease, sender=world.renter)


def test_a_disputed_claim_is_not_released(world, claimed, chain):
    world.dispute(claimed)
    chain.sleep(CLAIM_WINDOW + 1)
    for caller in (world.renter, world.stranger):
        with reverts_with("WrongClaimState", claimed.id, ClaimState.DISPUTED):
            world.release(claimed, sender=caller)


@pytest.mark.parametrize("bit", [0, 160, 200, 256, 256 + 160, 256 + 224])
def test_release_with_other_terms_than_were_claimed_reverts(world, claimed, bit):
    words = list(claimed.terms.words())
    words[bit // 256] ^= 1 << bit % 256
    with reverts_with("WrongTerms", claimed.id):
        world.escrow.release((claimed.id, *words), {"from": world.renter})


def test_nobody_makes_himself_the_renter_of_a_claim(world, claimed):
    first, second = claimed.terms.words()
    mine = first - int(world.renter.address, 16) + int(world.stranger.address, 16)
    with reverts_with("WrongTerms", claimed.id):
        world.escrow.release((claimed.id, mine, second), {"from": world.stranger})


def test_a_blacklisted_or_paused_token_does_not_stop_a_release(world, claimed):
    world.token.setBlacklisted(world.provider, True, {"from": world.deployer})
    world.token.setPaused(True, {"from": world.deployer})
    world.release(claimed, sender=world.renter)
    assert world.free(world.provider) == 285_000


def test_the_whole_price_leaves_nothing_to_refund(world):
    lease = world.open()
    world.claim(lease, PRICE)
    tx = world.release(lease, sender=world.renter)
    assert event_of(tx, "LeaseClosed")["refund"] == 0
