"""`ports.Authority` over the files of `hive ca issuer`: gives X.509-SVIDs, and verifies those of connections."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from marketplace.adapters.authority_files import (
    BUNDLE,
    DENIED,
    ISSUER_KEY,
    ISSUERS,
    SKEW,
    leaf_builder,
    read_certificates,
    read_key,
    sign,
    trust_domain_of,
    uris_of,
)
from marketplace.domain.spiffe import SpiffeId
from marketplace.errors import MalformedMessage, MarketError, SettingsError, Unauthorized
from marketplace.ports.authority import Issued

MOST_KNOWN = 10_000
"""Verified certificates that are known again without another look at their chain."""
PURPOSES = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH)


class FileAuthority:
    """The issuer of one folder. Safe to share between threads."""

    def __init__(self, folder: Path, *, seconds: int, is_required: bool) -> None:
        """`seconds` is the life of what it gives. Raises SettingsError where files are missing or do not belong."""
        self._folder, self._seconds, self.is_required = folder, seconds, is_required
        self._key, self._issuers = read_key(folder / ISSUER_KEY), read_certificates(folder / ISSUERS)
        self._roots = read_certificates(folder / BUNDLE)
        self.trust_domain = trust_domain_of(self._issuers[0])
        if self._key.public_key() != self._issuers[0].public_key():
            raise SettingsError(f"{folder / ISSUER_KEY} is not the key of the first certificate in {ISSUERS}.")
        self._verify = lru_cache(MOST_KNOWN)(self._verify_chain)

    @property
    def bundle(self) -> str:
        """The roots in force, PEM."""
        return _pem(*self._roots)

    def issue(self, csr: bytes, name: SpiffeId, now: int) -> Issued:
        """Raises MalformedMessage where the request is none, or is not signed with its own ECDSA P-256 key."""
        try:
            request = x509.load_der_x509_csr(csr)
            is_proven, public = request.is_signature_valid, request.public_key()
        except ValueError as error:
            raise MalformedMessage("csr", f"is no PKCS #10 request in DER: {error}") from error
        if not is_proven:
            raise MalformedMessage("csr", "is not signed with the key that it names")
        if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
            raise MalformedMessage("csr", "expected an ECDSA key on P-256")
        issuer, begin = self._issuers[0], datetime.fromtimestamp(now, UTC)
        end = min(begin + timedelta(seconds=self._seconds), issuer.not_valid_after_utc)
        if end <= begin:
            raise SettingsError("The market's issuer has expired.", hint="Make a new one: `hive ca issuer`.")
        # Of the request nothing but the key is taken: names are the market's to say.
        builder = leaf_builder(name.address, [x509.UniformResourceIdentifier(str(name))], public, PURPOSES)
        builder = builder.not_valid_before(begin - SKEW).not_valid_after(end)
        leaf = sign(builder, self._key.public_key(), issuer.subject, self._key)
        return Issued(_pem(leaf, issuer), int(end.timestamp()))

    def identify(self, certificate: bytes, now: int) -> SpiffeId:
        """Raises Unauthorized unless it is an X.509-SVID below one of the roots, in force now."""
        name, begins_at, ends_at = self._verify(certificate, now // 60)
        if not begins_at <= now < ends_at:
            raise _refused("it is not in force: it has expired, or begins later")
        return name

    def is_denied(self, address: str) -> bool:
        """Whether the file `denied` of the folder has this address on a line; it is read each time."""
        try:
            lines = (self._folder / DENIED).read_text().lower().splitlines()
        except FileNotFoundError:
            return False
        return address.lower() in (line.strip() for line in lines)

    def _verify_chain(self, certificate: bytes, minute: int) -> tuple[SpiffeId, float, float]:
        try:
            leaf = x509.load_der_x509_certificate(certificate)
            policy = PolicyBuilder().store(Store(self._roots)).time(_within(leaf, minute))
            chain = policy.build_client_verifier().verify(leaf, self._issuers).chain
            uris = uris_of(leaf)
        except (VerificationError, ValueError, x509.DuplicateExtension) as error:
            raise _refused(str(error).rstrip(".")) from error
        if len(uris) != 1:
            raise _refused(f"it has {len(uris)} URIs among its names, expected one SPIFFE ID")
        try:
            name = SpiffeId.parse(uris[0])
        except MarketError as error:
            raise _refused(str(error).rstrip(".")) from error
        if name.trust_domain != self.trust_domain:
            raise _refused(f"it is of the trust domain {name.trust_domain}, expected {self.trust_domain}")
        begins_at = max(one.not_valid_before_utc.timestamp() for one in chain)
        return name, begins_at, min(one.not_valid_after_utc.timestamp() for one in chain)


def _within(leaf: x509.Certificate, minute: int) -> datetime:
    """The time of a look at the chain: that minute, or the part of it in which the leaf is in force.

    To the second its life is compared by `identify`, at every request.
    """
    start = datetime.fromtimestamp(minute * 60, UTC)
    end = start + timedelta(seconds=59)
    if leaf.not_valid_before_utc > end or leaf.not_valid_after_utc < start:
        return start
    return max(start, leaf.not_valid_before_utc)


def _refused(why: str) -> Unauthorized:
    return Unauthorized(
        f"The connection's certificate is not good: {why}.",
        hint="Ask this market for a new one: POST /api/v1/certificates.",
    )


def _pem(*certificates: x509.Certificate) -> str:
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in certificates)
