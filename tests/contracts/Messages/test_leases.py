"""leasesOf, groupTerms, claimedLease: the data of a LeasesOpened log, as people and as the escrow's calls want it."""

import brownie
import pytest
from hexbytes import HexBytes

from marketplace.protocol.packing import GROUP_SIZE, LeaseGroup
from tests.contracts.batch import OpenLease
from tests.contracts.ModuleRegistry.words import plain
from tests.contracts.world import HOUR, PRICE, ZERO_ADDRESS

OPENED = "LeasesOpened(address,uint256,bytes32,bytes32[],uint256[])"


@pytest.fixture
def messages(world):
    return world.contracts["Messages"]


def open_group(world, count=3, **options) -> tuple[list[OpenLease], list[bytes]]:
    """Leases of two renters in turn with one provider, and the data of their logs as any node gives it."""
    ask = world.ask(units=100)
    matches = [world.match(world.bid(renter=world.renters[at % 2]), ask, PRICE) for at in range(count)]
    tx = world.send_open(*matches, **options)
    logs = brownie.web3.eth.get_transaction_receipt(tx.txid)["logs"]
    topic = brownie.web3.keccak(text=OPENED)
    data = [bytes(HexBytes(log["data"])) for log in logs if log["topics"][0] == topic]
    return world.leases_of(tx, matches), data


def word_of(world, group: LeaseGroup) -> int:
    return world.escrow.groupWord(group.market, group.number)


def as_told(lease: OpenLease, is_open: bool) -> tuple:
    """How `leasesOf` tells a lease."""
    one = lease.terms
    terms = (one.renter, one.provider, one.price, one.fee_bps, one.deadline, one.salt, one.bid_hash)
    return (lease.place, lease.id, is_open, *terms)


def test_every_lease_of_a_group_is_told_with_its_id_and_its_terms(world, messages):
    leases, (data,) = open_group(world)
    told = plain(messages.leasesOf(ZERO_ADDRESS, word_of(world, leases[0].group), data))
    assert told == tuple(as_told(lease, True) for lease in leases)


def test_leases_of_an_account_are_those_in_which_it_is_renter_or_provider(world, messages):
    leases, (data,) = open_group(world)
    word = word_of(world, leases[0].group)
    renter, other = (account.address for account in world.renters[:2])
    assert [one[0] for one in plain(messages.leasesOf(renter, word, data))] == [0, 2]
    assert [one[0] for one in plain(messages.leasesOf(other, word, data))] == [1]
    assert [one[0] for one in plain(messages.leasesOf(world.provider, word, data))] == [0, 1, 2]
    assert plain(messages.leasesOf(world.stranger, word, data)) == ()


def test_a_lease_that_was_closed_or_claimed_is_not_told_as_open(world, messages):
    leases, (data,) = open_group(world)
    world.claim(leases[0])
    world.accept(leases[1], PRICE)
    told = plain(messages.leasesOf(ZERO_ADDRESS, word_of(world, leases[0].group), data))
    assert [one[2] for one in told] == [False, False, True]


def test_leases_of_a_number_that_was_used_again_are_not_told_as_open(world, messages):
    (old,), (data,) = open_group(world, 1, first_group=5)
    brownie.chain.sleep(3 * HOUR)
    world.refund(old)
    (new,), (again,) = open_group(world, 1, first_group=5)
    word = word_of(world, old.group)
    assert plain(messages.leasesOf(ZERO_ADDRESS, word, data)) == (as_told(old, False),)
    assert plain(messages.leasesOf(ZERO_ADDRESS, word, again)) == (as_told(new, True),)
    assert plain(messages.leasesOf(ZERO_ADDRESS, 0, again)) == (as_told(new, False),), "0: nobody asks whether it is"


def test_terms_of_a_group_are_the_escrows_own_for_each_lease_alone(world, messages):
    leases, (data,) = open_group(world)
    for lease in leases:
        number, chosen, digest, terms = lease.alone()
        told = plain(messages.groupTerms(number, lease.place, data))
        assert told == (number, chosen, "0x" + digest.hex(), tuple(terms))


def test_a_claimed_lease_is_the_escrows_own(world, messages):
    leases, (data,) = open_group(world)
    for lease in leases:
        assert plain(messages.claimedLease(lease.place, data)) == lease.claimed()


def test_a_full_group_is_told_whole(world, messages):
    leases, (data, rest) = open_group(world, GROUP_SIZE + 1)
    told = plain(messages.leasesOf(ZERO_ADDRESS, word_of(world, leases[0].group), data))
    assert told == tuple(as_told(lease, True) for lease in leases[:GROUP_SIZE])
    assert plain(messages.leasesOf(ZERO_ADDRESS, 0, rest)) == (as_told(leases[GROUP_SIZE], False),)
