"""A daemon's certificate: asked of the market with its key, renewed before it ends, kept beside the journal.

The certificate's key is a new one each time, and never leaves this machine.
"""

import base64
import os
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import httpx
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from eth_account.signers.local import LocalAccount

from agent.daemon import Step
from marketplace.client import MarketClient
from marketplace.errors import AgentError, MarketError, NotFound
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.svid import CertificateRequest

log = structlog.get_logger("agent")
IDENTITY, ROOTS = "svid.pem", "market-roots.pem"
LOOK_SECONDS = 60
"""A market that gives none is asked so often whether it does now."""


@dataclass(frozen=True, slots=True)
class Subject:
    """In whose name a daemon asks."""

    account: LocalAccount
    owner: str
    """The provider whose agent it is; an oracle's own address."""
    kind: int
    """As `CertificateRequest.kind`."""


def open_context(data: Path, *, with_identity: bool = True) -> ssl.SSLContext:
    """What a daemon connects with: the usual roots (`SSL_CERT_FILE` or the public ones), those that the market has told
    of, and the certificate that it has, if any. Raises AgentError where a file cannot be read."""
    context = httpx.create_ssl_context()
    try:
        if (data / ROOTS).exists():
            context.load_verify_locations(cafile=str(data / ROOTS))
        if with_identity and (data / IDENTITY).exists():
            context.load_cert_chain(data / IDENTITY)
    except OSError as error:
        raise AgentError(
            f"{data / IDENTITY} or {data / ROOTS} is damaged: {error}.",
            hint="Delete both: the daemon asks the market for new ones.",
        ) from error
    return context


class Identity:
    """Keeps a certificate in force: one step of a daemon."""

    def __init__(
        self,
        *,
        client: MarketClient,
        open_bare: Callable[[], MarketClient],
        domain: Domain,
        subject: Subject,
        data: Path,
        now: Callable[[], int] = lambda: int(time.time()),
    ) -> None:
        """`open_bare` opens a connection without a certificate: an expired one would end every other."""
        self._client, self._domain, self._subject, self._data = client, domain, subject, data
        self._open_bare, self._now, self._due = open_bare, now, 0
        if (data / IDENTITY).exists():
            self._due = _renew_at(x509.load_pem_x509_certificate((data / IDENTITY).read_bytes()))

    def keep(self) -> None:
        """Ask for a certificate where there is none, or half of its life is over. Raises as the client."""
        if self._now() < self._due:
            return
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            given = self._ask(key)
        except NotFound:  # this market has no authority
            self._due = self._now() + LOOK_SECONDS
            return
        chain = given["certificate"].encode()
        _replace(self._data / ROOTS, given["bundle"].encode())
        _replace(self._data / IDENTITY, _key_pem(key) + chain)
        self._due = _renew_at(x509.load_pem_x509_certificate(chain))
        self._client.reconnect()
        log.info("certificate renewed", id=given["id"], expires_at=given["expiresAt"])

    def _ask(self, key: ec.EllipticCurvePrivateKey) -> dict:
        address = self._subject.account.address
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
        built = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
        csr = built.public_bytes(serialization.Encoding.DER)
        request = CertificateRequest(
            subject=address,
            owner=self._subject.owner,
            kind=self._subject.kind,
            csr_digest="0x" + sha256(csr).hexdigest(),
            sent_at=self._now(),
        )
        signature = request.sign(self._domain, self._subject.account.key)
        with self._open_bare() as bare:
            return bare.ask_certificate(request, signature, base64.b64encode(csr).decode())


def keep_identity(client: MarketClient, domain: Domain, subject: Subject, data: Path) -> list[Step]:
    """The step that keeps a daemon's certificate in force, taken once by now; none without TLS."""
    if not client.base_url.startswith("https://"):
        return []
    bare = partial(MarketClient, client.base_url, context=partial(open_context, data, with_identity=False))
    identity = Identity(client=client, open_bare=bare, domain=domain, subject=subject, data=data)
    try:
        identity.keep()
    except MarketError as error:
        log.warning("no certificate yet", error=str(error), code=error.code)
    return [identity.keep]


def _renew_at(certificate: x509.Certificate) -> int:
    begins_at, ends_at = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
    return int((begins_at + ends_at) / 2)


def _replace(path: Path, data: bytes) -> None:
    """All of it or nothing, for its owner alone."""
    aside = path.with_suffix(".new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    aside.replace(path)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
