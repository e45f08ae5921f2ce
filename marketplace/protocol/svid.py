"""What a node or an oracle signs to be given a certificate. Never goes on chain."""

from typing import ClassVar

from marketplace.protocol.eip712 import Address, Bytes32, TypedMessage, Uint8, Uint64

NODE, ORACLE = 1, 2
"""Kinds of workloads, as a request names them."""


class CertificateRequest(TypedMessage):
    """The word of an agent's or oracle's key that the key of a certificate signing request is its own as well.

    The request itself (PKCS #10, RFC 2986) proves that who made it has the certificate's key.
    """

    signer_field: ClassVar[str] = "subject"

    subject: Address
    """The agent or oracle that the certificate is to name."""
    owner: Address
    """The provider whose agent it is; an oracle's own address."""
    kind: Uint8
    """1 a node, 2 an oracle."""
    csr_digest: Bytes32
    """SHA-256 of the request's DER."""
    sent_at: Uint64
    """Unix seconds."""
