"""open(…): how the leases of a batch are put into groups, and what the event says of them."""

import pytest
from eth_abi import encode
from eth_utils import keccak
from hexbytes import HexBytes

from tests.contracts.batch import Match
from tests.contracts.expect import events_of
from tests.contracts.world import QUOTE

TOPIC = keccak(text="LeasesOpened(address,uint256,bytes32,bytes32[],uint256[])")


def small(world) -> Match:
    """A match that a provider can be given a hundred times."""
    return world.match(world.bid(fuel=0), world.ask(world.providers[0], units=100))


def unaffordable(world) -> Match:
    """A match at a price below the quote: it is left out."""
    return world.match(world.bid(), world.ask(world.providers[0], units=100), QUOTE - 1)


def groups_of(transaction) -> list[tuple[int, int]]:
    """Number and leases of each group that a transaction opened."""
    return [(event["group"], len(event["bidHashes"])) for event in events_of(transaction, "LeasesOpened")]


def data_of(transaction) -> list[bytes]:
    """What the events about groups carry, as the chain has it."""
    return [bytes(HexBytes(log["data"])) for log in transaction.logs if bytes(HexBytes(log["topics"][0])) == TOPIC]


@pytest.mark.parametrize(
    ("kept", "expected"), [(31, [31]), (32, [32]), (33, [32, 1]), (64, [32, 32]), (65, [32, 32, 1])]
)
def test_groups_are_filled_one_after_the_other(world, kept, expected):
    matches = [small(world) for _ in range(kept)]
    transaction = world.send_open(*matches, first_group=7)
    assert groups_of(transaction) == [(7 + index, count) for index, count in enumerate(expected)]


@pytest.mark.parametrize("left_out", [{0}, {2}, {4}, {0, 1, 2, 3}, {1, 3}])
def test_what_is_left_out_leaves_no_hole(world, left_out):
    matches = [unaffordable(world) if index in left_out else small(world) for index in range(5)]
    transaction = world.send_open(*matches)
    leases = world.leases_of(transaction, matches)
    assert [lease.bid for lease in leases] == [match.bid for i, match in enumerate(matches) if i not in left_out]
    assert all(world.is_open(lease) for lease in leases)
    world.settle(*(world.verdict(lease) for lease in leases))
    assert not any(world.is_open(lease) for lease in leases)


@pytest.mark.parametrize("left_out", [set(), {0}, {31, 32}, {5, 6, 7}])
def test_the_events_data_is_the_standard_encoding(world, left_out):
    matches = [unaffordable(world) if index in left_out else small(world) for index in range(35)]
    transaction = world.send_open(*matches)
    events = events_of(transaction, "LeasesOpened")
    assert sum(len(event["bidHashes"]) for event in events) == len(matches) - len(left_out)
    assert data_of(transaction) == [
        encode(
            ["bytes32[]", "uint256[]"],
            [[bytes(HexBytes(str(one))) for one in event["bidHashes"]], list(event["terms"])],
        )
        for event in events
    ]
