"""What each oracle did, rebuilt from the contracts' events alone."""

from marketplace.domain.chain import (
    ClaimsSettled,
    Committee,
    EventOrigin,
    LeaseOpened,
    LeasesSettled,
    OracleFeeCredited,
    SettledLease,
)
from marketplace.domain.oracle_record import compute_records
from marketplace.protocol.enums import Outcome

A, B, C = "0xa", "0xb", "0xc"
COMMITTEES = [Committee(2, 1, (B, C)), Committee(1, 2, (A, B, C))]


def at(block: int) -> EventOrigin:
    return EventOrigin(block, "0x", "0x", 0)


def opened(place: int, fee_bps: int = 500, group: int = 0) -> LeaseOpened:
    return LeaseOpened(
        at(1), f"0x{group}{place}", "m", "r", "p", "0xbid", 10_000, fee_bps, 9, 1, group, place, "0xround"
    )


def settled(block: int, signers: int, *ends: tuple[int, int], epoch: int = 1, group: int = 0) -> LeasesSettled:
    leases = tuple(SettledLease(group, place, Outcome.PAID, pay, "0x") for place, pay in ends)
    return LeasesSettled(at(block), "m", epoch, signers, leases)


def records(*events) -> dict[tuple[int, str], tuple]:
    found = compute_records(COMMITTEES, events)
    return {(one.epoch, one.oracle): (one.signed, one.absent, one.earned, one.last_signed_block) for one in found}


def test_every_member_of_every_committee_has_a_record():
    assert list(records()) == [(1, A), (1, B), (1, C), (2, B), (2, C)]


def test_a_batch_counts_for_its_signers_and_against_the_others_of_its_committee():
    found = records(opened(0), opened(1), settled(5, 0b011, (0, 10_000), (1, 2_019)), settled(8, 0b110, epoch=1))
    share = (500 + 100) * 2_000 // 10_000 // 2
    assert found[1, A] == (1, 1, share, 5)
    assert found[1, B] == (2, 0, share, 8)
    assert found[1, C] == (1, 1, 0, 8)
    assert found[2, B] == (0, 0, 0, None)


def test_a_group_used_again_has_the_fee_that_it_was_opened_with_last():
    found = records(opened(0), settled(5, 0b001, (0, 10_000)), opened(0, fee_bps=0), settled(6, 0b001, (0, 10_000)))
    assert found[1, A] == (2, 0, 100, 6)


def test_claims_decided_by_the_oracles_and_fees_fetched_count_too():
    events = [ClaimsSettled(at(4), 2, 0b01, 999), OracleFeeCredited(at(5), B, 2, 150)]
    (_, _, _, b, c) = compute_records(COMMITTEES, events)
    assert (b.signed, b.earned, b.credited) == (1, 199, 150)
    assert (c.absent, c.earned, c.credited) == (1, 0, 0)


def test_a_verdict_on_a_lease_whose_opening_is_not_among_the_events_earns_nothing_that_could_be_computed():
    assert records(settled(5, 0b001, (7, 10_000)))[1, A] == (1, 0, 0, 5)
