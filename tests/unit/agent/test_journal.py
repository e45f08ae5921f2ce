"""What an agent remembers, and that nothing it is killed in the middle of is lost or done twice."""

import sqlite3
from dataclasses import replace

import pytest

from agent.follow import follow_leases
from agent.journal import Journal, WorkState
from marketplace.domain.chain import BlockRef, CloseReason, EventOrigin, LeaseClosed, LeaseOpened
from marketplace.protocol.enums import Outcome


def opened(number: int, agent: str = "me", block: int = 1) -> LeaseOpened:
    return LeaseOpened(
        origin=EventOrigin(block, f"hash{block}", "0x01", number), lease_id=f"0x{number:064x}", renter="r",
        provider="p",
        market="m", agent=agent, bid_hash="0xb", ask_hash="0xa", job_digest="0xj", price=10, penalty=10, fee_bps=500,
        deadline=100, round_digest="0xr",
    )  # fmt: skip


def closed(number: int, block: int) -> LeaseClosed:
    origin = EventOrigin(block, f"hash{block}", "0x02", 0)
    return LeaseClosed(origin, f"0x{number:064x}", Outcome.PAID, 1, 0, 9, "0xd", CloseReason.VERDICT)


class FakeChain:
    """Blocks that a test writes by hand."""

    deployed_at_block = 1

    def __init__(self, *blocks):
        self.blocks, self.prefix = list(blocks), "hash"

    def head(self):
        return self.block(len(self.blocks))

    def block(self, number):
        return BlockRef(number, f"{self.prefix}{number}", 0) if 1 <= number <= len(self.blocks) else None

    def events(self, first, last):
        return [event for events in self.blocks[first - 1 : last] for event in events]


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    yield journal
    journal.close()


def mine(event):
    return event.agent == "me"


def test_leases_of_others_are_not_journalled(journal):
    follow_leases(FakeChain([opened(1), opened(2, agent="other")]), journal, mine)
    assert [event.lease_id for event in journal.leases(WorkState.SEEN)] == [opened(1).lease_id]


def test_following_again_finds_only_what_is_new(journal):
    chain = FakeChain([opened(1)], [])
    follow_leases(chain, journal, mine)
    journal.record_attested(opened(1).lease_id, {"attestation": 1})
    chain.blocks.append([opened(2, block=3)])
    follow_leases(chain, journal, mine)
    assert [event.lease_id for event in journal.leases(WorkState.SEEN)] == [opened(2).lease_id]
    assert journal.lease(opened(1).lease_id) == opened(1)


def test_closed_lease_is_not_worked_on(journal):
    follow_leases(FakeChain([opened(1)], [closed(1, 2)]), journal, mine)
    assert journal.leases(WorkState.SEEN) == []
    journal.record_attested(opened(1).lease_id, {})
    assert journal.leases(WorkState.ATTESTED) == []


def test_reorganisation_starts_over_and_keeps_what_was_signed(journal):
    chain = FakeChain([opened(1)], [opened(2)])
    follow_leases(chain, journal, mine)
    journal.record_attested(opened(1).lease_id, {"attestation": "signed"})
    chain.prefix, chain.blocks = "other", [[opened(1)], []]
    follow_leases(chain, journal, mine)
    assert journal.leases(WorkState.SEEN) == []
    assert journal.evidence(opened(1).lease_id) == {"attestation": "signed"}


def test_everything_is_there_after_a_kill(tmp_path):
    first = Journal(tmp_path / "j")
    follow_leases(FakeChain([opened(1), opened(2)]), first, mine)
    first.record_attested(opened(1).lease_id, {"attestation": 7})
    first.record_note("ask", {"salt": "1"})
    again = Journal(tmp_path / "j")  # the first one was never closed
    assert again.evidence(opened(1).lease_id) == {"attestation": 7}
    assert again.note("ask") == {"salt": "1"}
    assert len(again.leases(WorkState.SEEN)) == 1


def test_second_verdict_on_one_lease_is_impossible(journal):
    journal.record_verdict("0x1", {"outcome": 1}, "sig")
    with pytest.raises(sqlite3.IntegrityError):
        journal.record_verdict("0x1", {"outcome": 3}, "sig")
    assert journal.verdict("0x1") == {"verdict": {"outcome": 1}, "signature": "sig"}


@pytest.mark.parametrize(("evidence", "state"), [(None, WorkState.SEEN), ({"a": 1}, WorkState.ATTESTED)])
def test_lease_whose_end_was_reorganised_away_is_worked_on_again(journal, evidence, state):
    chain = FakeChain([opened(1)], [])
    follow_leases(chain, journal, mine)
    if evidence:
        journal.record_attested(opened(1).lease_id, evidence)
    chain.blocks.append([closed(1, 3)])
    follow_leases(chain, journal, mine)
    chain.prefix, chain.blocks = "other", [[opened(1)], [], []]
    follow_leases(chain, journal, mine)
    assert [event.lease_id for event in journal.leases(state)] == [opened(1).lease_id]


def test_declined_lease_stays_declined_after_a_reorganisation(journal):
    chain = FakeChain([opened(1)], [])
    follow_leases(chain, journal, mine)
    journal.record_declined(opened(1).lease_id, "too late")
    chain.blocks.append([closed(1, 3)])
    follow_leases(chain, journal, mine)
    chain.prefix, chain.blocks = "other", [[opened(1)], [], []]
    follow_leases(chain, journal, mine)
    assert journal.leases(WorkState.SEEN) == []


def test_lease_that_opens_at_another_price_after_a_reorganisation_is_known_at_that_price(journal):
    chain = FakeChain([opened(1)], [])
    follow_leases(chain, journal, mine)
    journal.record_attested(opened(1).lease_id, {"a": 1})
    chain.prefix, chain.blocks = "other", [[replace(opened(1), price=7)], []]
    follow_leases(chain, journal, mine)
    assert journal.lease(opened(1).lease_id).price == 7
