"""Who is paid for what: every lease that has ended, held against the parties' honesty and what they have signed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from marketplace.domain.chain import ChainEvent, ClaimsSettled, CloseReason, LeaseClosed, LeaseOpened, LeasesSettled
from marketplace.domain.ledger import Entry, Ledger
from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import Verdict
from marketplace.protocol.units import BPS
from tests.simulation.renters import Job
from tests.simulation.sandbox import true_result
from tests.simulation.world import THRESHOLD, World, require


@dataclass(frozen=True, slots=True)
class Judged:
    """What a batch said of one lease, and the places in the committee of those who signed it."""

    outcome: int
    pay: int
    result_digest: str
    signers: tuple[int, ...]


class Verdicts:
    """Looks at every end of a lease once, and again where a reorganisation gave it another one."""

    def __init__(self, world: World, jobs: Mapping[str, Job]) -> None:
        self._world, self._jobs = world, jobs
        self._seen: dict[str, tuple[object, ...]] = {}

    def check(self, ledger: Ledger, events: list[ChainEvent], opened: Mapping[str, LeaseOpened]) -> None:
        """Raises Finding where somebody was paid, or not, for another reason than there may be."""
        ended = {key: entry for key, entry in ledger.entries.items() if entry.closing is not None}
        new = [key for key, entry in ended.items() if self._seen.get(key) != entry.closing]
        judged = _judged(events, opened.values()) if new else {}
        for lease_id in new:
            self._check_reason(opened[lease_id], ended[lease_id], judged.get(lease_id))
            self._check_time(opened[lease_id], ended[lease_id])
            self._check_outcome(opened[lease_id], ended[lease_id])
        self._seen = {key: entry.closing for key, entry in ended.items() if entry.closing is not None}

    def _check_outcome(self, event: LeaseOpened, entry: Entry) -> None:
        assert entry.closing is not None
        outcome, paid, fee, _, result, reason, *_ = entry.closing
        habit = self._world.habits()[event.provider]
        if outcome == Outcome.FRAUD:
            require(habit == "liar", f"lease {event.lease_id}: its {habit} provider was slashed")
        due = (int(str(paid)) + int(str(fee))) * event.fee_bps // BPS
        require(fee == due, f"lease {event.lease_id}: its fee is {fee}, agreed was {due}")
        if outcome != Outcome.PAID:
            require((paid, fee) == (0, 0), f"lease {event.lease_id} pays without being paid")
        elif reason in (CloseReason.VERDICT, CloseReason.RECEIPT):
            truth = true_result(self._jobs[event.bid_hash].spec)
            require(result == truth, f"lease {event.lease_id}: {habit} provider was paid for a wrong result")
        elif reason == CloseReason.CLAIM_RELEASED:
            require(habit in ("honest", "hoarder"), f"lease {event.lease_id}: a disputed lie was paid")

    def _check_time(self, event: LeaseOpened, entry: Entry) -> None:
        """A deadline refunds after it; a claim is paid as claimed, once its window is over and nobody disputed it."""
        assert entry.closing is not None
        _, paid, fee, _, _, reason, number, _ = entry.closing
        at = self._world.chain.blocks[int(str(number))].ref.timestamp
        if reason == CloseReason.DEADLINE:
            require(at > event.deadline, f"lease {event.lease_id} was refunded before its deadline")
        elif reason == CloseReason.CLAIM_RELEASED:
            require(entry.claim is not None, f"lease {event.lease_id} is paid by a claim that nobody has made")
            assert entry.claim is not None
            pay, until = int(str(entry.claim[0])), int(str(entry.claim[2]))
            require(entry.dispute is None and at > until, f"lease {event.lease_id}: its claim was paid too early")
            require(
                int(str(paid)) + int(str(fee)) == pay, f"lease {event.lease_id} pays something else than was claimed"
            )

    def _check_reason(self, event: LeaseOpened, entry: Entry, judged: Judged | None) -> None:
        """Who closes a lease by a verdict or a receipt has one."""
        assert entry.closing is not None
        reason = entry.closing[5]
        if reason == CloseReason.VERDICT:
            require(judged is not None, f"lease {event.lease_id} closed without a verdict")
            assert judged is not None
            self._check_signers(event.lease_id, judged)
        elif reason == CloseReason.RECEIPT:
            given = {one for renter in self._world.renters for one in renter.receipts}
            require(event.lease_id in given, f"lease {event.lease_id} closed by a receipt that nobody gave")

    def _check_signers(self, lease_id: str, judged: Judged) -> None:
        """A quorum has signed, and each honest member of it what it has itself found and journalled."""
        require(len(judged.signers) >= THRESHOLD[len(self._world.oracles)], f"lease {lease_id} closed without a quorum")
        by_address = {oracle.account.address: oracle for oracle in self._world.oracles}
        members = self._world.chain.state.committee.members
        for place in judged.signers:
            oracle = by_address[members[place]]
            if oracle.habit not in ("honest", "silent"):
                continue
            assert oracle.journal is not None
            given = oracle.journal.verdict(lease_id)
            require(given is not None, f"lease {lease_id} closed by a verdict that {oracle.name} has never given")
            assert given is not None
            own = Verdict.parse(given)
            said, signed = (own.outcome, own.pay, own.result_digest), (judged.outcome, judged.pay, judged.result_digest)
            require(said == signed, f"lease {lease_id} closed by {signed}, {oracle.name} has found {said}")


def _judged(events: Iterable[ChainEvent], opened: Iterable[LeaseOpened]) -> dict[str, Judged]:
    """Every lease that a batch has closed, as the batch says it."""
    found: dict[str, Judged] = {}
    prices = {event.lease_id: event for event in opened}
    places: dict[tuple[int, int], str] = {}
    waiting: dict[str, list[LeaseClosed]] = {}
    for event in events:
        if isinstance(event, LeaseOpened):
            places[event.group, event.place] = event.lease_id
        elif isinstance(event, LeasesSettled):
            for one in event.settled:
                lease_id = places[one.group, one.place]
                found[lease_id] = Judged(int(one.outcome), one.pay, one.result_digest, _bits(event.signers))
        elif isinstance(event, LeaseClosed) and event.reason == CloseReason.VERDICT and event.lease_id in prices:
            waiting.setdefault(event.origin.tx_hash, []).append(event)
        elif isinstance(event, ClaimsSettled):
            for closed in waiting.pop(event.origin.tx_hash, []):
                pay = closed.paid + closed.fee
                found[closed.lease_id] = Judged(int(closed.outcome), pay, closed.result_digest, _bits(event.signers))
    return found


def _bits(word: int) -> tuple[int, ...]:
    return tuple(place for place in range(word.bit_length()) if word >> place & 1)
