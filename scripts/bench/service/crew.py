"""Providers' agents and oracles that run nothing: they sign what real ones would, as fast as the market asks for it.

    python -m scripts.bench.service.crew PORT CHAIN_ID ESCROW MARKET RENTERS PROVIDERS

A process of its own, until SIGTERM. One pair of eyes looks for all agents, and threshold oracles of the committee work;
blobs are the same for every job and there already.
"""

import contextlib
import http.client
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from marketplace.protocol.eip712 import Domain
from marketplace.protocol.messages import Verdict, VerdictBatch
from marketplace.protocol.metering import Rates, compute_pay
from scripts.bench.leases import THRESHOLD
from scripts.bench.service.load import Line, Refused
from scripts.bench.service.people import RATES, Signers, attest, build_bid, key_of

PAUSE_SECONDS = 0.1
_NOBODY = "0x" + "00" * 20
_RESERVED = build_bid(_NOBODY, _NOBODY, 0, 0).resources
_USED = attest("0x" + "00" * 32, "0x" + "00" * 32).usage_of(_RESERVED)


def pay_of(price: int, rates: Rates = RATES) -> int:
    """What the run that everybody attests is worth at that price, micro-USDC."""
    return compute_pay(rates, _RESERVED, _USED, price)


def attest_all(signers: Signers, line: Line) -> int:
    """Evidence for every lease that is open and has none; how many."""
    found = line.get("/api/v1/leases?state=running&limit=200")["leases"]
    for lease in found:
        line.send(signers.attestation(lease))
    return len(found)


def judge_all(signers: Signers, oracle: Any, prices: dict[str, int], line: Line) -> int:
    """Seal, reveal and sign all that one oracle is asked for; how much that was. `prices` remembers those of leases."""
    claims = line.get(f"/api/v1/oracle/claims?oracle={oracle.address}")["claims"]
    for claim in claims:
        prices[claim["leaseId"]] = int(claim["price"])
        line.send(signers.seal(oracle, claim["leaseId"], pay_of(prices[claim["leaseId"]])))
    reveals = line.get(f"/api/v1/oracle/reveals?oracle={oracle.address}")["reveals"]
    for asked in reveals:
        line.send(signers.reveal(oracle, asked["leaseId"], pay_of(prices.pop(asked["leaseId"]))))
    batches = line.get(f"/api/v1/oracle/batches?oracle={oracle.address}")["batches"]
    for batch in batches:
        verdicts = [Verdict.parse(one) for one in batch["verdicts"]]
        line.send(signers.signature(oracle, batch["digest"], VerdictBatch.of(verdicts)))
    return len(claims) + len(reveals) + len(batches)


def keep_at(step: Callable[[Line], int], port: int) -> None:
    """Do it for ever over one connection; a refusal (others were faster) or a service that is away is waited out."""
    line = Line(port)
    while True:
        done = 0
        with contextlib.suppress(Refused, OSError, http.client.HTTPException):
            done = step(line)
        if not done:
            time.sleep(PAUSE_SECONDS)


def main(port: int, signers: Signers) -> None:
    """Work until the process is ended."""
    steps: list[Callable[[Line], int]] = [partial(attest_all, signers)]
    for at in range(THRESHOLD):
        steps.append(partial(judge_all, signers, key_of("oracle", at), {}))
    for step in steps:
        threading.Thread(target=keep_at, args=(step, port), daemon=True).start()
    threading.Event().wait()


def command(port: int, signers: Signers) -> list[str]:
    """What starts it."""
    domain = signers.domain
    words = [port, domain.chain_id, domain.escrow, signers.market, signers.renters, signers.providers]
    return [sys.executable, "-m", "scripts.bench.service.crew", *map(str, words)]


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]), Signers(Domain(int(given[1]), given[2]), given[3], int(given[4]), int(given[5])))
