"""Uploads that nothing names are bounded by address, and what is named, refused or an hour old counts no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain.rules import Rules
from marketplace.errors import TooManyRequests
from marketplace.services import uploads as module
from marketplace.services.uploads import UNUSED_SECONDS, Uploads

RULES = Rules(unused_uploads=3, unused_upload_bytes=100, max_blob_bytes=60)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def uploads(clock) -> Uploads:
    return Uploads(clock)


def refused(uploads, party: str, digest: str, size: int = 1, rules: Rules = RULES) -> TooManyRequests | None:
    try:
        uploads.take(rules, party, digest, size)
    except TooManyRequests as error:
        return error
    return None


def test_too_many_are_refused_until_the_oldest_is_an_hour_old(uploads, clock):
    for number in range(3):
        clock.now = 100.0 * number
        assert not refused(uploads, "a", f"d{number}")
    error = refused(uploads, "a", "d3")
    assert error.values["retryAfter"] == UNUSED_SECONDS - 200
    assert error.message == (
        "a has used its share of uploads that no order or evidence names: 3 blobs and 100 bytes an hour;"
        " it has 3 of 3 bytes, this one has 1."
    )
    assert not refused(uploads, "b", "d3"), "another address has a share of its own"
    clock.now += error.values["retryAfter"]
    assert not refused(uploads, "a", "d3")


def test_too_many_bytes_are_refused_until_enough_of_them_are_an_hour_old(uploads, clock):
    assert not refused(uploads, "a", "d1", 20)
    clock.now = 50.0
    assert not refused(uploads, "a", "d2", 60)
    assert refused(uploads, "a", "d3", 30).values["retryAfter"] == UNUSED_SECONDS - 50
    assert refused(uploads, "a", "d3", 60).values["retryAfter"] == UNUSED_SECONDS, "the second has to go as well"


def test_what_something_names_counts_for_nobody_and_what_was_not_stored_for_who_sent_it(uploads):
    for party in ("a", "b"):
        for number in range(3):
            assert not refused(uploads, party, f"d{number}")
    uploads.release(["d0", "unknown"])
    assert not refused(uploads, "a", "d3") and not refused(uploads, "b", "d3")
    uploads.give_back("a", "d3")
    assert not refused(uploads, "a", "d4") and refused(uploads, "b", "d4")


def test_the_same_blob_counts_once_from_when_it_came_first(uploads, clock):
    for _ in range(5):
        assert not refused(uploads, "a", "d0", 60)
        clock.now += 1
    clock.now = float(UNUSED_SECONDS)
    assert not refused(uploads, "a", "d1", 60)


def test_one_of_the_largest_blobs_has_always_room_and_zero_is_no_limit(uploads):
    assert not refused(uploads, "a", "d0", 60, Rules(unused_upload_bytes=10, max_blob_bytes=60))
    free = Rules(unused_uploads=0, unused_upload_bytes=0)
    assert not any(refused(uploads, "b", f"d{number}", 10**12, free) for number in range(100))


def test_who_was_silent_longest_is_forgotten(uploads, monkeypatch):
    monkeypatch.setattr(module, "MOST_PARTIES", 2)
    for party in ("a", "b", "a", "c"):
        refused(uploads, party, f"of {party}")
    assert set(uploads._shares) == {"a", "c"} and set(uploads._parties) == {"of a", "of c"}


ACTS = st.tuples(
    st.sampled_from(("take", "give", "release", "wait")), st.sampled_from("ab"), st.integers(0, 6), st.integers(0, 60)
)


@given(st.lists(ACTS, max_size=60))
def test_nobody_ever_holds_more_than_the_limits_and_the_sums_are_those_of_what_is_kept(acts):
    clock = Clock()
    uploads = Uploads(clock)
    for act, party, number, size in acts:
        if act == "take":
            refused(uploads, party, f"d{number}", size)
        elif act == "give":
            uploads.give_back(party, f"d{number}")
        elif act == "release":
            uploads.release([f"d{number}"])
        else:
            clock.now += UNUSED_SECONDS / 3
        for share in uploads._shares.values():
            assert share.held == sum(size for _, size in share.kept.values()) <= 100 and len(share.kept) <= 3
        named = {(digest, party) for digest, parties in uploads._parties.items() for party in parties}
        assert named == {(digest, party) for party, share in uploads._shares.items() for digest in share.kept}
