"""What an agent remembers, and that nothing it is killed in the middle of is lost or done twice."""

import sqlite3
from dataclasses import replace

import pytest

from agent.follow import follow_leases
from agent.journal import Journal, WorkState
from marketplace.domain.chain import (
    BlockRef,
    CloseReason,
    EventOrigin,
    LeaseClaimed,
    LeaseClosed,
    LeaseOpened,
    LeasesSettled,
    SettledLease,
)
from marketplace.protocol.enums import Outcome


def opened(number: int, provider: str = "me", block: int = 1, group: int = 0, place: int | None = None) -> LeaseOpened:
    """Lease `number`, at the place of that number unless told otherwise."""
    return LeaseOpened(
        origin=EventOrigin(block, f"hash{block}", "0x01", number), lease_id=f"0x{number:064x}", renter="r",
        provider=provider, market="m", bid_hash="0xb", price=10_000, fee_bps=500, deadline=100, salt=number,
        group=group, place=number if place is None else place, round_digest="0xr",
    )  # fmt: skip


def closed(number: int, block: int = 9) -> LeaseClosed:
    origin = EventOrigin(block, f"hash{block}", "0x02", 0)
    return LeaseClosed(origin, f"0x{number:064x}", Outcome.PAID, 1, 0, 9, "0xd", CloseReason.RECEIPT)


def claimed(number: int) -> LeaseClaimed:
    return LeaseClaimed(EventOrigin(9, "hash9", "0x03", 0), f"0x{number:064x}", "r", "me", 7, "0xd", 900, 1, 2)


def settled(*places: int, group: int = 0, market: str = "m") -> LeasesSettled:
    ends = tuple(SettledLease(group, place, Outcome.PAID, 1_000, "0xd") for place in places)
    return LeasesSettled(EventOrigin(9, "hash9", "0x04", 0), market, 1, 3, ends)


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
    return event.provider == "me"


def open_ids(journal) -> list[int]:
    return [int(event.lease_id, 16) for event in journal.open_leases()]


def test_leases_of_others_are_not_journalled(journal):
    follow_leases(FakeChain([opened(1), opened(2, provider="other")]), journal, mine)
    assert [event.lease_id for event in journal.leases(WorkState.SEEN)] == [opened(1).lease_id]


def test_following_again_finds_only_what_is_new(journal):
    chain = FakeChain([opened(1)], [])
    follow_leases(chain, journal, mine)
    journal.record_attested(opened(1).lease_id, {"attestation": 1})
    chain.blocks.append([opened(2, block=3)])
    follow_leases(chain, journal, mine)
    assert [event.lease_id for event in journal.leases(WorkState.SEEN)] == [opened(2).lease_id]
    assert journal.lease(opened(1).lease_id) == opened(1)


def test_a_node_that_lags_behind_makes_an_agent_forget_nothing(journal):
    """As behind an address that several nodes share: one of them may not have heard of the last block."""
    ahead, behind = FakeChain([], [opened(1, block=2)], []), FakeChain([], [opened(1, block=2)])
    follow_leases(ahead, journal, mine)
    followed = journal.followed()
    assert follow_leases(behind, journal, mine) == 2
    assert journal.followed() == followed and open_ids(journal) == [1]
    behind.blocks.append([closed(1, 3)])
    behind.prefix = "other"
    follow_leases(behind, journal, mine)
    assert open_ids(journal) == [], "it has caught up, and was on another history"


def test_closed_lease_is_not_worked_on(journal):
    follow_leases(FakeChain([opened(1)], [closed(1, 2)]), journal, mine)
    assert journal.leases(WorkState.SEEN) == []
    journal.record_attested(opened(1).lease_id, {})
    assert journal.leases(WorkState.ATTESTED) == []


def test_a_verdict_closes_the_lease_that_is_at_its_place(journal):
    told = []
    chain = FakeChain([opened(1), opened(2, provider="other"), opened(3)], [settled(1, 2)])
    follow_leases(chain, journal, mine, told.append)
    assert open_ids(journal) == [3]
    assert [(one.lease_id, one.paid, one.reason) for one in told] == [(opened(1).lease_id, 950, CloseReason.VERDICT)]
    chain.blocks.append([settled(3, market="another"), settled(3, group=1)])
    follow_leases(chain, journal, mine, told.append)
    assert open_ids(journal) == [3] and len(told) == 1


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("second", ["me", "other"])
def test_a_group_number_that_is_used_again_is_another_group(journal, at_once, second):
    blocks = [[opened(1, place=0)], [settled(0)], [opened(2, provider=second, place=0)], [settled(0)]]
    blocks.append([opened(3, place=0)])
    chain = FakeChain(*(blocks if at_once else blocks[:1]))
    told = []
    for block in [None] if at_once else blocks[1:]:
        follow_leases(chain, journal, mine, told.append)
        chain.blocks += [block] if block else []
    follow_leases(chain, journal, mine, told.append)
    assert open_ids(journal) == [3]
    assert [int(one.lease_id, 16) for one in told] == ([1, 2] if second == "me" else [1])


