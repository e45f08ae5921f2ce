"""The demo's audit: it holds where the money is whole, and says which sentence fails where it is not."""

from dataclasses import replace

import pytest

from marketplace.domain.chain import CloseReason, Deposited, EventOrigin, LeaseClosed, LeaseOpened, Slashed, Withdrawn
from marketplace.protocol.enums import Outcome
from scripts.demo.ledger import Holding, Snapshot, audit, replay

ORIGIN = EventOrigin(1, "0x", "0x", 0)
PARTIES = {"Ada": "0xA", "Bob": "0xB"}


def opened(lease: str, price: int) -> LeaseOpened:
    return LeaseOpened(
        origin=ORIGIN,
        lease_id=lease,
        renter="0xA",
        provider="0xB",
        market="0xM",
        agent="0xB",
        bid_hash="0x",
        ask_hash="0x",
        job_digest="0x",
        price=price,
        penalty=price,
        fee_bps=500,
        deadline=1,
        round_digest="0x",
    )


def closed(lease: str, outcome: Outcome, paid: int, fee: int, refund: int) -> LeaseClosed:
    return LeaseClosed(ORIGIN, lease, outcome, paid, fee, refund, "0x", CloseReason.VERDICT)


EVENTS = [
    Deposited(ORIGIN, "0xA", 1_000),
    opened("0x1", 100),
    opened("0x2", 50),
    closed("0x1", Outcome.PAID, 57, 3, 40),
    closed("0x2", Outcome.FRAUD, 0, 0, 50),
    Slashed(ORIGIN, "0xB", 50, "0x2"),
    Withdrawn(ORIGIN, "0xA", 90),
]
BEFORE = Snapshot({"Ada": Holding(500, 1_000, 0), "Bob": Holding(0, 0, 300)}, 1_000, 300, 0)
AFTER = Snapshot({"Ada": Holding(590, 900, 0), "Bob": Holding(0, 57, 250)}, 960, 250, 3)
"""Ada: 1000 - 150 + 40 + 50 + 50 of the stake - 90 withdrawn."""


def failing(after=AFTER, events=EVENTS, before=BEFORE):
    return [check.claim for check in audit(before, after, replay(events), PARTIES) if not check.holds]


def test_the_events_alone_give_every_balance():
    books = replay(EVENTS)
    assert dict(books.free) == {"0xA": 900, "0xB": 57}
    assert (books.fees, books.slashed, books.locked) == (3, 50, {})


def test_whole_money_passes_every_check():
    assert failing() == []


@pytest.mark.parametrize(
    ("after", "claim"),
    [
        (replace(AFTER, escrow_tokens=961), "the escrow's tokens are what is free, locked and collected as fees"),
        (replace(AFTER, stake_tokens=249), "the stake contract's tokens are the stakes"),
        (replace(AFTER, fees=4), "the events alone give every balance and the fees"),
        (
            replace(AFTER, holdings=AFTER.holdings | {"Bob": Holding(0, 58, 250)}),
            "the events alone give every balance and the fees",
        ),
        (
            replace(AFTER, holdings=AFTER.holdings | {"Ada": Holding(589, 900, 0)}),
            "as much money as before, over all wallets and both contracts",
        ),
    ],
)
def test_one_micro_usdc_too_many_or_too_few_is_noticed(after, claim):
    assert claim in failing(after)


@pytest.mark.parametrize(
    ("events", "claim"),
    [
        (EVENTS[:4], "no lease is left open"),
        ([*EVENTS[:3], closed("0x1", Outcome.PAID, 58, 3, 40), *EVENTS[4:]], "of every lease, paid + fee + refund"),
        ([*EVENTS[:4], closed("0x2", Outcome.FRAUD, 50, 0, 0), *EVENTS[5:]], "nobody was paid for a job that failed"),
        (EVENTS[:5], "stakes were slashed by the penalties"),
    ],
)
def test_a_lease_that_ends_unevenly_is_noticed(events, claim):
    assert any(each.startswith(claim) for each in failing(events=events))
