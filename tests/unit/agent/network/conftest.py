"""A proxy on this machine's loopback, a real server behind it, and a resolver that a test plays.

There is no outside host here, so the loopback is let through explicitly (`AddressPolicy.let_through`), by these tests
and by no setting.
"""

import ipaddress
import socket
import socketserver
import threading
from contextlib import contextmanager

import pytest

from agent.network.proxy import Proxy
from agent.network.traffic import Bounds
from marketplace.network.addresses import AddressPolicy

HOST = "server.test"
SECONDS = 10
LOOPBACK = AddressPolicy(let_through=(ipaddress.ip_network("127.0.0.1/32"),))
PLENTY = Bounds(sent_bytes=10**8, received_bytes=10**8)


class Echo(socketserver.BaseRequestHandler):
    """Says back what it hears, and counts who is there."""

    def handle(self):
        with self.server.lock:
            self.server.here.append(self.request)
            self.server.most = max(self.server.most, len(self.server.here))
        try:
            while data := self.request.recv(65_536):
                self.server.heard += len(data)
                self.request.sendall(data)
        except OSError:
            pass
        finally:
            with self.server.lock:
                self.server.here.remove(self.request)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads, allow_reuse_address, request_queue_size = True, True, 128

    def __init__(self):
        self.lock, self.here, self.most, self.heard = threading.Lock(), [], 0, 0
        super().__init__(("127.0.0.1", 0), Echo)

    @property
    def destination(self) -> str:
        return f"{HOST}:{self.server_address[1]}"


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(SECONDS)


@pytest.fixture
def through(server):
    """Opens a proxy to the server; gives it, with its address."""

    @contextmanager
    def opened(bounds=PLENTY, resolve=lambda name: ["127.0.0.1"], hosts=None, policy=LOOPBACK):
        listener = socket.create_server(("127.0.0.1", 0))
        address = listener.getsockname()
        with Proxy(listener, hosts or [server.destination], resolve, policy, bounds) as proxy:
            yield proxy, address

    return opened


def ask(address, destination: str) -> socket.socket:
    """A connection that has asked for a tunnel and not heard yet."""
    connection = socket.create_connection(address, SECONDS)
    connection.sendall(f"CONNECT {destination} HTTP/1.1\r\nHost: {destination}\r\n\r\n".encode())
    return connection


def head_of(connection: socket.socket) -> bytes:
    """The answer's head, byte by byte, so that nothing of the tunnel is taken with it; what there is at the end."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            return head
        head += byte
    return head


def status(address, destination: str) -> int:
    """Of the answer to a request for a tunnel."""
    with ask(address, destination) as connection:
        return int(head_of(connection).split()[1])


def tunnel(address, destination: str) -> socket.socket:
    """A connection that is through."""
    connection = ask(address, destination)
    assert head_of(connection).startswith(b"HTTP/1.1 200 ")
    return connection


def rest_of(connection: socket.socket) -> bytes:
    """Everything until the connection ends, however it does."""
    found = b""
    try:
        while data := connection.recv(65_536):
            found += data
    except ConnectionError:
        pass
    return found
