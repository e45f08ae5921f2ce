"""A job's proxy: tunnels to what is listed, and nowhere else, whatever the job or its hosts try."""

import asyncio
import errno
import ipaddress
import socket
import threading
import time
from dataclasses import replace

import pytest
import structlog

from agent.network.proxy import _Seen
from marketplace.network import names
from marketplace.network.addresses import AddressPolicy
from tests.unit.agent.network.conftest import HOST, LOOPBACK, PLENTY, ask, head_of, rest_of, status, tunnel

pytestmark = pytest.mark.timeout(60)


def test_what_goes_through_a_tunnel_arrives_both_ways_and_is_counted(through, server):
    with through() as (proxy, address), tunnel(address, server.destination) as connection:
        connection.sendall(b"x" * 300_000)
        connection.shutdown(socket.SHUT_WR)
        assert rest_of(connection) == b"x" * 300_000, "half of it may end before the other"
    assert (proxy.traffic.sent, proxy.traffic.received, proxy.traffic.overflow) == (300_000, 300_000, "")


def test_bytes_that_come_with_the_request_go_through_the_tunnel(through, server):
    with through() as (_, address), socket.create_connection(address, 10) as connection:
        connection.sendall(f"CONNECT {server.destination} HTTP/1.1\r\n\r\nearly".encode())
        assert head_of(connection).startswith(b"HTTP/1.1 200 ")
        assert connection.recv(5) == b"early"


def test_host_or_port_that_the_job_does_not_list_is_refused_and_never_looked_up(through, server):
    asked = []
    with through(resolve=lambda name: asked.append(name) or ["127.0.0.1"]) as (_, address):
        port = server.server_address[1]
        for other in (f"other.test:{port}", f"{HOST}:1", f"x.{HOST}:{port}", f"127.0.0.1:{port}", f"localhost:{port}"):
            assert status(address, other) == 403
    assert (asked, server.heard) == ([], 0)


def test_refusal_names_the_list_that_the_host_is_missing_from(through):
    with through() as (_, address), ask(address, "other.test:443") as connection:
        assert b"network.hosts do not list other.test:443" in rest_of(connection)


@pytest.mark.parametrize(
    "answer",
    [
        ["169.254.169.254"], ["10.0.0.1"], ["127.0.0.1", "10.0.0.1"], ["192.168.0.1", "127.0.0.1"], ["::1"],
        ["::ffff:169.254.169.254"], ["fd00:ec2::254"], ["fe80::1%lo"], ["no address"], [],
    ],
)  # fmt: skip
def test_name_with_one_address_that_no_job_reaches_is_refused_whatever_others_it_has(through, server, answer):
    with through(resolve=lambda name: answer) as (_, address):
        assert status(address, server.destination) == 502
    assert server.most == 0


def test_without_the_seam_of_these_tests_their_own_server_is_out_of_reach(through, server):
    with through(policy=AddressPolicy()) as (_, address):
        assert status(address, server.destination) == 502
    assert server.most == 0


def test_private_name_and_no_name_are_told_alike(through, server):
    def heard(resolve) -> bytes:
        with through(resolve=resolve) as (_, address), ask(address, server.destination) as connection:
            return rest_of(connection)

    def fails(name):
        raise socket.gaierror("no such name")

    assert heard(fails) == heard(lambda name: ["192.168.7.7"])


def test_answer_that_changes_to_a_private_address_is_checked_anew(through, server, monkeypatch):
    monkeypatch.setattr(names, "KEPT_SECONDS", -1.0)
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    with through(resolve=lambda name: next(answers)) as (_, address):
        assert [status(address, server.destination) for _ in range(2)] == [200, 502]


def test_address_that_was_checked_is_the_one_connected_to_without_a_second_look(through, server):
    """Were the name looked up again to connect, its second answer would lead to a port where nobody listens."""
    answers = iter([["127.0.0.1"]])
    with through(resolve=lambda name: next(answers)) as (_, address):
        for _ in range(3):
            tunnel(address, server.destination).close()
    assert next(answers, None) is None


def test_a_second_address_is_tried_where_the_first_takes_no_connection(through, server):
    policy = replace(LOOPBACK, let_through=(ipaddress.ip_network("127.0.0.0/24"),))
    with through(resolve=lambda name: ["127.0.0.77", "127.0.0.1"], policy=policy) as (_, address):
        assert status(address, server.destination) == 200


def test_host_that_takes_no_connection_is_told_as_such(through):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with through(hosts=[f"{HOST}:{port}"]) as (_, address):
        assert status(address, f"{HOST}:{port}") == 502


def test_resolver_that_never_answers_costs_a_refusal_and_one_thread(through, server, monkeypatch):
    monkeypatch.setattr(names, "ANSWER_SECONDS", 0.2)
    release = threading.Event()
    with through(resolve=lambda name: release.wait(30) and []) as (proxy, address):
        assert [status(address, server.destination) for _ in range(3)] == [502] * 3
        assert [one.name for one in threading.enumerate()].count("look-up") == 1
        began = time.monotonic()
        proxy.close()
        assert time.monotonic() - began < 5
    release.set()


# --- floods, and those who take their time ----------------------------------------------------------------------------


