"""The group that a lease was opened in: what its parties hand to the escrow when they close it themselves."""

from typing import Any

from marketplace.errors import MalformedMessage
from marketplace.protocol.packing import LeaseGroup, LeaseTerms


def lease_group(lease: dict[str, Any], market: str) -> tuple[LeaseGroup, int] | None:
    """Group and place of a lease as the market shows them; None where it does not.

    A lease's id is made of its group, so the market is not trusted with it. Raises MalformedMessage where the group is
    not the lease's.
    """
    shown = lease.get("group")
    if shown is None:
        return None
    try:
        words = [int(word) for word in shown["terms"]]
        leases = tuple(
            LeaseTerms.from_words(bid_hash, words[2 * place], words[2 * place + 1])
            for place, bid_hash in enumerate(shown["bidHashes"])
        )
        group, place = LeaseGroup(market, int(shown["number"]), leases), int(shown["place"])
        named = group.lease_ids()[place] if place >= 0 else ""
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise MalformedMessage("group", f"a field is missing or malformed: {error}") from error
    if named != lease["leaseId"] or group.terms() != words:
        raise MalformedMessage("group", f"is not the group of lease {lease['leaseId']}")
    return group, place


def group_json(group: LeaseGroup, place: int) -> dict[str, Any]:
    """The form in which the market shows it."""
    return {
        "number": str(group.number),
        "place": place,
        "bidHashes": [lease.bid_hash for lease in group.leases],
        "terms": [str(word) for word in group.terms()],
    }
