"""The demo's audit: it holds where the money is whole, and says which sentence fails where it is not."""

from dataclasses import replace

import pytest

from marketplace.domain.chain import (
    CloseReason,
    Committee,
    Deposited,
    EventOrigin,
    LeaseClaimed,
    LeaseClosed,
    LeaseDisputed,
    LeaseOpened,
    LeasesSettled,
    SettledLease,
    Slashed,
    Withdrawn,
)
from marketplace.protocol.enums import Outcome
from scripts.demo.books import replay
from scripts.demo.ledger import Holding, Snapshot, audit

ORIGIN = EventOrigin(1, "0x", "0x", 0)
PARTIES = {"Ada": "0xA", "Bob": "0xB", "Opal": "0xO", "Onyx": "0xP"}
COMMITTEES = [Committee(1, 2, ("0xO", "0xP"))]


def opened(lease: str, price: int) -> LeaseOpened:
    return LeaseOpened(
        origin=ORIGIN,
        lease_id=lease,
        renter="0xA",
        provider="0xB",
        market="0xM",
        bid_hash="0x",
        price=price,
        fee_bps=500,
        deadline=1,
        salt=1,
        group=0,
        place=int(lease, 16),
        round_digest="0x",
    )


def closed(
    lease: str, outcome: Outcome, paid: int, fee: int, refund: int, reason: CloseReason = CloseReason.RECEIPT
) -> LeaseClosed:
    return LeaseClosed(ORIGIN, lease, outcome, paid, fee, refund, "0x", reason)


def settled(*ends: SettledLease, signers: int = 3) -> LeasesSettled:
    return LeasesSettled(ORIGIN, "0xM", 1, signers, ends)


EVENTS = [
    Deposited(ORIGIN, "0xA", "0xA", 1_000),
    opened("0x1", 100),
    opened("0x2", 50),
    opened("0x3", 500),
    closed("0x1", Outcome.PAID, 57, 3, 40),
    Slashed(ORIGIN, "0xB", 50, "0x2"),
    settled(SettledLease(0, 2, Outcome.FRAUD, 0, "0x"), SettledLease(0, 3, Outcome.PAID, 400, "0x")),
    Withdrawn(ORIGIN, "0xA", 60, 30),
]
ORACLES = {"Opal": Holding(0, 0, 0, 70, 2), "Onyx": Holding(0, 0, 0, 70, 2)}
BEFORE = Snapshot(
    {"Ada": Holding(500, 1_000, 0), "Bob": Holding(0, 0, 300)}
    | {name: replace(each, credit=0) for name, each in ORACLES.items()},
    1_000, 300, 140, 0,
)  # fmt: skip
AFTER = Snapshot({"Ada": Holding(590, 500, 0), "Bob": Holding(0, 437, 250)} | ORACLES, 960, 250, 140, 19)
"""Ada: 1000 - 650 + 40 + 50 + 50 of the stake + 100 - 90 withdrawn. Fees: 3 by receipt, 20 by verdicts."""


def failing(after=AFTER, events=EVENTS, before=BEFORE):
    checks = audit(before, after, replay(events), PARTIES, COMMITTEES)
    return [check.claim for check in checks if not check.holds]


def test_the_events_alone_give_every_balance():
    books = replay(EVENTS)
    assert dict(books.free) == {"0xA": 500, "0xB": 437}
    assert (books.fees, books.slashed, books.locked) == (23, 50, {})
    assert dict(books.shares) == {(1, 0): 2, (1, 1): 2}


def test_a_group_that_is_opened_again_is_another_group():
    later = replace(opened("0x3", 500), lease_id="0x9", price=20)
    books = replay([*EVENTS, later, settled(SettledLease(0, 3, Outcome.FAILED, 0, "0x"))])
    assert books.closed["0x9"].refund == 20 and books.locked == {}


CLAIM = LeaseClaimed(ORIGIN, "0x1", "0xA", "0xB", 80, "0x", 9, 1, 2)
DISPUTE = LeaseDisputed(ORIGIN, "0x1", "0xA", 8, 9)


@pytest.mark.parametrize(
    ("end", "ada", "bob"),
    [
        (closed("0x1", Outcome.PAID, 76, 4, 20, CloseReason.VERDICT), 1_000 - 100 + 20 - 8, 76 + 8),
        (closed("0x1", Outcome.PAID, 75, 4, 21, CloseReason.VERDICT), 1_000 - 100 + 21, 75),
        (closed("0x1", Outcome.FAILED, 0, 0, 100, CloseReason.VERDICT), 1_000, 0),
        (closed("0x1", Outcome.NONE, 0, 0, 100, CloseReason.DISPUTE_EXPIRED), 1_000, 0),
    ],
)
def test_the_bond_of_a_dispute_goes_to_whom_the_oracles_found_right(end, ada, bob):
    until = [EVENTS[0], opened("0x1", 100), CLAIM, DISPUTE]
    books = replay(until)
    assert (books.free["0xA"], books.locked, books.disputed) == (892, {"0x1": 100}, {"0x1": 8})
    books = replay([*until, end])
    assert (books.free["0xA"], books.free["0xB"], books.locked, books.disputed) == (ada, bob, {}, {})


def test_whole_money_passes_every_check():
    assert failing() == []


@pytest.mark.parametrize(
    ("after", "claim"),
    [
        (replace(AFTER, escrow_tokens=961), "the escrow's tokens are what is free"),
        (replace(AFTER, stake_tokens=249), "the stake contract's tokens are the stakes"),
        (replace(AFTER, committee_tokens=139), "the committee's tokens are the oracles' bonds"),
        (replace(AFTER, fees=20), "the events alone give every balance and the fees"),
        (
            replace(AFTER, holdings=AFTER.holdings | {"Onyx": Holding(0, 0, 0, 70, 3)}),
            "the oracles that signed a batch share a fifth",
        ),
        (
            replace(AFTER, holdings=AFTER.holdings | {"Bob": Holding(0, 438, 250)}),
            "the events alone give every balance and the fees",
        ),
        (
            replace(AFTER, holdings=AFTER.holdings | {"Ada": Holding(589, 500, 0)}),
            "as much money as before, over all wallets and contracts",
        ),
    ],
)
def test_one_micro_usdc_too_many_or_too_few_is_noticed(after, claim):
    assert any(each.startswith(claim) for each in failing(after))


@pytest.mark.parametrize(
    ("events", "claim"),
    [
        (EVENTS[:5], "no lease is left open"),
        ([*EVENTS[:4], closed("0x1", Outcome.PAID, 58, 3, 40), *EVENTS[5:]], "of every lease, paid + fee + refund"),
        ([*EVENTS[:4], closed("0x1", Outcome.FRAUD, 57, 3, 40), *EVENTS[5:]], "nobody was paid for a job that failed"),
        ([*EVENTS[:5], *EVENTS[6:]], "stakes were slashed by the penalties"),
    ],
)
def test_a_lease_that_ends_unevenly_is_noticed(events, claim):
    assert any(each.startswith(claim) for each in failing(events=events))
