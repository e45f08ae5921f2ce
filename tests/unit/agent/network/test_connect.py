"""Requests for a tunnel: one way to ask for one, and refusals that say what was wrong."""

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.network.connect import MAX_HEAD_BYTES, Refusal, parse_connect


def refused(head: bytes) -> int:
    with pytest.raises(Refusal) as caught:
        parse_connect(head)
    return caught.value.status.value


@pytest.mark.parametrize(
    "head",
    [
        b"CONNECT a.org:443 HTTP/1.1\r\nHost: a.org:443\r\n\r\n",
        b"CONNECT A.Org:443 HTTP/1.0\r\n\r\n",
        b"CONNECT a.org:443 HTTP/1.1\r\nHost: other.org\r\nProxy-Authorization: Basic eA==\r\nUser-Agent: x\r\n\r\n",
    ],
)
def test_the_destination_is_what_the_request_line_says_in_lower_case(head):
    assert parse_connect(head) == "a.org:443"


@pytest.mark.parametrize("method", [b"GET", b"POST", b"HEAD", b"OPTIONS", b"connect", b"CONNECTX"])
def test_whole_requests_are_not_taken_and_the_refusal_says_what_is(method):
    head = method + b" http://a.org/ HTTP/1.1\r\nHost: a.org\r\n\r\n"
    assert refused(head) == 405
    with pytest.raises(Refusal) as caught:
        parse_connect(head)
    assert b"\r\nAllow: CONNECT\r\n" in caught.value.response()


@pytest.mark.parametrize(
    "target",
    [
        b"a.org", b"a.org:", b"a.org:0", b"a.org:00443", b"a.org:443/", b"http://a.org:443", b"a.org:443:443",
        b"user@a.org:443", b"[::1]:443", b"a_b.org:443", b"a%2eorg:443", b"a.org:-1", b"a.org:443#x", b"*", b"/",
    ],
)  # fmt: skip
def test_what_is_no_host_and_port_is_refused(target):
    assert refused(b"CONNECT " + target + b" HTTP/1.1\r\n\r\n") == 400


@pytest.mark.parametrize(
    "head",
    [
        b"\r\n\r\n", b"CONNECT a.org:443\r\n\r\n", b"CONNECT a.org:443 HTTP/2\r\n\r\n",
        b"CONNECT  a.org:443 HTTP/1.1\r\n\r\n",
        b"CONNECT a.org:443 HTTP/1.1\nX: y\r\n\r\n", b"CONNECT a.org:443 HTTP/1.1\r\nno field\r\n\r\n",
        b"CONNECT a.org:443 HTTP/1.1\r\n folded: x\r\n\r\n", b"CONNECT a.org:443 HTTP/1.1\r\nX: a\x00b\r\n\r\n",
        b"CONNECT a.org:443 HTTP/1.1\r\nX: y\r\n", b"CONNECT a.org:443 HTTP/1.1\r\nX: a\rb: c\r\n\r\n",
    ],
)  # fmt: skip
def test_a_head_that_could_be_read_in_two_ways_is_refused(head):
    assert refused(head) == 400


def test_a_head_of_too_many_bytes_is_refused():
    filler = b"X: " + b"y" * MAX_HEAD_BYTES
    assert refused(b"CONNECT a.org:443 HTTP/1.1\r\n" + filler + b"\r\n\r\n") == 431


@given(st.binary(max_size=400))
def test_whatever_bytes_come_there_is_a_destination_or_a_refusal(data):
    for head in (data, data + b"\r\n\r\n", b"CONNECT " + data + b" HTTP/1.1\r\n\r\n"):
        try:
            host, _, port = parse_connect(head).rpartition(":")
        except Refusal:
            continue
        assert host == host.lower() and set(host) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-") and port.isdigit()


@given(st.text(max_size=200))
def test_a_refusal_is_one_whole_answer(reason):
    head, _, body = Refusal(HTTPStatus.FORBIDDEN, reason).response().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert f"Content-Length: {len(body)}\r\n".encode() in head + b"\r\n"
    assert body == f"{reason}\n".encode()
    fields = head.split(b"\r\n")[1:]
    assert len(fields) == 4 and all(b": " in field for field in fields), "no reason makes a field of its own"


def test_the_reason_stands_in_a_header_that_clients_show():
    response = Refusal(HTTPStatus.FORBIDDEN, 'no "such\\ host\n').response()
    assert b'\r\nProxy-Status: computehive; details="no \\"such\\\\ host?"\r\n' in response
