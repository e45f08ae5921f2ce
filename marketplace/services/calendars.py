"""Which units of each provider are taken from when to when: by open leases, and by matches that will open.

A lease takes its unit from its start until its bid's deadline, when anybody may have it refunded, and a little longer:
nothing but the deadline binds the contract. It usually closes sooner, and its unit is free at once then.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from marketplace.domain.calendar import FOREVER, Calendar, Gap, Promise
from marketplace.domain.leases import LeaseRecord, MatchRecord
from marketplace.domain.orders import BidRecord
from marketplace.domain.rules import Rules
from marketplace.protocol.messages import Ask
from marketplace.services.unit_counts import Units

OPENING_SECONDS = 60
"""How long after its start a reserved lease may take to open: both orders must be valid for so much longer."""


@dataclass(frozen=True, slots=True)
class Calendars:
    """Promises by provider: the contract counts a provider's leases, whatever ask or market they are of."""

    promises: Mapping[str, tuple[Promise, ...]]
    handover: int

    def of(self, ask: Ask) -> Calendar:
        """The units of an ask, and what of them is promised."""
        return Calendar.of(ask.units, self.promises.get(ask.provider, ()))

    def last_deadline(self, gap: Gap) -> int:
        """The latest deadline of a lease that leaves the gap's units to whom they are promised from its end on."""
        return gap.until if gap.until == FOREVER else gap.until - self.handover


def load_calendars(
    leases: Iterable[LeaseRecord],
    reserved: Iterable[MatchRecord],
    reserved_bids: Mapping[str, BidRecord],
    units: Units,
    opened: Mapping[str, int],
    now: int,
    rules: Rules,
) -> Calendars:
    """`leases` are those that are open here, `reserved` the matches that are still to open; see `BidRecord` for when.
    `units` is how many of them each takes.

    `opened` is how many leases of a provider the chain says are open: those not known here are of other markets, and
    end nobody knows when. One that the chain has closed and the follower has not seen closed yet counts until it has.
    """
    promises: dict[str, list[Promise]] = {provider: [] for provider in opened}
    for lease in sorted(leases, key=lambda lease: -lease.deadline):
        known = promises.get(lease.provider)
        if known is not None:
            until = max(now + 1, lease.deadline + rules.handover_seconds)
            known.append(Promise(0, until, units[lease.bid_hash, lease.ask_hash]))
    for provider, count in opened.items():
        elsewhere = count - len(promises[provider])
        promises[provider] += [Promise(0, FOREVER, elsewhere)] if elsewhere > 0 else []
    for match in reserved:
        record = reserved_bids[match.bid_hash]
        end = record.bid.deadline + rules.handover_seconds
        taken = units[match.bid_hash, match.ask_hash]
        promises.setdefault(match.provider, []).append(Promise(record.job_spec.schedule.not_before, end, taken))
    return Calendars({provider: tuple(found) for provider, found in promises.items()}, rules.handover_seconds)
