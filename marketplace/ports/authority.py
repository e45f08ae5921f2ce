"""What the services need of a market's own certificate authority."""

from dataclasses import dataclass
from typing import Protocol

from marketplace.domain.spiffe import SpiffeId


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with those that lead to a root, PEM, and until when it is good, unix seconds."""

    chain: str
    expires_at: int


class Authority(Protocol):
    """Gives certificates to nodes and oracles, and says whose one is."""

    trust_domain: str
    is_required: bool
    """Whether nodes and oracles without a certificate are refused."""

    @property
    def bundle(self) -> str:
        """The roots in force, PEM."""
        ...

    def issue(self, csr: bytes, name: SpiffeId, now: int) -> Issued:
        """A certificate for the key of a request (DER). Raises MalformedMessage where it does not prove the key."""
        ...

    def identify(self, certificate: bytes, now: int) -> SpiffeId:
        """Whose a certificate is (DER). Raises Unauthorized unless it is one that this authority gave, and in force."""
        ...

    def is_denied(self, address: str) -> bool:
        """Whether the operator gives this one nothing any more."""
        ...
