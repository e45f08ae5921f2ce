"""Which lines of the timeline are which events, whom they concern, and when a delivery is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain.access import is_own_domain, parse_scopes
from marketplace.domain.jobs import JobState
from marketplace.domain.webhooks import (
    EVENT_TYPES,
    KINDS,
    LAST_RETRY_SECONDS,
    MOST_ATTEMPTS,
    Line,
    Party,
    Webhook,
    delivery_id,
    events_of,
    parse_events,
    retry_seconds,
)
from marketplace.errors import MalformedMessage

RENTER, PROVIDER = "0xrenter", "0xprovider"
PATTERNS = st.sampled_from([*EVENT_TYPES, "*", "job.*", "lease.*", "payment.*", "dispute.*"])


def line(kind: str, **detail: str) -> Line:
    return Line(7, 1_800_000_000, kind, "0xjob", "0xlease", RENTER, PROVIDER, detail)


def hook(account: str, *events: str, scope: Party = Party.ALL, cursor: int = 0) -> Webhook:
    return Webhook("whk_1", account, "https://hooks.example", events, scope, 0, cursor=cursor)


def test_every_event_type_comes_of_some_line_and_no_line_of_another_kind_is_an_event():
    closed = [
        line("lease_closed", reason=reason, paid=paid)
        for reason in ("verdict", "deadline", "dispute_expired")
        for paid in ("0", "5")
    ]
    lines = [line(kind) for kind in KINDS if kind != "lease_closed"] + closed
    assert {event.type for one in lines for event in events_of(one)} == set(EVENT_TYPES)
    assert not [event for kind in ("checkpoint", "verdict", "grant", "") for event in events_of(line(kind))]


@pytest.mark.parametrize("state", JobState)
def test_a_jobs_state_is_its_renters_business_alone(state):
    (event,) = events_of(line(state.value))
    assert event.type == f"job.{state.value}" and event.parties == {Party.RENTER: RENTER}
    assert hook(RENTER, "*").wants(event) and not hook(PROVIDER, "*").wants(event)


def test_a_lease_is_the_business_of_both_as_far_as_their_scope_goes():
    (event,) = events_of(line("lease_opened"))
    for account, scope in ((RENTER, Party.RENTER), (PROVIDER, Party.PROVIDER), (RENTER, Party.ALL)):
        assert hook(account, "lease.*", scope=scope).wants(event)
    assert not hook(RENTER, "lease.*", scope=Party.PROVIDER).wants(event)
    assert not hook(RENTER, "job.*").wants(event) and not hook(RENTER, "lease.opened", cursor=7).wants(event)


@pytest.mark.parametrize(
    ("reason", "paid", "types"),
    [
        ("verdict", "5", ["lease.settled", "payment.credited"]),
        ("verdict", "0", ["lease.settled"]),
        ("deadline", "0", ["lease.refunded"]),
        ("dispute_expired", "0", ["lease.refunded"]),
    ],
)
def test_a_closed_lease_is_settled_or_refunded_and_a_payment_where_something_was_paid(reason, paid, types):
    events = list(events_of(line("lease_closed", reason=reason, paid=paid, transaction="0xtx")))
    assert [one.type for one in events] == types
    assert [one.data["amount"] for one in events[1:]] == [paid][: len(types) - 1]
    assert len({delivery_id("whk_1", one) for one in events}) == len(events)


@given(st.lists(PATTERNS, min_size=1))
def test_patterns_that_name_events_are_kept_each_once(patterns):
    assert set(parse_events(patterns)) == set(patterns) and parse_events(parse_events(patterns)) == parse_events(
        patterns
    )


@pytest.mark.parametrize("patterns", [[], ["job"], ["job."], [".*"], ["*.paid"], ["job.paid", "nothing.*"], [""]])
def test_patterns_that_name_nothing_are_refused(patterns):
    with pytest.raises(MalformedMessage, match=r"job\.paid"):
        parse_events(patterns)


@given(st.integers(1, 1000), st.floats(0, 1, exclude_max=True))
def test_a_pause_is_between_half_and_all_of_what_its_attempt_may_have_and_never_shrinks(attempts, jitter):
    most = min(LAST_RETRY_SECONDS, 5 * 4 ** min(attempts - 1, 20))
    assert most / 2 - 1 <= retry_seconds(attempts, jitter) <= most
    assert retry_seconds(attempts + 1, 0.0) * 2 + 2 >= retry_seconds(attempts, 0.999)


def test_the_tries_of_one_delivery_take_about_a_day():
    longest = sum(retry_seconds(number, 0.999) for number in range(1, MOST_ATTEMPTS))
    shortest = sum(retry_seconds(number, 0.0) for number in range(1, MOST_ATTEMPTS))
    assert 10 * 3600 < shortest < longest < 36 * 3600


def test_domains_are_names_with_any_port_or_with_one():
    own = ("app.example", "dev.example:8443", "[::1]")
    good = ("app.example", "App.Example:1", "dev.example:8443", "[::1]:3000", "[::1]")
    bad = ("app.example.evil", "evil.app.example", "dev.example", "dev.example:1", "::1", "", "app.example:")
    assert all(is_own_domain(one, own) for one in good) and not any(is_own_domain(one, own) for one in bad)


def test_scopes_are_known_ones_and_some():
    assert parse_scopes(["webhooks:read", "keys:read", "keys:read"]) == ("keys:read", "webhooks:read")
    for wrong in ([], ["webhooks"], ["webhooks:read", "*"]):
        with pytest.raises(MalformedMessage, match="scopes"):
            parse_scopes(wrong)
