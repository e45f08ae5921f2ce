"""From a bid's sending until its lease is open on chain, at steady rates: in rounds, and filled at once.

Off chain: the chain in memory takes a transaction the moment it comes, so all that remains is the market's. What a
client can see is what counts: one of them asks for the newest leases again and again, which costs the service some
time itself. Where a rate is more than the market keeps up with, that is what is said of it, and no higher one is tried.
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

POLL_SECONDS, SENDERS, WAIT_SECONDS, PAGE = 0.02, 8, 60, 50
TARGET_MS = 100


@dataclass
class Watch:
    """When each job was sent, and when its lease was first seen."""

    sent: dict[str, float] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)

    def missing(self) -> int:
        """Jobs that were sent and have no lease."""
        return len(self.sent.keys() - self.seen.keys())

    def milliseconds(self) -> list[float]:
        """Of every job that has one."""
        return [(self.seen[job] - at) * 1e3 for job, at in self.sent.items() if job in self.seen]


def report(scale: Scale) -> Report:
    """Lines and figures."""
    lines = [f"From submit to running ({scale.seconds} s at each rate, chain in memory; target {TARGET_MS} ms at p99)"]
    figures: dict[str, float] = {}
    for is_now, words in ((True, "filled at once"), (False, "in rounds")):
        with in_memory("latency", PARTIES, PARTIES) as stage, working_crew(stage):
            stage.warm()
            for rate in scale.rates:
                watch = measure(stage, rate, scale.seconds, is_now=is_now)
                if watch.missing():
                    late = f"{watch.missing()} of {len(watch.sent)} had no lease after {WAIT_SECONDS} s more"
                    lines.append(f"  {words}, {rate} jobs/s: it does not keep up; {late}")
                    break
                taken = watch.milliseconds()
                half, most = percentile(taken, 0.5), percentile(taken, 0.99)
                lines += [line(f"{words}, {rate} jobs/s: p50", half, "ms"), line("  p99", most, "ms")]
                name = f"submit_to_running{'' if is_now else '_rounds'}_p99_ms"
                figures |= {f"{name}_at_{rate}": most, f"{name.replace('p99', 'p50')}_at_{rate}": half}
    kept_up = [rate for rate in scale.rates if f"submit_to_running_p99_ms_at_{rate}" in figures]
    figures["submit_to_running_rate"] = kept_up[-1]
    figures["submit_to_running_p99_ms"] = figures[f"submit_to_running_p99_ms_at_{kept_up[-1]}"]
    return Report(lines, figures)


def measure(stage: Stage, rate: int, seconds: int, *, is_now: bool) -> Watch:
    """Each of `rate * seconds` jobs, sent on time, whatever became of those before. Raises RuntimeError, Refused."""
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
    while watch.missing() and time.perf_counter() < until:
        time.sleep(0.05)
    stop.set()
    looking.join()
    if len(watch.sent) < len(bids):
        raise RuntimeError(f"Only {len(watch.sent)} of {len(bids)} bids were taken.")
    return watch


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
        _note_newest(market, watch)


def _note_newest(market: Line, watch: Watch) -> None:
    """Page by page, back to the first that is known: many open together."""
    cursor = ""
    while True:
        page = market.get(f"/api/v1/leases?limit={PAGE}{cursor}")
        now, known = time.perf_counter(), len(watch.seen)
        for lease in page["leases"]:
            watch.seen.setdefault(lease["jobId"], now)
        if len(watch.seen) < known + PAGE or not page["nextCursor"]:
            return
        cursor = f"&cursor={page['nextCursor']}"
