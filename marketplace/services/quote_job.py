"""What a job would cost: a dry run of the next round. Signs nothing, reserves nothing."""

from dataclasses import replace
from typing import Any

from marketplace.clearing import clear_round
from marketplace.clearing.breakdown import Breakdown, break_down
from marketplace.domain.book import BookSnapshot, PlacedAsk, PlacedBid
from marketplace.domain.constraints import violations
from marketplace.protocol.enums import Settlement, Verification
from marketplace.protocol.jobspec import JobSpec, ModuleProgram
from marketplace.protocol.messages import Bid
from marketplace.protocol.metering import Resources
from marketplace.services.clear_round import PARAMETERS
from marketplace.services.market import Market
from marketplace.services.snapshot import load_book

_NOBODY = "0x" + "00" * 20
ANY_PROGRAM = JobSpec(program=ModuleProgram(digest="0x" + "00" * 32, size=1))
_HEADROOM = 4
"""How many times the dearest feasible quote an asker without a cap is taken to be willing to pay."""


def quote_job(
    market: Market,
    resources: Resources,
    job_spec: JobSpec | None,
    replicas: int,
    max_price: int | None,
) -> dict[str, Any]:
    """Offers of every node, feasible or with its reasons, and the price of one replica if the round closed now.

    Those that the auction would prefer come first: by what they cost and what their C_idle and the job's preferences
    weigh there.

    `price` is null where nobody can serve all replicas, or not within `max_price`; `priceAtOnce` is what a bid pays
    that is filled without waiting for the round. Raises ChainUnavailable.
    """
    schedule = (job_spec or ANY_PROGRAM).schedule
    snapshot = load_book(market, schedule.not_before, is_spare=schedule.is_preemptible).snapshot
    wanted = place_hypothetical(
        market,
        snapshot.now,
        resources,
        job_spec or ANY_PROGRAM,
        replicas,
        max_price or 0,
    )
    lines = break_down(wanted, snapshot.asks, PARAMETERS)
    offers = [_offer(wanted, *each, snapshot.now, max_price) for each in zip(snapshot.asks, lines, strict=True)]
    cheapest: dict[str, int] = {}
    for one in offers:
        if one["feasible"]:
            total = int(one["quote"]["total"])
            cheapest[one["provider"]] = min(total, cheapest.get(one["provider"], total))
    able = sorted(cheapest.values())
    price = _price_now(snapshot, wanted, able, max_price) if len(able) >= replicas else None
    now = able[replicas - 1] if len(able) >= replicas else None
    return {
        "replicas": replicas,
        "priceAtOnce": str(now) if now is not None else None,
        "price": str(price) if price is not None else None,
        "total": str(price * replicas) if price is not None else None,
        "feasible": sum(one["feasible"] for one in offers),
        "offers": sorted(
            offers,
            key=lambda one: (
                not one["feasible"],
                int(one["quote"]["total"]) + int(one["quote"]["steering"]["total"]),
                one["askHash"],
            ),
        ),
    }


def _price_now(snapshot: BookSnapshot, wanted: PlacedBid, able: list[int], max_price: int | None) -> int | None:
    """The clearing price with this bid in the book; where its replicas get several, the highest.

    `able` has the least quote of each provider that can serve it, ascending: where no other bid waits, that is what
    the round of this bid alone would take, and no round has to be computed.
    """
    if not snapshot.bids:
        return able[wanted.bid.replicas - 1]
    cap = max_price if max_price is not None else max(1, able[-1]) * _HEADROOM
    hypothetical = replace(wanted, bid=wanted.bid.model_copy(update={"max_price": cap}))
    result = clear_round(
        BookSnapshot.of(snapshot.now, [*snapshot.bids, hypothetical], snapshot.asks),
        PARAMETERS,
    )
    prices = [match.price for match in result.matches if match.bid_hash == hypothetical.bid_hash]
    if len(prices) == wanted.bid.replicas:
        return max(prices)
    # With no cap of its own, what keeps it out may be only our guess of one (stake must cover the cap).
    return able[wanted.bid.replicas - 1] if max_price is None else None


def _offer(wanted: PlacedBid, ask: PlacedAsk, lines: Breakdown, now: int, max_price: int | None) -> dict[str, Any]:
    quote = lines.quote
    priced = replace(
        wanted,
        bid=wanted.bid.model_copy(update={"max_price": max_price or quote.total}),
    )
    reasons = [
        f"{name}: {needed} needed, {offered} offered"
        for name, (needed, offered) in violations(priced, ask, now).items()
    ]
    if max_price is not None and quote.total > max_price:
        reasons.append(f"price: {quote.total} micro-USDC, above the cap of {max_price}")
    elif max_price is not None and quote.total + lines.steering > max_price:
        weighed = f"{quote.total} and {lines.steering} micro-USDC that preferences and idle capacity weigh"
        reasons.append(f"worth: {weighed}, above the cap of {max_price}")
    return {
        "askHash": ask.ask_hash,
        "provider": ask.ask.provider,
        "agent": ask.ask.agent,
        "region": ask.profile.region,
        "vcpus": ask.profile.cpu.cores,
        "gpus": [gpu.model for gpu in ask.profile.gpus],
        "benchmark": ask.profile.benchmark.to_json() if ask.profile.benchmark else None,
        "feasible": not reasons,
        "reasons": reasons,
        "quote": lines.to_json(),
    }


def place_hypothetical(
    market: Market,
    now: int,
    resources: Resources,
    job_spec: JobSpec,
    replicas: int,
    max_price: int,
) -> PlacedBid:
    """The bid that nobody signed, as the book would hold it."""
    start = max(now, job_spec.schedule.not_before)
    bid = Bid(
        renter=_NOBODY,
        market=market.address,
        job_digest=job_spec.digest(),
        gpus=resources.gpus,
        vcpus=resources.vcpus,
        memory_mb=resources.memory_mb,
        duration_seconds=resources.seconds,
        fuel=resources.fuel,
        egress_mb=resources.egress_mb,
        max_price=max_price,
        replicas=replicas,
        verification=int(Verification.REEXECUTE),
        settlement=int(Settlement.ESCROWED),
        deadline=start + 2 * resources.seconds + 600,
        valid_until=start + 600,
        salt=0,
    )
    return PlacedBid.of(bid, "0x", job_spec)
