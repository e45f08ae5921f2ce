"""Order, lease, evidence, verdicts, settlement: jobs a second through all of it, and whose time it takes.

Agents and oracles sign and run nothing, in a process of their own. All jobs are ordered at once, and the time is from
the first order until the last is paid: how fast the market works off what it has.
"""

import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from marketplace.devnet import ManagedProcess
from scripts.bench.service import crew
from scripts.bench.service.load import Line, send_all
from scripts.bench.service.scale import Scale
from scripts.bench.service.stage import Stage, in_memory, on_ganache
from scripts.bench.service.tables import Report, line

CONNECTIONS, PARTIES, BATCHES = 8, 20, 3
WAIT_SECONDS = 900
TARGET = 120
"""Jobs a second: ten times a million a day."""


@dataclass(frozen=True, slots=True)
class Run:
    """Jobs that were settled, how long that took, and processor seconds by process."""

    jobs: int
    seconds: float
    cpu: dict[str, float]
    rss_mb: float
    requests: int
    """Of agents and oracles."""

    @property
    def per_second(self) -> float:
        return self.jobs / self.seconds


def report(scale: Scale) -> Report:
    """Lines and figures."""
    with in_memory("settled", PARTIES, PARTIES) as stage:
        ours = measure(stage, scale.jobs)
    with on_ganache("settled-ganache", batches=BATCHES) as stage:
        whole, alone = measure(stage, scale.jobs), stage.chain_alone_per_second
    lines = [
        f"Settled jobs ({scale.jobs} ordered at once, {PARTIES} renters, {PARTIES} nodes, 3 oracles)",
        line("limit: ganache alone opens and settles, batches of 96", alone, "jobs/s"),
        line("settled, chain in memory: our part", ours.per_second, "jobs/s"),
        *_cpu_lines(ours),
        line("  requests of agents and oracles", ours.requests / ours.jobs, "a job"),
        line("settled, ganache", whole.per_second, "jobs/s", f"target {TARGET}"),
        *_cpu_lines(whole),
        line("memory of the service after that, ganache", whole.rss_mb, "MB"),
    ]
    figures = {
        "jobs_settled_per_s": whole.per_second,
        "jobs_settled_memory_chain_per_s": ours.per_second,
        "limit_ganache_jobs_per_s": alone,
        "jobs_settled_to_ganache_ratio": whole.per_second / alone,
        "service_cpu_ms_per_job": whole.cpu["market"] / whole.jobs * 1e3,
        "ganache_cpu_ms_per_job": whole.cpu["ganache"] / whole.jobs * 1e3,
        "settled_rss_mb": whole.rss_mb,
        "requests_per_settled_job": ours.requests / ours.jobs,
    }
    return Report(lines, figures)


def measure(stage: Stage, jobs: int) -> Run:
    """Order that many, and wait until all are paid. Raises RuntimeError where one ends otherwise, or not in time."""
    stage.warm()
    with working_crew(stage) as workers:
        watched = {"market": stage.process(), "agents and oracles": workers}
        watched |= {"ganache": stage.chain} if stage.chain else {}
        wait_paid(stage.line(), 1)
        bids = stage.signers.bids(jobs, stage.next_salts())
        sent = sent_by_crew(stage)
        before = {name: _cpu_seconds(process) for name, process in watched.items()}
        begun = time.perf_counter()
        send_all(stage.port, bids, CONNECTIONS)
        wait_paid(stage.line(), jobs + 1)
        seconds = time.perf_counter() - begun
        cpu = {name: _cpu_seconds(process) - before[name] for name, process in watched.items()}
        return Run(jobs, seconds, cpu, stage.process().memory_info().rss / 1e6, sent_by_crew(stage) - sent)


@contextmanager
def working_crew(stage: Stage):
    """Agents and oracles at work; their process."""
    command = crew.command(stage.port, stage.signers, _count_file(stage))
    with ManagedProcess("crew", command, stage.folder / "crew.log") as process:
        process.wait_ready(lambda: process.command_pid is not None and _count_file(stage).exists())
        yield psutil.Process(process.command_pid)


def sent_by_crew(stage: Stage) -> int:
    """Requests of agents and oracles until now, or a moment ago; their feeds not counted."""
    return int(_count_file(stage).read_text())


def _count_file(stage: Stage) -> Path:
    return stage.folder / "crew.count"


def wait_paid(market: Line, jobs: int) -> None:
    """Until that many jobs are paid. Raises RuntimeError for one that ended otherwise, or after WAIT_SECONDS."""
    until = time.monotonic() + WAIT_SECONDS
    while (states := market.get("/api/v1/cluster/status")["jobs"]).get("paid", 0) < jobs:
        ended = {name: states[name] for name in ("failed", "fraud", "refunded", "expired") if states.get(name)}
        if ended or time.monotonic() > until:
            raise RuntimeError(f"Not all of {jobs} jobs were paid: {states}.")
        time.sleep(0.25)


def _cpu_seconds(process: psutil.Process) -> float:
    return sum(process.cpu_times()[:2])


def _cpu_lines(run: Run) -> list[str]:
    return [
        line(f"  processor time of {name}", used / run.jobs * 1e3, "ms a job", f"{used / run.seconds:.0%} of one")
        for name, used in sorted(run.cpu.items(), key=lambda item: -item[1])
    ]
