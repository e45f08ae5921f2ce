"""Providers' agents and oracles that run nothing: they sign what real ones would, as soon as the market tells of it.

    python -m scripts.bench.service.crew PORT CHAIN_ID ESCROW MARKET RENTERS PROVIDERS COUNT_FILE

A process of its own, until SIGTERM. Each agent and each threshold oracle follows its feed of work and looks as the
daemons do (`agent.work_feed`), over a connection of its own. Agents learn of leases from the market, for there may be
no chain to follow; nobody reads terms or files. Blobs are the same for every job and there already. How many requests
were sent, feeds aside, is in COUNT_FILE.
"""

import contextlib
import http.client
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from agent.work_feed import SLOW_SECONDS, WorkFeed
from marketplace.client import MarketClient
from marketplace.client.oracles import in_parts
from marketplace.domain.work import BATCHES, CLAIMS, LEASES, NOTICES, REVEALS
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.messages import Verdict, VerdictBatch
from marketplace.protocol.metering import Rates, compute_pay
from scripts.bench.leases import THRESHOLD
from scripts.bench.service.load import Line, Refused, Request
from scripts.bench.service.people import RATES, Signers, attest, build_bid, key_of

PAUSE_SECONDS, COUNT_SECONDS = 0.3, 0.2
"""The daemons' pause between two rounds of steps; how old the count may be."""
HEARTBEAT_SECONDS = 60.0
"""Between two of one agent: what a market asks of who is told of notices, by default."""
_NOBODY = "0x" + "00" * 20
_RESERVED = build_bid(_NOBODY, _NOBODY, 0, 0).resources
_USED = attest("0x" + "00" * 32, "0x" + "00" * 32).usage_of(_RESERVED)
Look = Callable[[Line], int]
"""For work, all of which is done; how much that was."""


def pay_of(price: int, rates: Rates = RATES) -> int:
    """What the run that everybody attests is worth at that price, micro-USDC."""
    return compute_pay(rates, _RESERVED, _USED, price)


def attest_all(signers: Signers, agent: Any, line: Line) -> int:
    """Evidence for every lease of one agent that is open and has none; how many."""
    running = line.get(f"/api/v1/leases?agent={agent.address}&state=running&limit=200")["leases"]
    for lease in running:
        line.send(signers.attestation(lease))
    return len(running)


def beat(signers: Signers, agent: Any, line: Line) -> int:
    """Say that an agent is alive."""
    line.send(signers.heartbeat(agent, int(time.time())))
    return 1


def seal_all(signers: Signers, oracle: Any, prices: dict[str, int], line: Line) -> int:
    """Seal all that one oracle is to judge; how much that was. `prices` remembers those of leases."""
    claims = line.get(f"/api/v1/oracle/claims?oracle={oracle.address}")["claims"]
    prices |= {claim["leaseId"]: int(claim["price"]) for claim in claims}
    for some in in_parts([claim["leaseId"] for claim in claims]):
        send_whole(line, signers.seals(oracle, {one: pay_of(prices[one]) for one in some}))
    return len(claims)


def reveal_all(signers: Signers, oracle: Any, prices: dict[str, int], line: Line) -> int:
    """Reveal all that one oracle is asked for; how much that was."""
    reveals = line.get(f"/api/v1/oracle/reveals?oracle={oracle.address}")["reveals"]
    for some in in_parts([asked["leaseId"] for asked in reveals]):
        send_whole(line, signers.reveals(oracle, {one: pay_of(prices.pop(one)) for one in some}))
    return len(reveals)


def sign_all(signers: Signers, oracle: Any, line: Line) -> int:
    """Sign every batch that one oracle is asked to; how many."""
    batches = line.get(f"/api/v1/oracle/batches?oracle={oracle.address}")["batches"]
    for batch in batches:
        verdicts = [Verdict.parse(one) for one in batch["verdicts"]]
        line.send(signers.signature(oracle, batch["digest"], VerdictBatch.of(verdicts)))
    return len(batches)


def send_whole(line: Line, request: Request) -> None:
    """Raises Refused where one of several was."""
    refused = [one["problem"] for one in line.send(request)["results"] if "problem" in one]
    if refused:
        raise Refused(f"{len(refused)} refused, the first: {refused[0]}")


def keep_at(looks: Sequence[tuple[str, float, Look]], feed: WorkFeed, line: Line) -> None:
    """Look for ever, for each topic when it is told of and at least every so many seconds.

    A refusal (others were faster) or a service that is away is waited out.
    """
    never = threading.Event()
    steps = [feed.when_told(partial(look, line), topic, slow=slow) for topic, slow, look in looks]
    feed.start()
    while True:
        for step in steps:
            with contextlib.suppress(Refused, OSError, http.client.HTTPException):
                step()
        feed.rest(PAUSE_SECONDS, never)


def main(port: int, signers: Signers, count: Path) -> None:
    """Work until the process is ended."""
    lines = []
    with MarketClient(f"http://127.0.0.1:{port}") as client:
        for looks, whom in [*_agents(signers), *_oracles(signers)]:
            lines.append(Line(port))
            feed = WorkFeed(partial(_follow, client, whom))
            threading.Thread(target=keep_at, args=(looks, feed, lines[-1]), daemon=True).start()
        while True:
            _write(count, sum(line.sent for line in lines))
            time.sleep(COUNT_SECONDS)


def _follow(client: MarketClient, whom: dict[str, str], opened: Callable[[Callable[[], None]], None]) -> Any:
    return client.work_stream(**whom, opened=opened)


def _agents(signers: Signers) -> list[tuple[list[tuple[str, float, Look]], dict[str, str]]]:
    keys = map(signers.agent, range(signers.providers))
    return [
        (
            [
                (LEASES, SLOW_SECONDS, partial(attest_all, signers, key)),
                (NOTICES, HEARTBEAT_SECONDS, partial(beat, signers, key)),
            ],
            {"agent": key.address},
        )
        for key in keys
    ]


def _oracles(signers: Signers) -> list[tuple[list[tuple[str, float, Look]], dict[str, str]]]:
    found = []
    for key in (key_of("oracle", at) for at in range(THRESHOLD)):
        prices: dict[str, int] = {}
        looks = [
            (CLAIMS, SLOW_SECONDS, partial(seal_all, signers, key, prices)),
            (REVEALS, SLOW_SECONDS, partial(reveal_all, signers, key, prices)),
            (BATCHES, SLOW_SECONDS, partial(sign_all, signers, key)),
        ]
        found.append((looks, {"oracle": key.address}))
    return found


def _write(count: Path, number: int) -> None:
    """Whole or not at all, for who reads it."""
    aside = count.with_suffix(".new")
    aside.write_text(str(number))
    aside.replace(count)


def command(port: int, signers: Signers, count: Path) -> list[str]:
    """What starts it."""
    domain = signers.domain
    words = [port, domain.chain_id, domain.escrow, signers.market, signers.renters, signers.providers, count]
    return [sys.executable, "-m", "scripts.bench.service.crew", *map(str, words)]


if __name__ == "__main__":
    given = sys.argv[1:]
    main(
        int(given[0]), Signers(Domain(int(given[1]), given[2]), given[3], int(given[4]), int(given[5])), Path(given[6])
    )
