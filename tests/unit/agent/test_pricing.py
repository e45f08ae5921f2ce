"""What to ask: the bandit's beliefs, what it never does, and what it remembers."""

import random
from dataclasses import replace

import pytest

from agent.journal import Journal
from agent.prices import GAP_SECONDS, PERIOD_SECONDS, Prices, read_advice, read_note
from agent.pricing import DECAY, LEAST_HOURS, MARKUPS, Record, advise, best_markup, choose_markup, mark_up
from agent.settings import ProviderSettings
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.metering import Rates
from marketplace.protocol.units import BPS
from tests.unit.agent.played_provider import RATES, attested, make_provider
from tests.unit.clearing.market import NOW

FLOOR = Rates(1_000_001, 30_000, 7, 3, 0, 1)


def seen(often: int) -> Record:
    """A record in which each markup stood for 40 hours and was leased twice, but for one that was leased 40 times."""
    record = Record()
    for markup in MARKUPS:
        record = record.after(40.0, markup, 1.0)
        for _ in range(40 if markup == often else 2):
            record = record.with_lease(markup, 100.0, 100.0 * (markup / BPS - 1))
    return record


# --- beliefs ----------------------------------------------------------------------------------------------------------


def test_nothing_is_ever_asked_below_the_floor():
    assert min(MARKUPS) == BPS
    for markup in MARKUPS:
        raised = mark_up(FLOOR, markup)
        assert all(getattr(raised, name) >= getattr(FLOOR, name) for name in Rates.__dataclass_fields__)
    assert mark_up(FLOOR, BPS) == FLOOR
    assert mark_up(Rates(2**48 - 1, 0, 0, 0, 0, 0), 20_000).gpu_hour == 2**48 - 1, "what fits into an ask"


def test_the_markup_that_earned_most_is_chosen_and_advised():
    record, draw = seen(12000), random.Random(1)
    chosen = [choose_markup(record, draw) for _ in range(50)]
    assert chosen.count(12_000) > 45
    assert best_markup(record) == 12_000
    assert sum(one.chance_best for one in advise(record)) == pytest.approx(1)


def test_every_markup_is_tried_before_one_is_settled_on():
    draw, record, tried = random.Random(1), Record(), set()
    for _ in range(60):
        tried.add(choose_markup(record, draw))
        record = record.after(1.0, max(tried))
    assert tried >= set(MARKUPS[3:])


def test_what_was_not_tried_is_not_advised():
    assert best_markup(Record()) == BPS
    assert best_markup(Record().after(LEAST_HOURS, 11_000, 1.0)) == 11_000


def test_old_leases_count_less_and_a_new_best_is_found():
    record = seen(10500)
    for _ in range(1_500):
        record = record.after(1.0, 10_500)
        record = record.after(0.2, 13_500).with_lease(13_500, 100.0, 35.0)
    assert record.tallies[MARKUPS.index(10_500)].leases < 40 * DECAY**1_400
    assert best_markup(record) == 13_500


def test_a_record_survives_json():
    record = seen(11000)
    assert Record.parse(record.to_json()) == record
    assert Record.parse({"9000": {"hours": 1.0, "leases": 1.0, "cost": 1.0, "margin": 1.0}}) == Record()


def test_learning_in_a_steady_market_misses_little():
    """Leases come less often the more is asked: the best markup earns 40 an hour, the floor nothing."""
    chances = dict(zip(MARKUPS, (0.9, 0.85, 0.8, 0.8, 0.4, 0.2, 0.1, 0.05, 0.01), strict=True))
    draw, record, earned = random.Random(7), Record(), 0.0
    best = max(chances[one] * (one / BPS - 1) for one in MARKUPS) * 100
    for _ in range(600):
        markup = choose_markup(record, draw)
        record = record.after(1.0, markup, 1.0)
        if draw.random() < chances[markup]:
            margin = (markup / BPS - 1) * 100
            record, earned = record.with_lease(markup, 100.0, margin), earned + margin
    assert earned > 0.7 * 600 * best


# --- in the daemon ----------------------------------------------------------------------------------------------------


def prices(folder, now: int, *, is_automatic=True, seed=1) -> Prices:
    return Prices(
        Journal(folder / "journal"), FLOOR, is_automatic=is_automatic, now=lambda: now, draw=random.Random(seed)
    )


def test_without_the_setting_the_rates_are_the_settings(tmp_path):
    manual = prices(tmp_path, NOW, is_automatic=False)
    manual.keep()
    assert manual.rates == FLOOR
    prices(tmp_path, NOW).keep()
    assert prices(tmp_path, NOW + 60, is_automatic=False).rates == FLOOR, "also where it was on before"


