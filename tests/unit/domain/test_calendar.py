"""A node's units over time. No unit is promised twice at the same time, and what fills a gap delays no promise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain.calendar import FOREVER, Calendar, Gap, Promise

TIMES = st.integers(min_value=0, max_value=40)
PROMISES = st.builds(
    lambda start, length, units: Promise(start, start + length, units), TIMES, st.integers(1, 15), st.integers(1, 2)
)


@st.composite
def calendars(draw) -> Calendar:
    """Whatever promises were asked for one after the other, as far as they fitted."""
    calendar = Calendar(draw(st.integers(1, 4)))
    for promise in draw(st.lists(PROMISES, max_size=12)):
        if calendar.free(promise.start, promise.end) >= promise.units:
            calendar = calendar.with_promise(promise)
    return calendar


def moments(calendar: Calendar) -> list[int]:
    return list(range(60))


def test_unit_is_free_before_and_after_its_promise_and_not_meanwhile():
    calendar = Calendar.of(1, [Promise(10, 20)])
    assert [calendar.free(*window) for window in ((0, 10), (0, 11), (15, 16), (19, 25), (20, 25))] == [1, 0, 0, 0, 1]


def test_gap_before_a_promise_is_offered_until_the_promise_begins():
    assert Calendar.of(1, [Promise(10, 20)]).gap(3) == Gap(1, 10)


def test_units_that_nobody_is_promised_are_offered_before_those_with_an_end():
    assert Calendar.of(3, [Promise(10, 20)]).gap(3) == Gap(2, FOREVER)


def test_unit_that_is_taken_now_is_no_gap():
    assert Calendar.of(1, [Promise(0, 5), Promise(10, 20)]).gap(3).units == 0


def test_second_promise_of_one_unit_at_one_time_is_refused():
    with pytest.raises(ValueError):
        Calendar.of(1, [Promise(10, 20)]).with_promise(Promise(19, 30))


@given(calendars())
def test_no_moment_has_more_units_promised_than_there_are(calendar):
    assert all(calendar.taken(at) <= calendar.units for at in moments(calendar))


@given(calendars(), TIMES, st.integers(1, 20))
def test_free_is_the_least_that_any_moment_of_the_window_leaves(calendar, start, length):
    end = start + length
    assert calendar.free(start, end) == min(calendar.units - calendar.taken(at) for at in range(start, end))


@given(calendars(), TIMES, st.data())
def test_jobs_that_end_within_the_gap_delay_no_promise(calendar, now, data):
    """As many as the gap has units, each as long as it likes before the gap's end."""
    gap = calendar.gap(now)
    longest = min(gap.until, 60) - now
    fillers = [Promise(now, now + data.draw(st.integers(1, longest))) for _ in range(gap.units if longest > 0 else 0)]
    filled = calendar
    for filler in fillers:
        filled = filled.with_promise(filler)
    assert all(filled.taken(at) <= filled.units for at in moments(filled))
    assert set(calendar.promises) <= set(filled.promises)


@given(calendars(), TIMES)
def test_gap_is_offered_wherever_a_unit_is_free_and_is_the_longest(calendar, now):
    gap = calendar.gap(now)
    assert (gap.units > 0) == (calendar.taken(now) < calendar.units)
    if gap.units and gap.until < FOREVER:
        assert calendar.free(now, gap.until + 1) == 0
