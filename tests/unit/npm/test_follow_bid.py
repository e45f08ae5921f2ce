"""Following a bid: what events tell of its leases, the same in Python (`BidFollower`) and TypeScript (`followBid`)."""

from dataclasses import dataclass, field

import pytest

from marketplace.domain import chain as domain
from marketplace.published import BidFollower, CloseReason, LeaseGroup, LeaseTerms, Outcome, settled_of
from tests.unit.npm.conftest import Big

ORIGIN = domain.EventOrigin(1, "0x" + "00" * 32, "0x" + "00" * 32, 0)
MARKET, OTHER_MARKET, RENTER = ("0x" + digit * 40 for digit in "123")
PROVIDERS = tuple(f"0x{digit * 40}" for digit in "4567")
MINE, THEIRS = "0x" + "aa" * 32, "0x" + "bb" * 32
RESULT = "0x" + "cc" * 32
PRICE = 300_000


@dataclass
class Story:
    """Events as both sides take them: decoded by viem, and as values of the domain."""

    javascript: list[dict] = field(default_factory=list)
    python: list = field(default_factory=list)

    def opened(self, number: int, *bids: str, market: str = MARKET, salt: int = 1) -> LeaseGroup:
        terms = tuple(
            LeaseTerms(bid, RENTER, PROVIDERS[at], PRICE, 500, 1_800_000_000, salt) for at, bid in enumerate(bids)
        )
        group = LeaseGroup(market, number, terms)
        args = {"market": market, "group": Big(number), "bidHashes": list(bids), "terms": list(map(Big, group.terms()))}
        self.javascript.append({"eventName": "LeasesOpened", "args": args})
        self.python += [
            domain.LeaseOpened(ORIGIN, lease_id, market, one.renter, one.provider, one.bid_hash, one.price, one.fee_bps,
                               one.deadline, one.salt, number, place, RESULT)
            for place, (lease_id, one) in enumerate(zip(group.lease_ids(), terms, strict=True))
        ]  # fmt: skip
        return group

    def settled(self, group: LeaseGroup, chosen: int, closed: int, *verdicts: tuple[Outcome, int]) -> None:
        packed = [pay | outcome << 64 for outcome, pay in verdicts]
        threes = [packed[start : start + 3] for start in range(0, len(packed), 3)]
        words = [sum(one << 80 * at for at, one in enumerate(three)) for three in threes]
        head = group.number << 32
        args = {"closed": [head | closed], "chosen": [head | chosen], "outcomes": words}
        digests = {"resultDigests": [RESULT] * len(packed)}
        wide = {name: list(map(Big, each)) for name, each in args.items()}
        self.javascript.append({"eventName": "LeasesSettled", "args": {"market": group.market, **wide, **digests}})
        ends = tuple(settled_of(args | {"resultDigests": [bytes.fromhex(RESULT[2:])] * len(packed)}))
        self.python.append(domain.LeasesSettled(ORIGIN, group.market, 1, 7, ends))

    def told(self, name: str, event, **args) -> None:
        self.javascript.append({"eventName": name, "args": args})
        self.python.append(event)

    def claimed(self, lease_id: str, pay: int) -> None:
        event = domain.LeaseClaimed(ORIGIN, lease_id, RENTER, PROVIDERS[0], pay, RESULT, 9, 1, 2)
        self.told("LeaseClaimed", event, leaseId=lease_id, pay=Big(pay), resultDigest=RESULT)

    def disputed(self, lease_id: str) -> None:
        self.told("LeaseDisputed", domain.LeaseDisputed(ORIGIN, lease_id, RENTER, 1, 9), leaseId=lease_id)

    def closed(self, lease_id: str, outcome: Outcome, paid: int, fee: int) -> None:
        end = domain.LeaseClosed(ORIGIN, lease_id, outcome, paid, fee, 0, RESULT, CloseReason.RECEIPT)
        amounts = {"paid": Big(paid), "fee": Big(fee)}
        self.told("LeaseClosed", end, leaseId=lease_id, outcome=int(outcome), resultDigest=RESULT, **amounts)

    def something_else(self) -> None:
        event = domain.Deposited(ORIGIN, RENTER, RENTER, 7)
        self.told("Deposited", event, account=RENTER, amount=Big(7), **{"from": RENTER})


@pytest.fixture
def tell(ask):
    """What both sides tell of a story about the bid MINE: (lease, state, outcome, pay, result digest) each time."""

    def of(story: Story) -> list[tuple]:
        follower = BidFollower(MINE)
        python = [
            (one.opened.lease_id, one.state, one.outcome, one.pay, one.result_digest)
            for event in story.python
            for one in follower.take(event)
        ]
        (javascript,) = ask(["followed", "tell", MINE, story.javascript])
        fields = ("state", "outcome", "pay", "resultDigest")
        assert python == [(one["lease"]["leaseId"], *map(one.get, fields)) for one in javascript]
        return python

    return of


def test_every_replica_is_told_when_it_opens_and_when_a_verdict_closes_it(tell):
    story = Story()
    group = story.opened(5, THEIRS, MINE, THEIRS, MINE)
    story.something_else()
    story.settled(group, 0b1111, 0b1011, (Outcome.PAID, 1), (Outcome.PAID, 2), (Outcome.PAID, 3), (Outcome.FRAUD, 0))
    ids = group.lease_ids()
    assert tell(story) == [
        (ids[1], "open", None, None, None),
        (ids[3], "open", None, None, None),
        (ids[1], "closed", Outcome.PAID, 2, RESULT),
        (ids[3], "closed", Outcome.FRAUD, 0, RESULT),
    ]


def test_a_verdict_that_counted_for_nothing_tells_nothing(tell):
    story = Story()
    group = story.opened(5, MINE, THEIRS)
    story.settled(group, 0b11, 0b10, (Outcome.PAID, 1), (Outcome.PAID, 2))
    assert [one[1] for one in tell(story)] == ["open"]


def test_a_number_that_is_used_again_or_by_another_market_is_not_taken_for_the_lease(tell):
    story = Story()
    first = story.opened(5, MINE)
    other = story.opened(5, THEIRS, market=OTHER_MARKET)
    story.settled(other, 1, 1, (Outcome.FAILED, 0))
    story.closed(first.lease_ids()[0], Outcome.PAID, 285_000, 15_000)
    again = story.opened(5, THEIRS, salt=2)
    story.settled(again, 1, 1, (Outcome.FRAUD, 0))
    assert [one[1:4] for one in tell(story)] == [("open", None, None), ("closed", Outcome.PAID, PRICE)]


def test_claim_dispute_and_end_are_told_and_those_of_other_leases_are_not(tell):
    story = Story()
    mine, theirs = story.opened(5, MINE, THEIRS).lease_ids()
    for lease_id in (theirs, mine):
        story.claimed(lease_id, 200_000)
        story.disputed(lease_id)
        story.closed(lease_id, Outcome.NONE, 0, 0)
    assert tell(story) == [
        (mine, "open", None, None, None),
        (mine, "claimed", None, 200_000, RESULT),
        (mine, "disputed", None, 200_000, RESULT),
        (mine, "closed", Outcome.NONE, 0, RESULT),
    ]


def test_a_claimed_lease_has_left_its_group(tell):
    story = Story()
    group = story.opened(5, MINE)
    story.claimed(group.lease_ids()[0], 200_000)
    again = story.opened(5, THEIRS, salt=2)
    story.settled(again, 1, 1, (Outcome.FAILED, 0))
    assert [one[1] for one in tell(story)] == ["open", "claimed"]