@pytest.mark.parametrize("at_once", [True, False])
def test_a_claimed_lease_leaves_its_place_to_another(journal, at_once):
    """A verdict on whatever is opened there next is none on the claimed one."""
    blocks = [[opened(1, place=0)], [claimed(1)], [opened(2, provider="other", place=0)], [settled(0)]]
    chain = FakeChain(*(blocks if at_once else []))
    for block in [] if at_once else blocks:
        chain.blocks.append(block)
        follow_leases(chain, journal, mine)
    follow_leases(chain, journal, mine)
    assert open_ids(journal) == [1] and journal.claims() == {claimed(1).lease_id: claimed(1)}
    chain.blocks.append([closed(1)])
    follow_leases(chain, journal, mine)
    assert open_ids(journal) == [] and journal.claims() == {}


def test_a_claim_that_was_reorganised_away_is_forgotten(journal):
    chain = FakeChain([opened(1)], [claimed(1)])
    follow_leases(chain, journal, mine)
    journal.record_attested(opened(1).lease_id, {"attestation": "signed"})
    chain.prefix, chain.blocks = "other", [[opened(1)], []]
    follow_leases(chain, journal, mine)
    assert journal.claims() == {} and open_ids(journal) == [1]


def test_a_journal_of_the_escrow_before_groups_starts_anew_but_keeps_its_verdicts(tmp_path):
    old = sqlite3.connect(tmp_path / "j")
    old.executescript("""
        CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT NOT NULL);
        CREATE TABLE leases (lease_id TEXT PRIMARY KEY, state TEXT NOT NULL, event TEXT NOT NULL, evidence TEXT,
                             reason TEXT NOT NULL DEFAULT '');
        CREATE TABLE verdicts (lease_id TEXT PRIMARY KEY, verdict TEXT NOT NULL, signature TEXT NOT NULL);
        INSERT INTO notes VALUES ('ask', '{}');
        INSERT INTO leases (lease_id, state, event) VALUES ('0x1', 'seen', '{"agent": "0x"}');
        INSERT INTO verdicts VALUES ('0x1', '{"outcome": 1}', 'sig');
    """)
    old.close()
    journal = Journal(tmp_path / "j")
    assert journal.open_leases() == [] and journal.note("ask") is None
    assert journal.verdict("0x1") == {"outcome": 1} and journal.secret("0x1") is None


def test_a_verdict_that_an_older_program_gave_in_the_open_gets_its_secret_once(journal):
    journal.record_secret("0x1", "0xs")
    with pytest.raises(sqlite3.IntegrityError):
        journal.record_secret("0x1", "0xother")
    assert journal.secret("0x1") == "0xs"


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
    journal.record_verdict("0x1", {"outcome": 1}, "0xs")
    for verdict, secret in (({"outcome": 3}, "0xs"), ({"outcome": 1}, "0xother")):
        with pytest.raises(sqlite3.IntegrityError):
            journal.record_verdict("0x1", verdict, secret)
    assert (journal.verdict("0x1"), journal.secret("0x1")) == ({"outcome": 1}, "0xs")


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


@pytest.mark.parametrize("blocks", [[[opened(2)], []], [[opened(1)], []]], ids=["gone", "still there"])
def test_lease_is_open_after_a_reorganisation_only_where_it_opened_in_the_other_history(journal, blocks):
    chain = FakeChain([opened(1)], [])
    follow_leases(chain, journal, mine)
    journal.record_attested(opened(1).lease_id, {"a": 1})
    journal.record_posted(opened(1).lease_id)
    chain.prefix, chain.blocks = "other", blocks
    follow_leases(chain, journal, mine)
    assert journal.open_leases() == blocks[0]
    assert journal.evidence(opened(1).lease_id) == {"a": 1}


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
