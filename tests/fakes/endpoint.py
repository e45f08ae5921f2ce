"""Somebody's HTTPS endpoint on this machine, under a certificate of an authority of its own."""

import datetime
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "hooks.test"
LOOPBACK = ("127.0.0.0/8",)
WAIT_SECONDS = 20


@dataclass(frozen=True)
class Request:
    """What it was sent."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Endpoint:
    """Answers `status` at every path but some; `port` is where."""

    port: int
    authority: ssl.SSLContext
    """For a client that believes this endpoint's authority, and no other."""
    ca_file: Path
    status: int = 200
    requests: list[Request] = field(default_factory=list)
    release: Event = field(default_factory=Event)
    """What `/slow` waits for."""
    came: threading.Condition = field(default_factory=threading.Condition)

    def url(self, path: str = "/hook", host: str = HOST, scheme: str = "https") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def wait(self, count: int, path: str = "/hook") -> list[Request]:
        """The first requests to a path, once there are so many."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.at(path)) >= count, WAIT_SECONDS), self.requests
            return self.at(path)[:count]

    def at(self, path: str) -> list[Request]:
        return [one for one in self.requests if one.path == path]

    def take(self, request: Request) -> int:
        with self.came:
            self.requests.append(request)
            self.came.notify_all()
        if request.path == "/slow":
            self.release.wait(WAIT_SECONDS)
        return {"/broken": 500, "/moved": 307}.get(request.path, self.status)


def resolve(name: str) -> list[str]:
    """`HOST` is on the loopback; others are as their names say."""
    return {
        HOST: ["127.0.0.1"],
        "metadata.test": ["169.254.169.254"],
        "mixed.test": ["127.0.0.1", "10.0.0.1"],
    }.get(name, [])


@contextmanager
def running_endpoint(folder: Path, *, plain: bool = False) -> Iterator[Endpoint]:
    """One that serves until the block ends; `plain` without TLS."""
    ca_file, certificate = make_certificates(folder)
    server = _Server(("127.0.0.1", 0), _Handler)
    if not plain:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.endpoint = Endpoint(server.server_address[1], ssl.create_default_context(cafile=ca_file), ca_file)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.endpoint
    finally:
        server.endpoint.release.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


def make_certificates(folder: Path) -> tuple[Path, Path]:
    """An authority's certificate, and one of `HOST` with its key, as PEM files."""
    folder.mkdir(parents=True, exist_ok=True)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("Authority", ca_key, None, ca_key)
    own = _certificate(HOST, key, ca, ca_key)
    ca_file, own_file = folder / "ca.pem", folder / "own.pem"
    ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    own_file.write_bytes(private + own.public_bytes(serialization.Encoding.PEM))
    return ca_file, own_file


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Certificate | None, signer: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if issuer is not None:
        built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return built.sign(signer, hashes.SHA256())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    endpoint: Endpoint

    def handle_error(self, *_: object) -> None:
        """Clients hang up as they please, or believe other authorities."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status = self.server.endpoint.take(Request(self.path, headers, body))
        answer = bytes(5_000_000) if self.path == "/big" else b"ok"
        with suppress(OSError):
            self.send_response(status)
            if status == 307:
                self.send_header("Location", "/hook")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass
