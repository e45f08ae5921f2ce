"""addCover(…) and removeCover(…): only the stake's contract tells the escrow what bond stands behind a provider."""

import pytest

from tests.contracts.world import PRICE, STAKED, event_of, furnished, reverts_with

MOST = 2**48 - 1


@pytest.mark.parametrize("caller", ["provider", "operator", "governor", "deployer", "stranger"])
@pytest.mark.parametrize("call", ["addCover", "removeCover"])
def test_nobody_but_the_stake_changes_cover(world, call, caller):
    sender = getattr(world, caller)
    with reverts_with("NotProviderStake", sender):
        getattr(world.escrow, call)(world.provider, 1, {"from": sender})


def test_staking_adds_cover_and_unbonding_removes_it(world):
    tx = world.stake.stake(7, {"from": world.provider})
    assert event_of(tx, "CoverChanged") == {"provider": world.provider, "cover": STAKED + 7}
    tx = world.stake.unbond(STAKED, {"from": world.provider})
    assert event_of(tx, "CoverChanged") == {"provider": world.provider, "cover": 7}
    assert world.provider_account()["cover"] == 7


def test_invariant_6_cover_that_open_leases_need_stays(world):
    world.open()
    with reverts_with("InsufficientCover", world.provider, STAKED - PRICE, STAKED - PRICE + 1):
        world.stake.unbond(STAKED - PRICE + 1, {"from": world.provider})
    world.stake.unbond(STAKED - PRICE, {"from": world.provider})


def test_invariant_6_cover_that_a_claimed_or_disputed_lease_needs_stays(world):
    lease = world.open()
    world.claim(lease)
    world.dispute(lease)
    with reverts_with("InsufficientCover", world.provider, STAKED - PRICE, STAKED):
        world.stake.unbond(STAKED, {"from": world.provider})


def test_cover_has_48_bits(world):
    world.token.mint(world.provider, MOST, {"from": world.deployer})
    with reverts_with("AmountTooLarge", MOST + 1, MOST):
        world.stake.stake(MOST - STAKED + 1, {"from": world.provider})
    world.stake.stake(MOST - STAKED, {"from": world.provider})
    account = world.provider_account()
    assert (account["cover"], account["covered"], account["earned"]) == (MOST, 0, 0)


def test_each_market_of_contracts_has_its_own_stake(world):
    other = furnished(world.token)
    with reverts_with("NotProviderStake", world.provider):
        other.escrow.addCover(world.provider, 1, {"from": world.provider})
    assert other.provider_account(world.provider)["cover"] == 0
