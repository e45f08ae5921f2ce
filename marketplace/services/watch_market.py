"""The watcher: holds a few signals to their charts, files what leaves its limits, has the remedy run if there is one.

A market without traffic gives no samples of what traffic does, and nothing is found about them.
"""

import time
from collections.abc import Mapping
from dataclasses import replace

import structlog

from marketplace.domain.anomalies import Chart, Finding, Side, Track, advance, find
from marketplace.services.market import Market
from marketplace.services.readings import count_silent
from marketplace.telemetry.market_metrics import FINDINGS, FINDINGS_OPEN, REMEDIES

WATCH_SECONDS = 10.0
"""Between two samples."""
REMEDY_PAUSE_SECONDS = 900.0
"""After a remedy none is run for so long, whatever is found: one that does not help must not be made worse by haste."""
CHARTS = (
    Chart("matched_share", Side.LOW, 0.05),
    Chart("price_vcpu_hour", Side.BOTH, 0.001, "USDC"),
    Chart("price_gpu_hour", Side.BOTH, 0.01, "USDC"),
    Chart("settlement_seconds", Side.HIGH, 2.0, "s"),
    Chart("failure_share", Side.HIGH, 0.02),
    Chart("silent_share", Side.HIGH, 0.02),
)
"""Share of bids in rounds that were matched; prices by class; attestation to closing block; closed leases that were not
paid; nodes with a live ask that are silent."""
_log = structlog.get_logger("computehive.watcher")


def watch_market(market: Market, *, with_nodes: bool = True) -> None:
    """Take one sample of every signal, and file what follows; of the nodes' silence if this process is to."""
    samples = market.instruments.pulse.take()
    nodes, silent = count_silent(market) if with_nodes else (0, 0)
    if nodes:
        samples["silent_share"] = silent / nodes
    for filed in take_in(market, samples):
        _remedy(market, filed)


def take_in(market: Market, samples: Mapping[str, float]) -> list[Finding]:
    """Advance the charts of signals with a sample; the findings that are new."""
    findings, now, new = market.instruments.findings, market.clock.now(), []
    for chart in CHARTS:
        if chart.name not in samples:
            continue
        before = findings.tracks.get(chart.name, Track())
        track = findings.tracks[chart.name] = advance(before, chart, samples[chart.name])
        found, known = find(track, chart, now), findings.open.get(chart.name)
        if found is not None and known is None:
            _file(market, found)
            new.append(found)
        elif found is None and known is not None:
            _end(market, replace(known, ended_at=now, ended_by="recovered" if track.samples else "accepted"))
    return new


def _file(market: Market, found: Finding) -> None:
    market.instruments.findings.open[found.signal] = found
    market.instruments.meter.count(FINDINGS, signal=found.signal)
    market.instruments.meter.set(FINDINGS_OPEN, 1, signal=found.signal)
    _log.warning("anomaly", signal=found.signal, detail=found.sentence)


def _end(market: Market, found: Finding) -> None:
    del market.instruments.findings.open[found.signal]
    market.instruments.findings.over.append(found)
    market.instruments.meter.set(FINDINGS_OPEN, 0, signal=found.signal)
    _log.info("anomaly over", signal=found.signal, by=found.ended_by)


def _remedy(market: Market, found: Finding) -> None:
    findings, now = market.instruments.findings, time.monotonic()
    if market.remedy is None:
        return
    if now - findings.remedied_at < REMEDY_PAUSE_SECONDS:
        _log.info("no remedy: the last one was not long ago", signal=found.signal)
        return
    findings.remedied_at = now
    problem = market.remedy.apply(found.signal, found.sentence)
    market.instruments.meter.count(REMEDIES, result="failed" if problem else "done")
    if problem:
        _log.error("the remedy failed", signal=found.signal, detail=problem)
    else:
        _log.warning("the remedy ran", signal=found.signal)
