"""Containers with network where there is no outside: a server on this machine's loopback, let through explicitly.

    python -m tests.integration.sandboxes.networked

is a provider daemon like any other, but for the address policy and the resolver of its jobs' network: no setting makes
these, so the program that tests start does. `HOST` is the only name that it knows.
"""

import ipaddress
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from agent.adapters.docker import DockerAdapter, open_docker
from agent.bootstrap import run_provider
from agent.metering.runner import MeteredRunner
from agent.network.gate import Gate
from agent.settings import ProviderSettings, load_settings
from agent.work import JobRunner, Runner
from marketplace.cli.agent_settings import wait_for_market
from marketplace.client import MarketClient
from marketplace.network.addresses import AddressPolicy

HOST = "server.test"
LOOPBACK = AddressPolicy(let_through=(ipaddress.ip_network("127.0.0.1/32"),))
WAIT_SECONDS = 120


def resolve(name: str) -> list[str]:
    """`HOST` is on the loopback; another name is one that no job may reach, as a hostile host would have it."""
    return {HOST: ["127.0.0.1"], "metadata.test": ["169.254.169.254"], "private.test": ["10.0.0.1"]}.get(name, [])


def gate(*allowed: str) -> Gate:
    return Gate(allowed, resolve=resolve, policy=lambda: LOOPBACK)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(bytes(5_000_000) if self.path == "/big" else b"fetched " + self.path.encode() + b"\n")

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        self._answer(f"got {len(self.rfile.read(size))}\n".encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Jobs hang up as they please."""


@contextmanager
def running_server(certificate: Path | None = None) -> Iterator[int]:
    """The port of a server that answers every path; with TLS where a certificate is given (PEM, with its key)."""
    server = _Server(("127.0.0.1", 0), _Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def make_certificate(folder: Path) -> tuple[Path, bytes]:
    """A certificate for `HOST` that signs itself: a file with its key, and the certificate alone."""
    key, certificate, both = (folder / name for name in ("key.pem", "cert.pem", "both.pem"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-keyout", key, "-out", certificate],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both, certificate.read_bytes()


def program_files(program: str) -> dict[str, bytes]:
    """A program of this machine and the libraries that it is linked to, by path."""
    path = shutil.which(program) or ""
    linked = subprocess.run(["ldd", path], check=True, capture_output=True, text=True, timeout=30).stdout
    libraries = [word for word in linked.split() if word.startswith("/")]
    return {one: Path(one).resolve().read_bytes() for one in (path, *libraries)}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def _with_test_network(settings: ProviderSettings) -> Runner:
    """The usual runner of containers, whose jobs reach this machine's loopback under the name `HOST`."""
    adapter = open_docker(settings.adapters, sweep=False)
    assert isinstance(adapter, DockerAdapter)
    adapter._gate = gate(*settings.network_hosts)
    return MeteredRunner(JobRunner({"docker": adapter}, MarketClient(settings.url).get_blob))


if __name__ == "__main__":
    wait_for_market(WAIT_SECONDS)
    ours = load_settings(ProviderSettings)
    run_provider(ours, alter=lambda usual: _with_test_network(ours))
