"""What a recorded round says to metrics, traces and the watcher."""

from collections.abc import Iterable

from marketplace.clearing import RoundResult
from marketplace.domain.rounds import RoundRecord
from marketplace.protocol.messages import Bid
from marketplace.protocol.tracing import Stage
from marketplace.protocol.units import MICRO_PER_USDC, SECONDS_PER_HOUR
from marketplace.services.instruments import Instruments
from marketplace.telemetry.market_metrics import (
    CERTIFICATE,
    ROUND_BIDS,
    ROUND_MATCHES,
    ROUND_SECONDS,
    ROUNDS,
    SURPLUS,
)


def note_round(
    instruments: Instruments, record: RoundRecord, result: RoundResult, started: float, ended: float
) -> None:
    """Tell of a round that was recorded; times in Unix seconds."""
    meter, bids, matches = instruments.meter, result.problem.snapshot.bids, result.matches
    meter.count(ROUNDS, result="matched" if matches else "empty")
    meter.observe(ROUND_SECONDS, max(0.0, ended - started))
    meter.count(ROUND_BIDS, len(bids))
    meter.count(ROUND_MATCHES, len(matches))
    meter.count(SURPLUS, max(0, result.certificate.surplus) / MICRO_PER_USDC)
    meter.set(CERTIFICATE, result.certificate.ratio)
    matched = {match.bid_hash for match in matches}
    instruments.pulse.add("matched_share", len(matched) / len(bids), len(bids))
    bid_of = {one.bid_hash: one.bid for one in bids}
    for signal, price in _prices((bid_of[match.bid_hash], match.price) for match in matches):
        instruments.pulse.add(signal, price)
    if instruments.tracer.is_recording:
        for bid_hash in sorted(matched):
            attributes = {"computehive.round": record.number}
            instruments.tracer.note(Stage.MATCH, bid_hash, "", started, ended, **attributes)


def _prices(matches: Iterable[tuple[Bid, int]]) -> Iterable[tuple[str, float]]:
    """USDC for an hour of a GPU, or of a vCPU where no GPU is reserved."""
    for bid, price in matches:
        units = bid.gpus or bid.vcpus
        if units and bid.duration_seconds:
            signal = "price_gpu_hour" if bid.gpus else "price_vcpu_hour"
            yield signal, price / MICRO_PER_USDC * SECONDS_PER_HOUR / bid.duration_seconds / units
