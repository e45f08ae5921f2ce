"""Packets and frames: what goes in comes out, and nothing else is taken for one."""

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.clusters.packets import MAX_PACKET_BYTES, Packet, pack, read_frame, unpack, write_frame
from marketplace.errors import MalformedMessage, TooLarge

HEADS = st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=8) | st.none(), max_size=4)
BLOBS = st.dictionaries(st.text(max_size=8), st.binary(max_size=64), max_size=4)


@given(HEADS, BLOBS)
def test_packet_comes_out_as_it_went_in(head, blobs):
    assert unpack(pack(Packet(head, blobs))) == Packet(head, blobs)


@given(st.binary(max_size=64))
def test_bytes_that_are_no_packet_are_refused(data):
    with pytest.raises(MalformedMessage):
        unpack(data)


@settings(max_examples=60)
@given(HEADS, BLOBS, st.data())
def test_packet_that_was_cut_or_grew_is_refused(head, blobs, data):
    packed = pack(Packet(head, blobs))
    cut = data.draw(st.integers(0, len(packed) - 1))
    for other in (packed[:cut], packed + b"x"):
        with pytest.raises(MalformedMessage):
            unpack(other)


def test_frames_are_read_one_after_the_other_until_the_other_side_is_gone():
    stream = BytesIO()
    for data in (b"one", b"", b"three"):
        write_frame(stream, data)
    stream.seek(0)
    assert [read_frame(stream) for _ in range(4)] == [b"one", b"", b"three", None]


def test_frame_of_one_that_died_while_it_wrote_is_none():
    stream = BytesIO()
    write_frame(stream, b"three")
    assert read_frame(BytesIO(stream.getvalue()[:-1])) is None


def test_length_that_is_none_is_refused_before_anything_is_allocated():
    with pytest.raises(TooLarge):
        read_frame(BytesIO((MAX_PACKET_BYTES + 1).to_bytes(8, "big")))
