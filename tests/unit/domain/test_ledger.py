"""What the events alone say of leases, and where a database is caught saying something else."""

from dataclasses import replace

import pytest

from marketplace.domain.chain import (
    CloseReason,
    EventOrigin,
    LeaseClaimed,
    LeaseClosed,
    LeaseDisputed,
    LeaseOpened,
    LeasesSettled,
    SettledLease,
)
from marketplace.domain.ledger import Difference, Ledger, find_differences
from marketplace.protocol.enums import Outcome

MARKET, OTHER, RENTER, PROVIDER = ("0x" + f"{n:02x}" * 20 for n in (1, 2, 3, 4))
RESULT = "0x" + "aa" * 32
FIRST, SECOND = "0x" + "01" * 32, "0x" + "02" * 32


def at(block: int) -> EventOrigin:
    return EventOrigin(block, f"0x{block:064x}", f"0x{block:064x}", 0)


def opened(lease_id: str = FIRST, *, market: str = MARKET, place: int = 0, block: int = 1) -> LeaseOpened:
    bid = "0x" + "bb" * 32
    return LeaseOpened(at(block), lease_id, market, RENTER, PROVIDER, bid, 1_000, 500, 99, 1, 0, place, RESULT)


def settled(pay: int, place: int = 0, block: int = 5, outcome: Outcome = Outcome.PAID) -> LeasesSettled:
    return LeasesSettled(at(block), MARKET, 1, 3, (SettledLease(0, place, outcome, pay, RESULT),))


def closed(lease_id: str = FIRST, paid: int = 0, fee: int = 0, refund: int = 1_000) -> LeaseClosed:
    return LeaseClosed(at(6), lease_id, Outcome.FAILED, paid, fee, refund, RESULT, CloseReason.DEADLINE)


def claimed(lease_id: str = FIRST) -> LeaseClaimed:
    return LeaseClaimed(at(3), lease_id, RENTER, PROVIDER, 400, RESULT, 50, 1, 2)


def ledger(*events) -> Ledger:
    found = Ledger(MARKET)
    found.read(events)
    return found


def test_a_verdict_splits_what_it_pays_by_the_fee_of_the_lease():
    entry = ledger(opened(), settled(999)).entries[FIRST]
    assert entry.closing[:4] == (Outcome.PAID, 950, 49, 1)  # 5% of 999 rounded down
    assert entry.closing[5:] == (CloseReason.VERDICT, 5, at(5).tx_hash)


def test_a_verdict_is_about_the_lease_that_is_open_at_its_place():
    again = opened(SECOND, block=6)
    found = ledger(opened(), settled(100), again, settled(200, block=7))
    assert [found.entries[one].closing[1] for one in (FIRST, SECOND)] == [95, 190]
    assert not found.faults


def test_a_claimed_lease_leaves_its_place_to_another():
    found = ledger(opened(), claimed(), opened(SECOND, block=4), settled(200))
    assert found.entries[FIRST].closing is None and found.entries[FIRST].claim == (400, RESULT, 50, 3)
    assert found.entries[SECOND].closing is not None


def test_a_dispute_stands_beside_its_claim():
    found = ledger(opened(), claimed(), LeaseDisputed(at(4), FIRST, RENTER, 40, 80))
    assert found.entries[FIRST].dispute == (40, 80, 4)


def test_what_other_markets_do_is_not_in_it():
    found = ledger(opened(market=OTHER), closed(), replace(settled(5), market=OTHER))
    assert found.entries == {} and found.faults == []


@pytest.mark.parametrize(
    ("events", "fault"),
    [
        ((opened(), opened()), "opened twice"),
        ((opened(), closed(), closed()), "ended twice"),
        ((opened(), settled(5), settled(5)), "where no lease is open"),
        ((opened(), closed(refund=999)), "are not what was locked"),
        ((opened(), closed(paid=-1, refund=1_001)), "are not what was locked"),
        ((opened(), closed(paid=1, refund=1_000, fee=-1)), "are not what was locked"),
    ],
)
def test_what_no_contract_allows_is_a_fault(events, fault):
    (said,) = ledger(*events).faults
    assert fault in said


def test_equal_ledgers_have_no_differences():
    events = opened(), claimed(), closed()
    assert find_differences(ledger(*events).entries, ledger(*events).entries) == []


def test_every_difference_is_told_with_both_sides():
    chain, other = ledger(opened(), closed()), ledger(opened(block=2), opened(SECOND))
    found = find_differences(chain.entries, other.entries)
    assert Difference(FIRST, "block", 1, 2) in found
    assert Difference(SECOND, "lease", "missing", "there") in found
    assert {one.fact for one in found if one.lease_id == FIRST} == {"block", "transaction", "closing"}
    assert "is 1 on chain, 2 in the database" in str(found[0])
