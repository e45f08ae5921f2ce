"""What the first stake of an account sets, beside its amount."""

from tests.contracts.world import USDC, event_of, now


def test_who_never_staked_is_a_provider_since_its_first_stake(world):
    newcomer = world.renter
    assert world.bond(newcomer)["since"] == 0
    transaction = world.stake.stake(USDC, {"from": newcomer})
    assert world.bond(newcomer)["since"] == transaction.timestamp == now()
    assert event_of(transaction, "Staked") == {"provider": newcomer.address, "amount": USDC}
