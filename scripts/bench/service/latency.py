"""From a bid's sending until its lease is open on chain, at steady rates: in rounds, and filled at once.

Off chain: the chain in memory takes a transaction the moment it comes, so all that remains is the market's. What a
client can see is what counts: one of them asks for the newest leases every few milliseconds, which costs the service
some time itself.
"""

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from scripts.bench.service.load import Line, Request, percentile
from scripts.bench.service.scale import Scale
from scripts.bench.service.settled import PARTIES, working_crew
from scripts.bench.service.stage import Stage, in_memory
from scripts.bench.service.tables import Report, line

POLL_SECONDS, SENDERS, WAIT_SECONDS = 0.01, 8, 60
TARGET_MS = 100


@dataclass
class Watch:
    """When each job was sent, and when its lease was first seen."""

    sent: dict[str, float] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)

    def milliseconds(self) -> list[float]:
        """Of every job that was sent. Raises RuntimeError where one has no lease."""
        missing = self.sent.keys() - self.seen.keys()
        if missing:
            raise RuntimeError(f"{len(missing)} of {len(self.sent)} jobs had no lease after {WAIT_SECONDS} s.")
        return [(self.seen[job] - at) * 1e3 for job, at in self.sent.items()]


def report(scale: Scale) -> Report:
    """Lines and figures."""
    lines = [f"From submit to running ({scale.seconds} s at each rate, chain in memory; target {TARGET_MS} ms at p99)"]
    figures: dict[str, float] = {}
    with in_memory("latency", PARTIES, PARTIES) as stage, working_crew(stage):
        stage.warm()
        for is_now, words in ((True, "filled at once"), (False, "in rounds")):
            for rate in scale.rates:
                taken = measure(stage, rate, scale.seconds, is_now=is_now)
                half, most = percentile(taken, 0.5), percentile(taken, 0.99)
                lines += [line(f"{words}, {rate} jobs/s: p50", half, "ms"), line("  p99", most, "ms")]
                name = f"submit_to_running{'' if is_now else '_rounds'}_p99_ms"
                figures |= {f"{name}_at_{rate}": most, f"{name.replace('p99', 'p50')}_at_{rate}": half}
    figures["submit_to_running_p99_ms"] = figures[f"submit_to_running_p99_ms_at_{scale.rates[-1]}"]
    return Report(lines, figures)


def measure(stage: Stage, rate: int, seconds: int, *, is_now: bool) -> list[float]:
    """Milliseconds of each of `rate * seconds` jobs that are sent on time, whatever became of those before."""
    bids = [_with_now(bid, is_now) for bid in stage.signers.bids(rate * seconds, stage.next_salts())]
    watch, stop = Watch(), threading.Event()
    looking = threading.Thread(target=_look, args=(stage.line(), watch, stop))
    looking.start()
    begun = time.perf_counter()
    shares = [
        threading.Thread(target=_send, args=(stage.line(), bids[at::SENDERS], begun + at / rate, SENDERS / rate, watch))
        for at in range(SENDERS)
    ]
    for share in shares:
        share.start()
    for share in shares:
        share.join()
    until = time.perf_counter() + WAIT_SECONDS
    while watch.sent.keys() - watch.seen.keys() and time.perf_counter() < until:
        time.sleep(0.05)
    stop.set()
    looking.join()
    if len(watch.sent) < len(bids):
        raise RuntimeError(f"Only {len(watch.sent)} of {len(bids)} bids were taken.")
    return watch.milliseconds()


def _with_now(bid: Request, is_now: bool) -> Request:
    body = json.loads(bid.body or b"") | ({"now": True} if is_now else {})
    return Request(bid.method, bid.path, json.dumps(body).encode())


def _send(market: Line, bids: Sequence[Request], first: float, every: float, watch: Watch) -> None:
    """Each at its time; where the service is behind, the wait for it counts as well."""
    for number, bid in enumerate(bids):
        due = first + number * every
        time.sleep(max(0.0, due - time.perf_counter()))
        watch.sent[market.send(bid)["jobId"]] = due


def _look(market: Line, watch: Watch, stop: threading.Event) -> None:
    while not stop.wait(POLL_SECONDS):
        found = market.get("/api/v1/leases?limit=50")["leases"]
        now = time.perf_counter()
        for lease in found:
            watch.seen.setdefault(lease["jobId"], now)