def test_a_restart_goes_on_with_the_markup_and_the_record(tmp_path):
    first = prices(tmp_path, NOW)
    first.keep()
    prices(tmp_path, NOW + 200).keep()
    again = prices(tmp_path, NOW + 260, seed=99)
    again.keep()
    assert again.rates == first.rates
    record = Record.parse(read_note(Journal(tmp_path / "journal"))["record"])
    assert sum(one.hours for one in record.tallies) == pytest.approx(260 / 3_600, rel=1e-3)


def test_another_markup_may_be_chosen_only_after_the_period(tmp_path):
    prices(tmp_path, NOW).keep()
    since = [read_note(Journal(tmp_path / "journal"))["since"]]
    for later in (PERIOD_SECONDS - 70, PERIOD_SECONDS):
        prices(tmp_path, NOW + later).keep()
        since.append(read_note(Journal(tmp_path / "journal"))["since"])
    assert since == [NOW, NOW, NOW + PERIOD_SECONDS]


def test_time_when_the_daemon_was_off_is_not_time_on_offer(tmp_path):
    prices(tmp_path, NOW).keep()
    prices(tmp_path, NOW + GAP_SECONDS + 1).keep()
    record = Record.parse(read_note(Journal(tmp_path / "journal"))["record"])
    assert sum(one.hours for one in record.tallies) == 0


def test_a_clock_that_was_set_back_stops_nothing(tmp_path):
    prices(tmp_path, NOW).keep()
    prices(tmp_path, NOW - 10_000).keep()
    assert read_note(Journal(tmp_path / "journal"))["seen"] == NOW - 10_000


def noted(daemon) -> Record:
    return Record.parse(read_note(daemon._journal)["record"])


def test_a_lease_that_ran_is_noted_with_what_it_earned_above_cost(market, terms, tmp_path):
    asked = terms.ask.model_copy(update={"vcpu_hour_rate": RATES.vcpu_hour})
    changes = {f"{name}_rate": getattr(RATES, name) for name in ("gpu_hour", "gb_hour", "gfuel", "egress_gb")}
    asked = asked.model_copy(update=changes | {"minimum_charge": RATES.minimum})
    daemon = make_provider(market, tmp_path)
    attestation = _attestation(market, terms, tmp_path / "other")
    daemon._prices.note_lease(replace(terms, ask=asked), attestation)
    (tally, *rest) = noted(daemon).tallies
    assert (tally.leases, tally.cost > 0, tally.margin >= 0) == (1, True, True)
    assert all(one.leases == 0 for one in rest)
    failed = attestation.model_copy(update={"exit_kind": int(ExitKind.OUT_OF_FUEL)})
    daemon._prices.note_lease(replace(terms, ask=asked), failed)
    foreign = asked.model_copy(update={"vcpu_hour_rate": 9})
    daemon._prices.note_lease(replace(terms, ask=foreign), attestation)
    assert noted(daemon).tallies[0].leases == 1, "a failed job is paid nothing, other rates are no markup of these"


def _attestation(market, terms, folder):
    attested(market, terms, folder)
    return market.posted[-1]


def test_the_standing_ask_says_the_chosen_rates(market, tmp_path):
    daemon = make_provider(market, tmp_path)
    daemon._prices = Prices(daemon._journal, FLOOR, is_automatic=True, now=lambda: NOW, draw=random.Random(3))
    daemon.keep_ask()
    assert market.asks[-1].rates == daemon._prices.rates
    assert market.asks[-1].vcpu_hour_rate >= FLOOR.vcpu_hour


# --- what the provider is told ----------------------------------------------------------------------------------------


def settings(folder) -> ProviderSettings:
    return ProviderSettings(
        rpc_url="http://127.0.0.1:9", address_book=folder / "book", keystore=folder / "key", data=folder,
        url="http://127.0.0.1:9", _env_file=None,
    )  # fmt: skip


def test_advice_is_what_the_journal_holds_and_needs_no_market(tmp_path, monkeypatch):
    monkeypatch.setattr("agent.prices._quotes_of_others", lambda given: None)
    empty = read_advice(settings(tmp_path))
    assert (empty["advised"], empty["asks"], empty["markups"][3]["income"]) == (1.0, None, None)
    Journal(tmp_path / "provider.sqlite").record_note(
        "pricing", {"markup": 12_000, "since": NOW, "seen": NOW, "record": seen(12000).to_json()}
    )
    found = read_advice(settings(tmp_path))
    assert (found["advised"], found["rates"]["vcpu_hour"], found["floor"]["vcpu_hour"]) == (1.2, 36_000, 30_000)
    assert [one["markup"] for one in found["markups"] if one["income"] > 15] == [1.2]


def test_advice_says_how_many_asks_are_cheaper(tmp_path, monkeypatch):
    monkeypatch.setattr("agent.prices._quotes_of_others", lambda given: [1, 5_000, 10**9])
    cheaper = [one["cheaper"] for one in read_advice(settings(tmp_path))["markups"]]
    assert cheaper == sorted(cheaper) and 1 <= cheaper[0] <= cheaper[-1] <= 2
