"""Hours of service in small: jobs at a steady rate while nodes renew their offers and renters change their minds.

On ganache, with agents and oracles at work. Nothing may be lost: what was ordered is paid or was cancelled. Nothing may
grow: memory is compared with what it was once everything was warm.
"""

import json
import statistics
import time
from collections import Counter
from collections.abc import Sequence

from scripts.bench.service.load import Line, Refused, Request
from scripts.bench.service.people import key_of
from scripts.bench.service.scale import Scale
from scripts.bench.service.settled import working_crew
from scripts.bench.service.stage import Stage, on_ganache
from scripts.bench.service.tables import Report, line

CANCEL_EVERY, RENEW_SECONDS, SETTLE_SECONDS = 20, 10.0, 300
WARM_SHARE = 0.25
"""Of the time: what is filled once (caches, compiled code, pools) is full by then."""
ENDS = ("paid", "cancelled")


def report(scale: Scale) -> Report:
    """Lines and figures."""
    with on_ganache("soak") as stage, working_crew(stage):
        stage.warm()
        samples, placed = _churn(stage, scale.soak_minutes * 60, scale.soak_rate)
        states = _wait_ended(stage.line(), placed)
    grown = growth(samples)
    lines = [
        f"Soak ({scale.soak_minutes:g} minutes at {scale.soak_rate:g} jobs/s, ganache; nodes renew, renters cancel)",
        line("jobs placed", placed, ""),
        line("  paid", states["paid"], ""),
        line("  cancelled", states["cancelled"], ""),
        line("  lost", placed - states.total(), ""),
        line("memory of the service, warm", samples[int(len(samples) * WARM_SHARE)], "MB"),
        line("  grown by the end", grown, "MB"),
    ]
    return Report(
        lines,
        {"soak_rss_growth_mb": grown, "soak_jobs": placed, "soak_lost": placed - states.total()},
    )


def growth(samples: Sequence[float]) -> float:
    """Of the last tenth's median over the one after the warm-up's, in the samples' unit. Raises ValueError for few."""
    if len(samples) < 10:
        raise ValueError(f"{len(samples)} samples are too few to tell growth by")
    tenth, warm = max(1, len(samples) // 10), int(len(samples) * WARM_SHARE)
    return statistics.median(samples[-tenth:]) - statistics.median(samples[warm : warm + tenth])


def _churn(stage: Stage, seconds: float, rate: float) -> tuple[list[float], int]:
    """Megabytes of the service, once a second or more seldom, and how many jobs were placed."""
    process, market, salts = stage.process(), stage.line(), stage.next_salts()
    bids = stage.signers.bids(int(seconds * rate), salts)
    samples: list[float] = []
    begun = time.monotonic()
    renewed, salt = begun, 2
    for number, bid in enumerate(bids):
        time.sleep(max(0.0, begun + number / rate - time.monotonic()))
        market.send(bid)
        if number % CANCEL_EVERY == 0:
            _cancel(stage, market, bid)
        if number % max(1, int(rate)) == 0:
            samples.append(process.memory_info().rss / 1e6)
        if time.monotonic() - renewed > RENEW_SECONDS:
            renewed, salt = time.monotonic(), salt + 1
            _renew(stage, market, salt)
    return samples, len(bids) + 1


def _cancel(stage: Stage, market: Line, bid: Request) -> None:
    """Take a bid back; where its lease is open already it is too late, as for anybody."""
    try:
        market.send(stage.signers.cancel(json.loads(bid.body or b"")["bid"]))
    except Refused as refusal:
        if ": 409 " not in str(refusal):
            raise


def _renew(stage: Stage, market: Line, salt: int) -> None:
    """Half of the nodes offer anew, the others say that they are alive."""
    now = int(time.time())
    for number in range(stage.signers.providers):
        is_anew = number % 2 == salt % 2
        agent = key_of("agent", number)
        market.send(stage.signers.ask(number, salt) if is_anew else stage.signers.heartbeat(agent, now))


def _wait_ended(market: Line, placed: int) -> Counter[str]:
    """How many jobs were paid and how many cancelled. Raises RuntimeError for one that ended otherwise, or none."""
    until = time.monotonic() + SETTLE_SECONDS
    while True:
        states = Counter(market.get("/api/v1/cluster/status")["jobs"])
        if sum(states[end] for end in ENDS) >= placed:
            return states
        if states.keys() & {"failed", "fraud", "refunded", "expired"} or time.monotonic() > until:
            raise RuntimeError(f"Not all of {placed} jobs were paid or cancelled: {dict(states)}.")
        time.sleep(0.5)
