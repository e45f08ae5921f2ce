"""Counters and purses at their greatest value: they stay there, spoil no neighbour and block no exit."""

import brownie
import pytest
from eth_utils import keccak

from marketplace.protocol.enums import Outcome
from tests.contracts.world import FEE, FREE, HOUR, PRICE, STAKED, UINT256_MAX, reverts_anyhow, reverts_with

SETTLED, FAILED, EXPIRED, FRAUDS = (200, 24), (224, 12), (236, 12), (248, 8)
TREASURY = 2**56 - 1
SLOTS = 32
"""Storage slots to search for a mapping; the compiler's layout is its own business."""


def fill(world, key, bits, width):
    """Write ones into a field of the escrow's word under a mapping's key, found by what the word must look like."""
    for slot in range(SLOTS):
        at = keccak(key(slot))
        word = int.from_bytes(brownie.web3.eth.get_storage_at(world.escrow.address, at))
        if word:
            full = word | (2**width - 1) << bits
            put = [world.escrow.address, "0x" + at.hex(), "0x" + full.to_bytes(32).hex()]
            brownie.web3.provider.make_request("evm_setAccountStorageAt", put)
            return
    raise AssertionError("no such word")


def provider_word(provider):
    """The mapping's key of a provider's account: a party that is no renter has one word only."""
    return lambda slot: bytes(12) + bytes.fromhex(provider.address[2:]) + slot.to_bytes(32)


def fees_word(epoch):
    """The mapping's key of the first word of an epoch's credits."""
    return lambda slot: bytes(32) + keccak(epoch.to_bytes(32) + slot.to_bytes(32))


END = {
    "settled": (SETTLED, lambda world, lease: world.settle(world.verdict(lease, pay=PRICE))),
    "failed": (FAILED, lambda world, lease: world.settle(world.verdict(lease, Outcome.FAILED))),
    "frauds": (FRAUDS, lambda world, lease: world.settle(world.verdict(lease, Outcome.FRAUD))),
    "expired": (EXPIRED, lambda world, lease: (brownie.chain.sleep(3 * HOUR), world.refund(lease))),
}


@pytest.mark.parametrize("counter", END)
def test_a_full_counter_stays_full_and_blocks_nothing(world, counter):
    (bits, width), end = END[counter]
    lease = world.open()
    fill(world, provider_word(world.provider), bits, width)
    before = world.provider_account()
    assert before[counter] == 2**width - 1
    end(world, lease)
    after = world.provider_account()
    assert after[counter] == 2**width - 1
    assert (after["openLeases"], after["covered"]) == (0, 0)
    assert all(after[other] == before[other] for other in END if other != counter)


def test_a_provider_that_can_earn_no_more_keeps_no_renter_from_its_refund(world, chain):
    lease = world.open()
    fill(world, provider_word(world.provider), 0, 56)
    chain.sleep(3 * HOUR)
    world.refund(lease)
    assert world.free(world.renter) == FREE


def test_a_full_treasury_is_emptied_by_anybody_and_then_takes_fees_again(world):
    world.settle(world.verdict(world.open(), pay=PRICE))
    lease = world.open()
    fill(world, fees_word(1), 0, 56)
    assert world.escrow.fees(1) == TREASURY
    with reverts_with("AmountTooLarge"):
        world.settle(world.verdict(lease, pay=PRICE))
    world.settle(world.verdict(lease, Outcome.FAILED))  # what has no fee is not held up
    world.token.mint(world.escrow, TREASURY, {"from": world.deployer})
    world.escrow.withdrawFees(1, {"from": world.stranger})
    world.settle(world.verdict(world.open(), pay=PRICE))
    assert 0 < world.escrow.fees(1) < FEE


@pytest.mark.parametrize("amount", [2**48 - STAKED, UINT256_MAX - STAKED, UINT256_MAX])
def test_a_stake_beyond_its_word_changes_nothing(world, amount):
    with reverts_anyhow():
        world.stake.stake(amount, {"from": world.provider})
    assert world.bond()["active"] == world.provider_account()["cover"] == STAKED


@pytest.mark.parametrize("amount", [2**64, 2**96 - 1, UINT256_MAX])
def test_no_more_is_unbonded_than_there_is(world, amount):
    with reverts_anyhow():
        world.stake.unbond(amount, {"from": world.provider})
    with reverts_anyhow():
        world.committee.unbond(amount, {"from": world.oracles[0]})
