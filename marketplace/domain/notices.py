"""Notices to preemptible leases: a better bid wants their unit."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NoticeRecord:
    """`lease_id` is to make way for `bid_hash`, as round `round_number` justifies. Unix seconds."""

    lease_id: str
    bid_hash: str
    round_number: int
    given_at: int
    stops_at: int
    """When its machine stops the job."""
