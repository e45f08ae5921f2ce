"""Connections that send nothing, or a byte now and then, are cut; there are never too many; others are served."""

import socket
import time

import httpx
import pytest

from marketplace.api.connections import careful_protocol
from marketplace.protocol.canonical import sha256_digest
from tests.fakes.databases import close_databases
from tests.fakes.service import serve
from tests.fakes.waiting import SOON
from tests.fakes.world import World

PATIENCE = 1.0
MOST = 5


@pytest.fixture
def port(tmp_path):
    protocol = careful_protocol(MOST, head_seconds=PATIENCE, body_seconds=PATIENCE)
    service = serve(World(tmp_path), http=protocol)
    yield service.port
    service.stop()
    close_databases()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=SOON)


def is_cut(open_socket: socket.socket) -> bool:
    """Whether the server ends the connection without an answer."""
    try:
        return open_socket.recv(1_000) == b""
    except ConnectionResetError:
        return True


def trickle(open_socket: socket.socket, data: bytes) -> float:
    """Send a byte every tenth of a second until the server hangs up; after how many seconds it did."""
    started = time.monotonic()
    for number in range(len(data)):
        try:
            open_socket.sendall(data[number : number + 1])
        except OSError:
            return time.monotonic() - started
        time.sleep(0.1)
    raise AssertionError("all of it was taken")


def alive(port: int) -> bool:
    return httpx.get(f"http://127.0.0.1:{port}/api/v1/health/live", timeout=SOON).status_code == 200


def test_a_connection_that_sends_nothing_is_cut(port):
    with connect(port) as silent:
        assert is_cut(silent)
    assert alive(port)


def test_a_head_that_comes_byte_by_byte_is_cut(port):
    with connect(port) as slow:
        assert trickle(slow, b"GET /health HTTP/1.1\r\nHost: m\r\nX-Long: " + b"x" * 500) < SOON
    assert alive(port)


def test_a_head_after_an_answer_that_comes_byte_by_byte_is_cut_too(port):
    with connect(port) as slow:
        slow.sendall(b"GET /api/v1/health/live HTTP/1.1\r\nHost: m\r\n\r\n")
        assert b"200 OK" in slow.recv(10_000)
        assert trickle(slow, b"GET /health HTTP/1.1\r\nHost: m\r\nX-Long: " + b"x" * 500) < SOON


def test_a_body_that_comes_byte_by_byte_is_cut_and_leaves_nothing(port, tmp_path):
    data = b"x" * 500
    with connect(port) as slow:
        path = f"/api/v1/blobs/{sha256_digest(data)}"
        slow.sendall(f"PUT {path} HTTP/1.1\r\nHost: m\r\nContent-Length: {len(data)}\r\n\r\n".encode())
        assert trickle(slow, data) < SOON
    assert alive(port)
    assert httpx.get(f"http://127.0.0.1:{port}{path}", timeout=SOON).status_code == 404


def test_a_body_that_goes_on_coming_at_a_fair_rate_is_taken_however_long_it_is(port):
    data = bytes(range(250)) * 36
    pieces = [data[at : at + 500] for at in range(0, len(data), 500)]

    def send():
        for piece in pieces:
            yield piece
            time.sleep(0.1)  # 5 kB a second, for longer than the patience

    answer = httpx.put(f"http://127.0.0.1:{port}/api/v1/blobs/{sha256_digest(data)}", content=send(), timeout=SOON)
    assert answer.status_code == 201


def test_one_connection_too_many_is_told_so_and_room_comes_back(port):
    held = [connect(port) for _ in range(MOST)]
    for one in held:
        one.sendall(b"GET /health HTTP/1.1\r\n")
    time.sleep(0.2)
    with connect(port) as refused:
        answer = refused.recv(10_000)
    assert answer.startswith(b"HTTP/1.1 503 ") and b"application/problem+json" in answer, answer
    for one in held:
        one.close()
    until = time.monotonic() + SOON
    while True:
        try:
            if alive(port):
                break
        except (httpx.HTTPError, AssertionError):
            pass
        assert time.monotonic() < until
        time.sleep(0.05)
