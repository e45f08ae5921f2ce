"""Makes the files of a certificate authority: a root that stays offline, and the issuer that a market works with.

Certificates are as RFC 5280 and the SPIFFE X.509-SVID standard (sections 2 to 4) want them; keys are ECDSA P-256.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from marketplace.domain.spiffe import require_trust_domain
from marketplace.errors import ConflictError, SettingsError

ROOT_KEY, ROOT = "root.key", "root.pem"
ISSUER_KEY, ISSUERS, BUNDLE, DENIED = "issuer.key", "issuers.pem", "bundle.pem", "denied"
SERVER_KEY, SERVER = "server.key", "server.pem"
SKEW = timedelta(minutes=1)
"""By how much a certificate begins before it is made: clocks differ."""

Key = ec.EllipticCurvePrivateKey


def make_root(folder: Path, trust_domain: str, days: int) -> x509.Certificate:
    """A root in a new place. Raises ConflictError where there is one, MalformedMessage."""
    require_trust_domain(trust_domain)
    _require_new(folder, ROOT_KEY, ROOT)
    key = ec.generate_private_key(ec.SECP256R1())
    name = f"spiffe://{trust_domain}"
    root = _ca_builder(f"{trust_domain} root", name, key.public_key(), days, 1)
    signed = sign(root, key.public_key(), x509.Name(_common(f"{trust_domain} root")), key)
    _write(folder / ROOT_KEY, _key_pem(key))
    _write(folder / ROOT, _pem(signed))
    return signed


def make_issuer(root: Path, folder: Path, days: int, previous: Path | None = None) -> x509.Certificate:
    """An issuer below a root, in a new place; of `previous` it goes on believing roots and issuers.

    Raises ConflictError where there is one, SettingsError where files are missing or of another trust domain.
    """
    _require_new(folder, ISSUER_KEY, ISSUERS, BUNDLE)
    root_key, (above, *_) = read_key(root / ROOT_KEY), read_certificates(root / ROOT)
    domain = trust_domain_of(above)
    roots, issuers = [above], list[x509.Certificate]()
    if previous is not None:
        issuers = read_certificates(previous / ISSUERS)
        if trust_domain_of(issuers[0]) != domain:
            raise SettingsError(f"{previous} is of the trust domain {trust_domain_of(issuers[0])}, {root} of {domain}.")
        roots += [one for one in read_certificates(previous / BUNDLE) if one != above]
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _ca_builder(f"{domain} issuer", f"spiffe://{domain}", key.public_key(), days, 0)
    signed = sign(builder, root_key.public_key(), above.subject, root_key)
    _write(folder / ISSUER_KEY, _key_pem(key))
    _write(folder / ISSUERS, _pem(signed, *issuers))
    _write(folder / BUNDLE, _pem(*roots))
    return signed


def make_server(issuer: Path, folder: Path, host: str, days: int) -> x509.Certificate:
    """A certificate for the market's own address, below its issuer. Raises ConflictError, SettingsError."""
    _require_new(folder, SERVER_KEY, SERVER)
    issuer_key, (above, *_) = read_key(issuer / ISSUER_KEY), read_certificates(issuer / ISSUERS)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = leaf_builder(host, [_host_name(host)], key.public_key(), [ExtendedKeyUsageOID.SERVER_AUTH])
    now = datetime.now(UTC)
    builder = builder.not_valid_before(now - SKEW).not_valid_after(now + timedelta(days=days))
    signed = sign(builder, issuer_key.public_key(), above.subject, issuer_key)
    _write(folder / SERVER_KEY, _key_pem(key))
    _write(folder / SERVER, _pem(signed, above))
    return signed


def trust_root(folder: Path, root: Path) -> int:
    """Have an issuer's bundle name another root as well; how many it names then. Raises SettingsError."""
    roots = read_certificates(folder / BUNDLE)
    (added, *_) = read_certificates(root)
    if trust_domain_of(added) != trust_domain_of(roots[0]):
        raise SettingsError(f"{root} is of the trust domain {trust_domain_of(added)}, {folder} of another.")
    if added not in roots:
        roots.append(added)
        aside = folder / f"{BUNDLE}.new"
        aside.unlink(missing_ok=True)
        _write(aside, _pem(*roots))
        aside.replace(folder / BUNDLE)
    return len(roots)


def leaf_builder(
    common: str, names: Sequence[x509.GeneralName], public: ec.EllipticCurvePublicKey, purposes: Sequence
) -> x509.CertificateBuilder:
    """What all leaves have in common; who signs, and from when to when, is still to be said."""
    builder = x509.CertificateBuilder().subject_name(x509.Name(_common(common))).public_key(public)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(is_ca=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return builder.add_extension(x509.SubjectAlternativeName(names), critical=False)


def sign(
    builder: x509.CertificateBuilder, above: ec.EllipticCurvePublicKey, issuer: x509.Name, key: Key
) -> x509.Certificate:
    """The certificate, with the identifier of the key that signed."""
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(above)
    return builder.issuer_name(issuer).add_extension(identifier, critical=False).sign(key, hashes.SHA256())


def read_certificates(path: Path) -> list[x509.Certificate]:
    """All of a PEM file. Raises SettingsError."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} has no certificates: {error}.", hint="`hive ca` makes them.") from error


def read_key(path: Path) -> Key:
    """Raises SettingsError where it is no ECDSA key."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(f"{path} has no key: {error}.", hint="`hive ca` makes it.") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise SettingsError(f"{path} has another kind of key than ECDSA.", hint="`hive ca` makes one.")
    return key


def uris_of(certificate: x509.Certificate) -> list[str]:
    """The URIs among its alternative names."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.UniformResourceIdentifier)


def trust_domain_of(authority: x509.Certificate) -> str:
    """Of a root or issuer that `hive ca` made. Raises SettingsError for others."""
    uris = uris_of(authority)
    if len(uris) != 1 or not uris[0].startswith("spiffe://"):
        raise SettingsError("The certificate of the authority names no trust domain.", hint="`hive ca` makes one.")
    return require_trust_domain(uris[0].removeprefix("spiffe://"))


def _ca_builder(
    common: str, uri: str, public: ec.EllipticCurvePublicKey, days: int, below: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(x509.Name(_common(common))).public_key(public)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - SKEW).not_valid_after(now + timedelta(days=days))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=below), critical=True)
    builder = builder.add_extension(_usage(is_ca=True), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    return builder.add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=False)


def _usage(*, is_ca: bool) -> x509.KeyUsage:
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only")
    off = dict.fromkeys((*others, "decipher_only"), False)
    return x509.KeyUsage(digital_signature=not is_ca, key_cert_sign=is_ca, crl_sign=is_ca, **off)


def _host_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _common(name: str) -> list[x509.NameAttribute]:
    return [x509.NameAttribute(NameOID.COMMON_NAME, name[:64])]


def _require_new(folder: Path, *names: str) -> None:
    present = [name for name in names if (folder / name).exists()]
    if present:
        raise ConflictError(
            f"{folder} has {present[0]} already; no key is ever overwritten.",
            hint="Name a new folder.",
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def _write(path: Path, data: bytes) -> None:
    """For its owner alone, and only where there is no such file."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)


def _pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def _key_pem(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
