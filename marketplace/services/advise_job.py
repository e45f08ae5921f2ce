"""Advice to a renter: how likely a price is to be enough, and what the job would cost with less asked for.

A dry run like a quote: of the book as it is, and of the rounds that were recorded. Signs nothing, reserves nothing.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from marketplace.clearing.chances import SHARES, Chance, chance_at, price_for, rounds_for
from marketplace.clearing.entry import PastRound, price_each, price_in_round, read_past_round
from marketplace.clearing.relaxations import relax
from marketplace.domain.book import PlacedBid
from marketplace.domain.rounds import RoundRecord
from marketplace.errors import TranscriptMismatch
from marketplace.protocol.jobspec import JobSpec, Schedule
from marketplace.protocol.metering import Resources
from marketplace.services.market import Market
from marketplace.services.quote_job import ANY_PROGRAM, place_hypothetical
from marketplace.services.snapshot import load_book

MAX_ROUNDS = 100
"""Rounds that are looked back on, unless they are large."""
MAX_ORDERS = 4_000
"""Orders of past rounds that are read, all rounds together: a few seconds' work."""


def advise_job(
    market: Market,
    resources: Resources,
    job_spec: JobSpec | None,
    replicas: int,
    max_price: int | None,
) -> dict[str, Any]:
    """The price now, chances and price levels from past rounds, and the cheapest relaxations.

    Amounts are decimal strings; docs/how-to/choose-a-price.md says what each field means.

    Raises ChainUnavailable.
    """
    schedule = (job_spec or ANY_PROGRAM).schedule
    snapshot = load_book(market, schedule.not_before, is_spare=schedule.is_preemptible).snapshot
    wanted = place_hypothetical(market, snapshot.now, resources, job_spec or ANY_PROGRAM, replicas, max_price or 0)
    (price,) = price_each(snapshot, [wanted])
    records = _last_rounds(market)
    history = [
        price_in_round(past, _at(wanted, snapshot.now, past.snapshot.now)) for past in _read_through(market, records)
    ]
    records = records[: len(history)]
    asked = max_price if max_price is not None else price
    return {
        "price": None if price is None else str(price),
        "replicas": replicas,
        "history": {
            "rounds": len(history),
            "servable": sum(one is not None for one in history),
            "first": records[-1].number if records else None,
            "last": records[0].number if records else None,
            "since": records[-1].cleared_at if records else None,
        },
        "chance": _chance(history, asked) if asked is not None else None,
        "levels": [_level(history, share) for share in SHARES],
        "relaxations": [one.to_json() for one in relax(snapshot, wanted, price, max_price)],
    }


def _chance(history: list[int | None], price: int) -> dict[str, Any] | None:
    found: Chance | None = chance_at(history, price)
    if found is None:
        return None
    return {
        "price": str(price),
        "filled": found.filled,
        "rounds": found.rounds,
        "mean": round(found.mean, 4),
        "low": round(found.low, 4),
        "high": round(found.high, 4),
    }


def _level(history: list[int | None], share: float) -> dict[str, Any]:
    price = price_for(history, share)
    return {"share": share, "price": None if price is None else str(price), "roundsNeeded": rounds_for(share)}


def _last_rounds(market: Market) -> list[RoundRecord]:
    """The last rounds without their transcripts, newest first, as many as may be read."""
    with market.store.read() as tx:
        found = tx.rounds.page(None, MAX_ROUNDS).items
    chosen, orders = [], 0
    for record in found:
        orders += record.summary["bids"] + record.summary["asks"]
        if orders > MAX_ORDERS:
            break
        if not record.summary.get("notices"):  # what that round found was never to open
            chosen.append(record)
    return chosen


def _read_through(market: Market, records: list[RoundRecord]) -> Iterator[PastRound]:
    """As far back as this version of the program can read."""
    for record in records:
        with market.store.read() as tx:
            whole = tx.rounds.get(record.number)
        if whole is None:
            return
        try:
            yield read_past_round(whole.transcript)
        except TranscriptMismatch:
            return


def _at(wanted: PlacedBid, now: int, then: int) -> PlacedBid:
    """The bid as it would have been placed then, for then: as long from start to deadline as it has now."""
    start = max(now, wanted.job_spec.schedule.not_before)
    times = {name: getattr(wanted.bid, name) - start + then for name in ("deadline", "valid_until")}
    job_spec = wanted.job_spec.model_copy(update={"schedule": Schedule()})
    return replace(wanted, bid=wanted.bid.model_copy(update=times), job_spec=job_spec)
