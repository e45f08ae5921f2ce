"""Whether a node is what a job needs, by the rules of the round that matched them, asked again by who did not clear it.

A provider asks about its machine as it is now, before it runs a job; oracles about what the provider signed, before
they have it paid.
"""

from collections.abc import Iterable

from marketplace.domain.book import PlacedAsk, PlacedBid
from marketplace.domain.constraints import CONSTRAINTS, Deadline, Facts, Otherwise, Quality, Quantity
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.messages import Ask, Bid
from marketplace.protocol.profile import NodeProfile

Constraint = Quality | Quantity | Otherwise | Deadline
_OF_THE_ROUND = ("schedule", "reputation", "deadline", "stake", "promisedSandbox")
"""What depends on the time of the round, on who the oracles were by then, or stands on the chain."""
_SEEN_BY_RUNNING = ("sandbox", "runtime", "registry", "network", "privateJobs", "preemption")
"""What a node must have to begin at all, and what only its provider minds."""
_BY_TABLES = ("latency", "carbon")
"""What is read off tables, which the next release may change: oracles of two releases would disagree."""
OF_THE_MACHINE = tuple(one for one in CONSTRAINTS if one.name not in _OF_THE_ROUND)
"""What a provider can tell about its own machine."""
PROMISED = tuple(one for one in OF_THE_MACHINE if one.name not in (*_SEEN_BY_RUNNING, *_BY_TABLES))
"""What a profile promises, and no result shows: where and what the machine is, and that it has what a bid reserves."""


def find_misfits(
    bid: Bid,
    job_spec: JobSpec,
    ask: Ask,
    profile: NodeProfile,
    constraints: Iterable[Constraint] = PROMISED,
) -> dict[str, Facts]:
    """What speaks against running a job on a node with this profile and all units of this ask: name -> (needed, had).

    Whatever a round matched is free of them, for the profile that it was matched by: units may be taken there, here
    none is.
    """
    job, node = PlacedBid.of(bid, "", job_spec), PlacedAsk.of(ask, "", profile, available_stake=0)
    found = ((one.name, one.check(job, node, now=0)) for one in constraints)
    return {name: facts for name, facts in found if facts is not None}


def describe_misfits(misfits: dict[str, Facts]) -> str:
    """In words, such as `region: us needed, eu here`."""
    return "; ".join(f"{name}: {_plain(needed)} needed, {_plain(had)} here" for name, (needed, had) in misfits.items())


def _plain(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value in ("", None) else str(value)
