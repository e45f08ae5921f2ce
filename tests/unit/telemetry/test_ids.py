"""Ids of a job's trace: everybody derives the same ones, and a header says where in it a request is made."""

import pytest

from marketplace.protocol.tracing import Place, Stage, parent_of, place_of, trace_id_of

JOB, LEASE, OTHER = "0x" + "ab" * 32, "0x" + "11" * 32, "0x" + "22" * 32


def test_the_trace_of_a_job_is_the_published_formula():
    # printf 'computehive trace 0xabab…' | sha256sum | cut -c-32
    assert trace_id_of(JOB) == "2a47150efc23d5166515ebede1cb107a"
    assert trace_id_of(JOB.upper().replace("0X", "0x")) == trace_id_of(JOB)
    assert trace_id_of(JOB) != trace_id_of(LEASE)


def test_every_stage_follows_from_the_first_in_one_trace():
    for stage in Stage:
        seen = stage
        while seen.follows is not None:
            seen = seen.follows
        assert seen is Stage.PLACE
        parent = parent_of(JOB, stage, LEASE)
        assert (parent is None) == (stage is Stage.PLACE)
        assert parent is None or parent.trace_id == trace_id_of(JOB)


def test_a_span_names_its_parent_without_being_told():
    assert parent_of(JOB, Stage.RUN, LEASE).span_id == place_of(JOB, Stage.OPEN, LEASE).span_id
    assert parent_of(JOB, Stage.OPEN, LEASE).span_id == place_of(JOB, Stage.MATCH).span_id


def test_leases_and_oracles_have_spans_of_their_own():
    judged = [(LEASE, "0xA1"), (LEASE, "0xB2"), (OTHER, "0xA1")]
    spans = [place_of(JOB, Stage.RUN, LEASE), place_of(JOB, Stage.RUN, OTHER), place_of(JOB, Stage.MATCH)]
    spans += [place_of(JOB, Stage.JUDGE, lease, oracle) for lease, oracle in judged]
    assert len({one.span_id for one in spans}) == len(spans)
    assert place_of(JOB, Stage.MATCH, LEASE) == place_of(JOB, Stage.MATCH), "the job's, whatever its leases"


def test_a_header_comes_back_as_it_was_written():
    place = place_of(JOB, Stage.RUN, LEASE, flags=1)
    assert str(place) == f"00-{place.trace_id}-{place.span_id}-01"
    assert Place.read(str(place)) == place and place.is_sampled
    assert not place_of(JOB, Stage.RUN, LEASE).is_sampled


@pytest.mark.parametrize(
    "header",
    [
        "", "00", "01-" + "a" * 32 + "-" + "b" * 16 + "-01", "00-" + "0" * 32 + "-" + "b" * 16 + "-01",
        "00-" + "a" * 32 + "-" + "0" * 16 + "-01", "00-" + "A" * 32 + "-" + "b" * 16 + "-01",
        "00-" + "a" * 32 + "-" + "b" * 16 + "-01-more", "00-" + "a" * 31 + "-" + "b" * 16 + "-01",
    ],
)  # fmt: skip
def test_a_header_that_is_not_valid_is_ignored(header):
    assert Place.read(header) is None
