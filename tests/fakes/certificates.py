"""An authority on disk, and what nodes, oracles and liars ask of it."""

import datetime
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from marketplace.adapters.authority import PURPOSES
from marketplace.adapters.authority_files import (
    ISSUER_KEY,
    ISSUERS,
    leaf_builder,
    make_issuer,
    make_root,
    make_server,
    read_certificates,
    read_key,
    sign,
)

DOMAIN_NAME = "market.example"
MINUTE = datetime.timedelta(minutes=1)


class Ca:
    """`hive ca` with names of its own: `root`, `issuer`, `server` are its folders."""

    def __init__(self, folder: Path, domain: str = DOMAIN_NAME) -> None:
        self.domain, self.root, self.issuer, self.server = domain, folder / "root", folder / "ca", folder / "server"
        make_root(self.root, domain, 10)
        make_issuer(self.root, self.issuer, 5)
        make_server(self.issuer, self.server, "127.0.0.1", 1)

    def leaf(self, *uris: str, begin=-MINUTE, end=10 * MINUTE, purposes=PURPOSES) -> tuple[bytes, bytes]:
        """A certificate that this authority signs, whatever is in it, and its key: both PEM."""
        key, (above, *_) = ec.generate_private_key(ec.SECP256R1()), read_certificates(self.issuer / ISSUERS)
        names = [x509.UniformResourceIdentifier(each) for each in uris]
        now = datetime.datetime.now(datetime.UTC)
        builder = leaf_builder("leaf", names, key.public_key(), purposes)
        builder = builder.not_valid_before(now + begin).not_valid_after(now + end)
        signed = sign(builder, above.public_key(), above.subject, read_key(self.issuer / ISSUER_KEY))
        return pem(signed) + pem(above), key_pem(key)


def new_request() -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    """A key and its signing request, DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "anything")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return key, request.public_bytes(serialization.Encoding.DER)


def context_with(folder: Path, roots: Path, chain: bytes = b"", key: bytes = b"") -> ssl.SSLContext:
    """What a client connects with."""
    context = ssl.create_default_context(cafile=str(roots))
    if chain:
        path = folder / "client.pem"
        path.write_bytes(key + chain)
        context.load_cert_chain(path)
    return context


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
