"""What an account's word cannot hold any more must stop nobody else: written into storage, for nobody earns so much."""

import brownie
import pytest
from eth_abi import encode
from eth_utils import keccak

from tests.contracts.world import CLAIM_WINDOW, FEE, PRICE

EARNED = 2**56 - 1
SETTLED = (2**24 - 1) << 200
COUNTERS = ((2**8 - 1) << 248) | ((2**12 - 1) << 236) | ((2**12 - 1) << 224) | SETTLED


def slot_of(world, provider) -> str:
    """Where the provider's word lies: the mapping is found by what the provider's own word must hold."""
    cover = world.provider_account(provider)["cover"]
    for place in range(32):
        slot = "0x" + keccak(encode(["address", "uint256"], [provider.address, place])).hex()
        word = int.from_bytes(brownie.web3.eth.get_storage_at(world.escrow.address, slot), "big")
        if cover and (word >> 56) & (2**48 - 1) == cover:
            return slot
    raise AssertionError("the provider's word was not found")


def fill(world, provider, bits: int) -> None:
    """Set these bits of the provider's word."""
    slot = slot_of(world, provider)
    word = int.from_bytes(brownie.web3.eth.get_storage_at(world.escrow.address, slot), "big") | bits
    value = "0x" + word.to_bytes(32, "big").hex()
    answer = brownie.web3.provider.make_request("evm_setAccountStorageAt", [world.escrow.address, slot, value])
    assert "error" not in answer


@pytest.fixture
def two_leases(world):
    """A lease of the first provider, which has earned all that its word holds, and one of the second."""
    leases = world.open_all(world.match(), world.match(ask=world.ask(world.providers[1])))
    fill(world, world.providers[0], EARNED)
    return leases


def test_pay_that_earned_cannot_hold_becomes_free_balance(world, two_leases):
    world.settle(*(world.verdict(lease, pay=PRICE) for lease in two_leases))
    assert world.provider_account(world.providers[0])["earned"] == EARNED
    assert world.renter_account(world.providers[0])["free"] == PRICE - FEE
    assert world.provider_account(world.providers[0])["settled"] == 1
    assert world.provider_account(world.providers[1])["earned"] == PRICE - FEE


def test_a_claim_of_such_a_provider_still_gives_the_renter_its_rest(world, two_leases):
    before = world.free(world.renter)
    world.claim(two_leases[0], 1_000)
    brownie.chain.sleep(CLAIM_WINDOW + 1)
    world.release(two_leases[0])
    assert world.free(world.renter) - before == PRICE - 1_000
    assert world.renter_account(world.providers[0])["free"] == 950


def test_counters_stay_at_their_greatest_value(world):
    lease = world.open()
    fill(world, world.provider, COUNTERS)
    world.settle(world.verdict(lease, pay=PRICE))
    account = world.provider_account()
    assert (account["settled"], account["failed"], account["expired"], account["frauds"]) == (
        2**24 - 1,
        2**12 - 1,
        2**12 - 1,
        2**8 - 1,
    )
    assert (account["openLeases"], account["covered"], account["earned"]) == (0, 0, PRICE - FEE)
