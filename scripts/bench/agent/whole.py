"""A provider's daemon on a local market: memory at rest and with fifty jobs waiting, jobs a minute, its own work a job.

Everything shares this machine: chain, market, oracles, provider. Two oracles run each job again.
"""

import time
from pathlib import Path

import psutil

from marketplace.cli.localmarket import LocalMarket, MarketPlan, ProviderPlan, RenterPlan
from marketplace.client import MarketClient
from marketplace.client.jobs import build_bid, prepare_job, runtimes_of, upload_job
from marketplace.client.waiting import wait_until
from marketplace.protocol.metering import Rates, Resources
from scripts.toolchain import BUILD

USDC, JOBS, REST_SECONDS = 1_000_000, 50, 15
RATES = Rates(gpu_hour=0, vcpu_hour=36_000, gb_hour=4_000, gfuel=1_000, egress_gb=40_000, minimum=500)
RESOURCES = Resources(gpus=0, vcpus=1, memory_mb=64, seconds=60, fuel=10**9, egress_mb=1)
ORACLES, NODE, RENTER = ("oracle-a", "oracle-b"), "node", "renter"
DONE = ("paid", "failed", "refunded", "fraud")


def report() -> tuple[list[str], dict[str, float]]:
    """Lines for people, and figures by name."""
    plan = MarketPlan(
        [ProviderPlan(NODE, "eu", 2, 500 * USDC, RATES)], ORACLES, 2, [RenterPlan(RENTER, 900 * USDC, 500 * USDC)], 0.5
    )
    with LocalMarket(plan, BUILD / "bench" / "agent-market") as market:
        market.start()
        process = _daemon(market)
        idle, rest = _idle_share(process), process.memory_info().rss / 1e6
        with market.client() as client:
            _submit(market, client, 1, "warm")
            return _measure(market, client, process, idle, rest)


def _measure(
    market: LocalMarket, client: MarketClient, process: psutil.Process, idle: float, rest: float
) -> tuple[list[str], dict[str, float]]:
    jobs = _submit(market, client, JOBS, "job")
    started, cpu = time.monotonic(), sum(process.cpu_times()[:2])
    peak = rest
    waiting = set(jobs)
    while waiting and time.monotonic() - started < 300:
        waiting -= {job for job in list(waiting) if client.job(job)["state"] in DONE}
        peak = max(peak, process.memory_info().rss / 1e6)
        time.sleep(0.5)
    if waiting:
        raise RuntimeError(f"{len(waiting)} of {JOBS} jobs were not settled within 300 s.")
    seconds = time.monotonic() - started
    own = (sum(process.cpu_times()[:2]) - cpu - idle * seconds) / JOBS * 1_000
    figures = {
        "rest_rss_mb": rest,
        "busy_rss_mb": peak,
        "idle_cpu_share": idle,
        "overhead_ms_per_job": own,
        "jobs_per_minute": JOBS / seconds * 60,
    }
    lines = [
        "A daemon on a local market",
        f"{'memory at rest':<46}{rest:10.1f} MB",
        f"{f'memory with {JOBS} jobs waiting, at most':<46}{peak:10.1f} MB",
        f"{'processor time at rest':<46}{idle * 100:10.2f} %",
        f"{'processor time a job, sandbox included':<46}{own:10.1f} ms",
        f"{'jobs settled a minute, two oracles':<46}{figures['jobs_per_minute']:10.1f}",
    ]
    return lines, figures


def _daemon(market: LocalMarket) -> psutil.Process:
    pid = market.process(NODE).command_pid
    if pid is None:
        raise RuntimeError("The provider's process cannot be found on this system.")
    return psutil.Process(pid)


def _idle_share(process: psutil.Process) -> float:
    """Processor seconds a second, of a daemon that has nothing to do."""
    before = sum(process.cpu_times()[:2])
    time.sleep(REST_SECONDS)
    return (sum(process.cpu_times()[:2]) - before) / REST_SECONDS


def _submit(market: LocalMarket, client: MarketClient, count: int, name: str) -> list[str]:
    """Jobs that do next to nothing, each a job of its own. The first is waited for."""
    program = Path(BUILD / "bench" / "agent-market" / f"{name}.wasm")
    program.write_bytes((BUILD / "examples" / "raytrace.wasm").read_bytes())
    config, address = client.config(), market.addresses[RENTER]
    placed, first = [], client.next_salt(address)
    for number in range(count):
        job = prepare_job(program, (), runtimes=runtimes_of(config), args=["x.png", "8", "5", "1"], name=f"{number}")
        upload_job(client, job)
        bid = build_bid(
            job, renter=address, market=config["market"], resources=RESOURCES, max_price=USDC, salt=first + number
        )
        placed.append(client.submit_job(bid, bid.sign(client.domain(), market.keys[RENTER]), job.spec)["jobId"])
    if count == 1:
        wait_until(lambda: client.job(placed[0])["state"] in DONE, timeout=120, what="The first job's end")
    return placed
