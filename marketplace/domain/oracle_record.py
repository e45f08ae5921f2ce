"""What each oracle did, from the contracts' events alone: batches that it signed or that went without it, and its fees.

Pure. A market's own record (`domain/seals.py`) knows more, and is the market's word; this is the chain's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from marketplace.domain.chain import (
    ChainEvent,
    ClaimsSettled,
    Committee,
    LeaseOpened,
    LeasesSettled,
    OracleFeeCredited,
)

ORACLE_SHARE_BPS, BPS = 2_000, 10_000
"""What of a batch's fees its signers share (`FeeLib.sol`)."""


@dataclass(slots=True)
class OracleRecord:
    """One member of one committee. Fees in micro-USDC."""

    oracle: str
    epoch: int
    signed: int = 0
    """Batches with its signature."""
    absent: int = 0
    """Batches of its time without it. The market stops collecting at the threshold: some must be absent."""
    last_signed_block: int | None = None
    earned: int = 0
    """Its shares of the fees of the batches that it signed."""
    credited: int = 0
    """What of that was moved into its free balance."""


def compute_records(committees: Sequence[Committee], events: Iterable[ChainEvent]) -> list[OracleRecord]:
    """A record of every member of every committee, by epoch and then as the committee names them.

    `events` are all of the escrow's, in chain order: a market uses a group's number again.
    """
    records = {one.epoch: [OracleRecord(member, one.epoch) for member in one.members] for one in committees}
    fee_bps: dict[tuple[str, int, int], int] = {}
    for event in events:
        if isinstance(event, LeaseOpened):
            fee_bps[event.market, event.group, event.place] = event.fee_bps
        elif isinstance(event, LeasesSettled):
            fees = sum(
                one.pay * fee_bps[event.market, one.group, one.place] // BPS
                for one in event.settled
                if (event.market, one.group, one.place) in fee_bps
            )
            _count(records.get(event.epoch, []), event.signers, fees, event.origin.block_number)
        elif isinstance(event, ClaimsSettled):
            _count(records.get(event.epoch, []), event.signers, event.fees, event.origin.block_number)
        elif isinstance(event, OracleFeeCredited):
            for record in records.get(event.epoch, []):
                record.credited += event.amount if record.oracle == event.member else 0
    return [record for epoch in sorted(records) for record in records[epoch]]


def _count(members: Sequence[OracleRecord], signers: int, fees: int, block: int) -> None:
    share = fees * ORACLE_SHARE_BPS // BPS // max(1, signers.bit_count())
    for index, record in enumerate(members):
        if signers >> index & 1:
            record.signed += 1
            record.earned += share
            record.last_signed_block = block
        else:
            record.absent += 1
