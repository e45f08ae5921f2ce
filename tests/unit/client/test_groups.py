"""The group that a market shows is believed because the lease's id is made of it."""

from dataclasses import replace

import pytest

from marketplace.client.groups import group_json, lease_group
from marketplace.errors import MalformedMessage
from marketplace.protocol.packing import LeaseGroup, LeaseTerms
from tests.unit.client.test_results import PROVIDER, RENTER

LEASE = LeaseTerms("0x" + "b1" * 32, RENTER, PROVIDER, 5_000, 500, 1_900_000_000, 3)
GROUP = LeaseGroup(PROVIDER, 12, (LEASE, replace(LEASE, bid_hash="0x" + "b2" * 32, salt=4)))


def shown(place: int = 1, **changes) -> dict:
    return {"leaseId": GROUP.lease_ids()[1], "group": group_json(GROUP, place) | changes}


def test_a_group_comes_back_whole():
    assert lease_group(shown(), PROVIDER) == (GROUP, 1)


@pytest.mark.parametrize("lease", [{"leaseId": "0x"}, {"leaseId": "0x", "group": None}])
def test_a_lease_without_a_group_has_none(lease):
    assert lease_group(lease, PROVIDER) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"place": 0},
        {"place": 2},
        {"place": -1},
        {"bidHashes": ["0x" + "b1" * 32]},
        {"bidHashes": ["0x" + "b1" * 32, "0x" + "b3" * 32]},
        {"bidHashes": None},
        {"terms": ["1", "2", "3"]},
        {"terms": [str(word) for word in GROUP.terms()] + ["1"]},
        {"terms": [str(word + 2**255) for word in GROUP.terms()]},
        {"number": "x"},
    ],
    ids=str,
)
def test_what_is_not_the_leases_group_is_refused(changes):
    with pytest.raises(MalformedMessage, match="group"):
        lease_group(shown(**changes), PROVIDER)
