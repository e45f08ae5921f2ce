"""A position of another history is none of this one's."""

from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain.history import NAME_BYTES, mark_position, resume_position

NAMES = st.just("") | st.binary(min_size=NAME_BYTES, max_size=NAME_BYTES).map(bytes.hex)
POSITIONS = st.from_regex(r"\d{1,9}|\d{1,9}\.[0-9a-f]{16}", fullmatch=True)


@given(NAMES, NAMES, POSITIONS)
def test_a_position_is_gone_on_from_in_its_own_history_alone(one, other, position):
    kept = mark_position(one, position)
    assert resume_position(one, kept) == position
    assert resume_position(other, kept) == (position if one == other else "")


@given(st.text())
def test_what_nobody_has_marked_is_left_for_who_reads_positions_to_refuse(text):
    assert resume_position("", text) in (text, "")
