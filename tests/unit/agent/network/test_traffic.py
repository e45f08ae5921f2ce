"""The count of a job's bytes: never beyond its bounds, and told when they were passed."""

from hypothesis import given
from hypothesis import strategies as st

from agent.network.traffic import Bounds, Traffic

COUNTS = st.lists(st.tuples(st.booleans(), st.integers(0, 70_000)), max_size=30)


@given(COUNTS, st.integers(0, 200_000), st.integers(0, 200_000))
def test_whatever_goes_which_way_the_counts_keep_to_their_bounds_and_say_which_was_passed(moves, sent, received):
    traffic = Traffic(Bounds(sent_bytes=sent, received_bytes=received))
    for is_sent, count in moves:
        passed = traffic.pass_sent(count) if is_sent else traffic.pass_received(count)
        assert 0 <= passed <= count
    wanted = [sum(count for each, count in moves if each is is_sent) for is_sent in (True, False)]
    assert [traffic.sent, traffic.received] == [min(wanted[0], sent), min(wanted[1], received)]
    assert bool(traffic.overflow) == (wanted[0] > sent or wanted[1] > received)
