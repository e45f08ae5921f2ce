"""Quotes as Intel's would be, under a root certificate that a test made: what a real machine cannot be asked for here.

A real quote of `tests/data/tee` is the template: its header, measurements, TCB levels and certificate extensions stay;
report data and dates are a test's, and all is signed anew, from the root down. So `dcap-qvl` verifies what it always
does, but for the root.
"""

import hashlib
import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

DATA = Path(__file__).resolve().parents[2] / "data" / "tee"
SGX, TDX, OLD_TDX = "sgx_quote", "tdx_quote", "tdx_quote_outdated"
SAMPLED_AT, OLD_SAMPLED_AT = 1_750_377_600, 1_771_588_800
"""2025-06-20 and 2026-02-20, UTC: when the samples' collateral was valid."""
VALID_DAYS = 30
ECDSA = ec.ECDSA(SHA256(), deterministic_signing=True)
"""RFC 6979: the same quote has the same bytes in every run."""
HEADER_BYTES, TD_REPORT_BYTES, QE_REPORT_BYTES = 48, 584, 384
TD_ATTRIBUTES, REPORT_DATA = HEADER_BYTES + 120, HEADER_BYTES + TD_REPORT_BYTES - 64
"""Where they begin in a TDX quote of version 4 (Intel TDX DCAP Quoting Library API, appendix A.3)."""
SGX_EXTENSIONS = x509.ObjectIdentifier("1.2.840.113741.1.13.1")


def sample(name: str) -> tuple[bytes, bytes]:
    """A real quote and its collateral."""
    return (DATA / name).read_bytes(), (DATA / f"{name}_collateral.json").read_bytes()


@dataclass(frozen=True)
class Issuer:
    """A certificate and its key."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def sign(self, data: bytes) -> bytes:
        return raw_signature(self.key, data)


def raw_signature(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """`r ‖ s`, 32 bytes each."""
    return b"".join(part.to_bytes(32) for part in decode_dss_signature(key.sign(data, ECDSA)))


def raw_point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """`x ‖ y`."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]


def issue(
    number: int, issuer: Issuer | None, *, is_ca: bool, extension: x509.UnrecognizedExtension | None = None
) -> Issuer:
    """A certificate by `issuer`, or by itself; keys follow from the number, so that runs repeat."""
    key = ec.derive_private_key(1_000 + number, ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Played Platform CA {number}")])
    usage = dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
         "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False,
    ) | ({"key_cert_sign": True, "crl_sign": True} if is_ca else {"digital_signature": True})  # fmt: skip
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(number)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2049, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
    )
    if extension is not None:
        made = made.add_extension(extension, critical=False)
    return Issuer(key, made.sign(issuer.key if issuer else key, SHA256(), ecdsa_deterministic=True))


def revocations(issuer: Issuer, issued_at: datetime, revoked: tuple[int, ...] = ()) -> str:
    """The issuer's list of revoked serial numbers, as hex."""
    made = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(issued_at)
        .next_update(issued_at + timedelta(days=VALID_DAYS))
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )
    for number in revoked:
        one = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(issued_at).build()
        made = made.add_revoked_certificate(one)
    return made.sign(issuer.key, SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.DER).hex()


@cache
def sgx_extension(name: str) -> x509.UnrecognizedExtension:
    """What the certificate of a sample's processor says about it."""
    quote, _ = sample(name)
    pem = quote[quote.index(b"-----BEGIN") :].rstrip(b"\0")
    (leaf, *_) = x509.load_pem_x509_certificates(pem)
    found = leaf.extensions.get_extension_for_oid(SGX_EXTENSIONS).value
    assert isinstance(found, x509.UnrecognizedExtension)
    return found


@dataclass(frozen=True)
class PlayedProcessor:
    """A TDX machine whose certificates come from `root` instead of from Intel."""

    PCK_SERIAL = 3
    root: Issuer = field(default_factory=lambda: issue(1, None, is_ca=True))

    @property
    def root_der(self) -> bytes:
        return self.root.certificate.public_bytes(Encoding.DER)

    @property
    def _platform(self) -> Issuer:
        return issue(2, self.root, is_ca=True)

    def quote(self, report_data: bytes, *, is_debug: bool = False) -> bytes:
        """A quote over `report_data` (64 bytes)."""
        template, _ = sample(TDX)
        signed = bytearray(template[: HEADER_BYTES + TD_REPORT_BYTES])
        signed[REPORT_DATA:] = report_data
        signed[TD_ATTRIBUTES] |= is_debug
        start = len(signed) + 4 + 64 + 64 + 6
        attestation, auth = ec.derive_private_key(77, ec.SECP256R1()), bytes(32)
        qe_report = bytearray(template[start : start + QE_REPORT_BYTES])
        qe_report[-64:] = hashlib.sha256(raw_point(attestation) + auth).digest() + bytes(32)
        pck = issue(self.PCK_SERIAL, self._platform, is_ca=False, extension=sgx_extension(TDX))
        chain = (pck.pem + self._platform.pem + self.root.pem).encode()
        certified = bytes(qe_report) + pck.sign(bytes(qe_report)) + struct.pack("<H", len(auth)) + auth
        certified += struct.pack("<HI", 5, len(chain)) + chain
        proof = raw_signature(attestation, bytes(signed)) + raw_point(attestation)
        proof += struct.pack("<HI", 6, len(certified)) + certified
        return bytes(signed) + struct.pack("<I", len(proof)) + proof

    def collateral(self, issued_at: int, *, status: str = "UpToDate", revoked: tuple[int, ...] = ()) -> bytes:
        """Collateral valid from `issued_at` (unix seconds) for VALID_DAYS; the platform's TCB levels have `status`."""
        begins = datetime.fromtimestamp(issued_at, UTC)
        document = json.loads(sample(TDX)[1])
        signer = issue(4, self.root, is_ca=False)
        for part in ("tcb_info", "qe_identity"):
            said = json.loads(document[part])
            said["issueDate"] = begins.strftime("%Y-%m-%dT%H:%M:%SZ")
            said["nextUpdate"] = (begins + timedelta(days=VALID_DAYS)).strftime("%Y-%m-%dT%H:%M:%SZ")
            if part == "tcb_info":
                said["tcbLevels"] = [level | {"tcbStatus": status} for level in said["tcbLevels"]]
            document[part] = json.dumps(said, separators=(",", ":"))
            document[f"{part}_signature"] = signer.sign(document[part].encode()).hex()
            document[f"{part}_issuer_chain"] = signer.pem + self.root.pem
        document["pck_crl_issuer_chain"] = self._platform.pem + self.root.pem
        document["root_ca_crl"] = revocations(self.root, begins)
        document["pck_crl"] = revocations(self._platform, begins, revoked)
        return json.dumps(document).encode()
