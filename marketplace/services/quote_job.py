"""What a job would cost: a dry run of the next round. Signs nothing, reserves nothing."""

from dataclasses import replace
from typing import Any

from marketplace.clearing import clear_round
from marketplace.clearing.constraints import violations
from marketplace.domain.book import BookSnapshot, PlacedAsk, PlacedBid
from marketplace.protocol.enums import Settlement, Verification
from marketplace.protocol.jobspec import JobSpec, ModuleProgram
from marketplace.protocol.messages import Bid
from marketplace.protocol.metering import Quote, Resources, compute_quote
from marketplace.services.clear_round import PARAMETERS
from marketplace.services.market import Market
from marketplace.services.snapshot import load_book

_NOBODY = "0x" + "00" * 20
_ANY_PROGRAM = JobSpec(program=ModuleProgram(digest="0x" + "00" * 32, size=1))
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

    `price` is null where nobody can serve all replicas, or not within `max_price`. Raises ChainUnavailable.
    """
    schedule = (job_spec or _ANY_PROGRAM).schedule
    snapshot = load_book(market, schedule.not_before, is_spare=schedule.is_preemptible).snapshot
    wanted = _placed(
        market,
        snapshot.now,
        resources,
        job_spec or _ANY_PROGRAM,
        replicas,
        max_price or 0,
    )
    offers = [_offer(wanted, ask, snapshot.now, max_price) for ask in snapshot.asks]
    cheapest: dict[str, int] = {}
    for one in offers:
        if one["feasible"]:
            total = int(one["quote"]["total"])
            cheapest[one["provider"]] = min(total, cheapest.get(one["provider"], total))
    able = sorted(cheapest.values())
    price = _price_now(snapshot, wanted, able, max_price) if len(able) >= replicas else None
    return {
        "replicas": replicas,
        "price": str(price) if price is not None else None,
        "total": str(price * replicas) if price is not None else None,
        "feasible": sum(one["feasible"] for one in offers),
        "offers": sorted(
            offers,
            key=lambda one: (
                not one["feasible"],
                int(one["quote"]["total"]),
                one["askHash"],
            ),
        ),
    }


def _price_now(snapshot: BookSnapshot, wanted: PlacedBid, able: list[int], max_price: int | None) -> int | None:
    """The clearing price with this bid in the book; where its replicas get several, the highest.

    `able` has the least quote of each provider that can serve it.
    """
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


def _offer(wanted: PlacedBid, ask: PlacedAsk, now: int, max_price: int | None) -> dict[str, Any]:
    quote = compute_quote(ask.ask.rates, wanted.bid.resources)
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
    return {
        "askHash": ask.ask_hash,
        "provider": ask.ask.provider,
        "agent": ask.ask.agent,
        "region": ask.profile.region,
        "vcpus": ask.profile.cpu.cores,
        "gpus": [gpu.model for gpu in ask.profile.gpus],
        "feasible": not reasons,
        "reasons": reasons,
        "quote": _quote(quote),
    }


def _quote(quote: Quote) -> dict[str, str]:
    lines = {name: getattr(quote, name) for name in ("gpu", "vcpu", "memory", "fuel", "egress", "total")}
    lines |= {
        "cComp": quote.compute,
        "cData": quote.data,
        "minimumTopup": quote.minimum_topup,
    }
    return {name: str(amount) for name, amount in lines.items()}


def _placed(
    market: Market,
    now: int,
    resources: Resources,
    job_spec: JobSpec,
    replicas: int,
    max_price: int,
) -> PlacedBid:
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
