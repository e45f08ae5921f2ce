"""The provider's prices over time: what it asks now, what each markup brought, kept in the journal across restarts.

Off unless the provider wants it; what a lease brought is noted all the same. Never below the settings' rates.
"""

import random
from collections.abc import Callable
from dataclasses import asdict
from threading import Lock
from typing import Any

import structlog

from agent.journal import Journal
from agent.pricing import MARKUPS, Record, advise, best_markup, choose_markup, mark_up
from agent.settings import ProviderSettings
from marketplace.client import MarketClient
from marketplace.client.jobs import DEFAULT_RESOURCES
from marketplace.client.keystore import Keystore
from marketplace.client.terms import LeaseTerms
from marketplace.errors import MalformedMessage, MarketError
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.messages import Ask, Attestation
from marketplace.protocol.metering import Rates, compute_pay, compute_quote
from marketplace.protocol.units import BPS, SECONDS_PER_HOUR

log = structlog.get_logger("provider")
PERIOD_SECONDS = 3_600
"""How long a markup stands before another may be tried."""
NOTE_SECONDS = 60
"""How often the time on offer is noted."""
GAP_SECONDS = 300
"""Who was not heard of for longer than this was not on offer in between."""
_NOTE = "pricing"
_ASKS = 100


class Prices:
    """What this machine asks, and what it learns from."""

    def __init__(
        self, journal: Journal, floor: Rates, *, is_automatic: bool, now: Callable[[], int], draw: random.Random
    ) -> None:
        self._journal, self._floor, self._now, self._draw = journal, floor, now, draw
        self._is_automatic = is_automatic
        self._lock = Lock()
        """Jobs end in threads of their own; what each brings is added to what is noted already."""

    @property
    def rates(self) -> Rates:
        """The rates to ask now, micro-USDC."""
        return mark_up(self._floor, self._note()["markup"])

    def keep(self) -> None:
        """Note the time on offer; choose another markup where the last one has stood for its time."""
        with self._lock:
            self._keep(self._note(), self._now())

    def _keep(self, note: dict[str, Any], now: int) -> None:
        passed = now - note["seen"]
        if 0 <= passed < NOTE_SECONDS and note["since"] is not None:
            return
        record = Record.parse(note["record"])
        if 0 < passed <= GAP_SECONDS:
            record = record.after(passed / SECONDS_PER_HOUR, note["markup"])
        markup, since = note["markup"], note["since"]
        if since is None or not 0 <= now - since < PERIOD_SECONDS:
            markup, since = self._choose(record), now
        self._record(note | {"markup": markup, "since": since, "seen": now, "record": record.to_json()})

    def note_lease(self, terms: LeaseTerms, attestation: Attestation) -> None:
        """What a job that ran to its end is worth above its cost. Others are paid nothing, and teach nothing."""
        asked = next((one for one in MARKUPS if mark_up(self._floor, one) == terms.ask.rates), None)
        if asked is None or attestation.exit_kind != ExitKind.EXITED:
            return
        try:
            reserved = terms.bid.resources
            used = attestation.usage_of(reserved)
        except MalformedMessage:
            return
        cost = compute_quote(self._floor, used).total
        margin = compute_pay(terms.ask.rates, reserved, used, terms.price) - cost
        with self._lock:
            note = self._note()
            record = Record.parse(note["record"]).with_lease(asked, cost, max(0, margin))
            self._record(note | {"record": record.to_json()})

    def _choose(self, record: Record) -> int:
        if not self._is_automatic:
            return MARKUPS[0]
        markup = choose_markup(record, self._draw)
        log.info("price chosen", markup=markup / BPS)
        return markup

    def _note(self) -> dict[str, Any]:
        note = read_note(self._journal, self._now())
        return note if self._is_automatic else note | {"markup": MARKUPS[0]}

    def _record(self, note: dict[str, Any]) -> None:
        self._journal.record_note(_NOTE, note)


def read_note(journal: Journal, now: int = 0) -> dict[str, Any]:
    """What is remembered: the markup, since when, until when time was counted, the record of all markups."""
    note = journal.note(_NOTE)
    if note is None or note["markup"] not in MARKUPS:
        return {"markup": MARKUPS[0], "since": None, "seen": now, "record": (note or {}).get("record", {})}
    return note


def read_advice(settings: ProviderSettings) -> dict[str, Any]:
    """What the provider's own leases say about each markup, and where it stands among the others' asks.

    A JSON document; rates and incomes in micro-USDC. `cheaper` is null where the market does not answer.
    """
    path = settings.data / "provider.sqlite"
    note = {"markup": MARKUPS[0], "record": {}}
    if path.exists():
        journal = Journal(path)
        note = read_note(journal)
        journal.close()
    record, floor = Record.parse(note["record"]), settings.rates
    others = _quotes_of_others(settings)
    advised = best_markup(record)
    return {
        "automatic": settings.auto_price,
        "markup": note["markup"] / BPS,
        "advised": advised / BPS,
        "floor": asdict(floor),
        "rates": asdict(mark_up(floor, advised)),
        "asks": None if others is None else len(others),
        "markups": [
            {
                "markup": one.markup / BPS,
                "hours": round(one.tally.hours, 2),
                "leases": round(one.tally.leases, 2),
                "income": round(one.income) if one.is_tried else None,
                "chanceBest": one.chance_best,
                "cheaper": None if others is None else _count_below(others, mark_up(floor, one.markup)),
            }
            for one in advise(record)
        ],
    }


def _quotes_of_others(settings: ProviderSettings) -> list[int] | None:
    """What the newest live asks of others charge for a job of the usual size."""
    try:
        with MarketClient(settings.url, timeout=5) as client:
            asks = [Ask.parse(one["ask"]) for one in client.asks(limit=_ASKS)]
    except MarketError:
        return None
    own = Keystore.load(settings.keystore).address
    return [compute_quote(one.rates, DEFAULT_RESOURCES).total for one in asks if one.provider != own]


def _count_below(quotes: list[int], rates: Rates) -> int:
    own = compute_quote(rates, DEFAULT_RESOURCES).total
    return sum(one < own for one in quotes)