def test_flood_of_connections_waits_and_no_more_than_the_bound_are_through_at_once(through, server):
    with through(replace(PLENTY, connections=4)) as (_, address):
        crowd = [ask(address, server.destination) for _ in range(40)]
        first = [head_of(one) for one in crowd[:4]]
        assert all(head.startswith(b"HTTP/1.1 200 ") for head in first)
        for one in crowd:
            one.close()
        assert status(address, server.destination) == 200, "afterwards it works on"
    assert server.most <= 4


def test_request_that_does_not_come_to_its_end_is_cut(through):
    with (
        through(replace(PLENTY, head_seconds=0.3)) as (_, address),
        socket.create_connection(address, 10) as connection,
    ):
        connection.sendall(b"CONNECT server.test:")
        assert rest_of(connection).startswith(b"HTTP/1.1 408 ")


def test_request_that_drips_on_is_cut_by_its_whole_time_not_by_its_pauses(through):
    with (
        through(replace(PLENTY, head_seconds=0.5)) as (_, address),
        socket.create_connection(address, 10) as connection,
    ):
        began, ended = time.monotonic(), None
        while ended is None and time.monotonic() - began < 10:
            try:
                connection.sendall(b"a")
            except ConnectionError:
                ended = time.monotonic()
            time.sleep(0.05)
        assert ended is not None


def test_head_without_an_end_is_cut(through):
    with through() as (_, address), socket.create_connection(address, 10) as connection:
        connection.sendall(b"CONNECT a.org:1 HTTP/1.1\r\n" + b"X: y\r\n" * 20_000)
        assert rest_of(connection).startswith(b"HTTP/1.1 431 ")


def test_tunnel_through_which_nothing_goes_is_closed(through, server):
    with through(replace(PLENTY, idle_seconds=0.3)) as (_, address), tunnel(address, server.destination) as connection:
        assert rest_of(connection) == b""


def test_tunnel_in_use_outlives_the_idle_time(through, server):
    with through(replace(PLENTY, idle_seconds=0.6)) as (_, address), tunnel(address, server.destination) as connection:
        for _ in range(8):
            time.sleep(0.2)
            connection.sendall(b"x")
            assert connection.recv(1) == b"x"


def test_connection_that_the_network_gave_up_ends_at_once_and_keeps_nobody_busy(through):
    """The kernel tells of it by the same error as a pause that was too long; here it is set as the transport would."""

    async def read(proxy):
        broken = asyncio.StreamReader()
        broken.set_exception(TimeoutError(errno.ETIMEDOUT, "Connection timed out"))
        return await asyncio.wait_for(proxy._read(broken, _Seen(proxy._loop.time())), 5)

    with through() as (proxy, _), pytest.raises(TimeoutError, match="Connection timed out"):
        asyncio.run_coroutine_threadsafe(read(proxy), proxy._loop).result(10)


# --- bounds and the end -----------------------------------------------------------------------------------------------


def test_what_is_sent_past_the_bound_goes_nowhere_and_everything_is_cut(through, server):
    with (
        through(replace(PLENTY, sent_bytes=100_000)) as (proxy, address),
        tunnel(address, server.destination) as other,
        tunnel(address, server.destination) as connection,
    ):
        with pytest.raises(ConnectionError):
            for _ in range(1_000):
                connection.sendall(b"x" * 65_536)
        assert rest_of(other) == b"", "a bound is the job's, not a connection's"
    assert proxy.traffic.sent == 100_000
    assert "more than the 100000 bytes" in proxy.traffic.overflow
    assert server.heard <= 100_000


def test_what_comes_past_the_bound_does_not_reach_the_job(through, server):
    with (
        through(replace(PLENTY, received_bytes=1_000)) as (proxy, address),
        tunnel(address, server.destination) as connection,
    ):
        connection.sendall(b"x" * 50_000)
        assert len(rest_of(connection)) <= 1_000
    assert proxy.traffic.received == 1_000
    assert "was sent more than the 1000 bytes" in proxy.traffic.overflow


def test_exactly_the_bound_is_no_overflow(through, server):
    with (
        through(replace(PLENTY, sent_bytes=1_000, received_bytes=1_000)) as (proxy, address),
        tunnel(address, server.destination) as connection,
    ):
        connection.sendall(b"x" * 1_000)
        connection.shutdown(socket.SHUT_WR)
        assert len(rest_of(connection)) == 1_000
    assert proxy.traffic.overflow == ""


def test_the_end_cuts_open_tunnels_on_both_sides_and_leaves_no_thread(through, server):
    before = threading.active_count()
    with through() as (proxy, address):
        connections = [tunnel(address, server.destination) for _ in range(3)]
        half_asked = socket.create_connection(address, 10)
        proxy.close()
        assert all(rest_of(one) == b"" for one in [*connections, half_asked])
        with pytest.raises(OSError):
            socket.create_connection(address, 2)
        for one in (*connections, half_asked):
            one.close()
    until = time.monotonic() + 10
    while (server.here or threading.active_count() > before) and time.monotonic() < until:
        time.sleep(0.02)
    assert (server.here, threading.active_count()) == ([], before)


def test_nothing_is_written_down_of_what_goes_through_or_where_to(through, server):
    with structlog.testing.capture_logs() as written, through() as (_, address):
        with tunnel(address, server.destination) as connection:
            connection.sendall(b"a secret")
            assert connection.recv(8) == b"a secret"
        status(address, "other.test:443")
    assert written == []
