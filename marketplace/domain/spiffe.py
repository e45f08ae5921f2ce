"""Names of nodes and oracles in certificates: SPIFFE IDs (SPIFFE-ID.md of the SPIFFE standards, section 2)."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from marketplace.errors import MalformedMessage
from marketplace.protocol.encoding import checksum

_TRUST_DOMAIN = re.compile(r"[a-z0-9._-]{1,255}")
_WORKLOAD = re.compile(r"spiffe://([a-z0-9._-]{1,255})/(node|oracle)/(0x[0-9a-fA-F]{40})")


class Workload(StrEnum):
    """Whose a certificate is."""

    NODE = "node"
    ORACLE = "oracle"


@dataclass(frozen=True, slots=True)
class SpiffeId:
    """`spiffe://<trust domain>/<node or oracle>/<address>`; the address with its checksum."""

    trust_domain: str
    workload: Workload
    address: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises MalformedMessage for another form, a query, a port or a path that goes on included."""
        found = _WORKLOAD.fullmatch(text)
        if found is None:
            raise MalformedMessage("SPIFFE ID", f"{text[:300]!r} is not spiffe://DOMAIN/node|oracle/ADDRESS")
        return cls(found[1], Workload(found[2]), checksum(found[3]))

    def __str__(self) -> str:
        return f"spiffe://{self.trust_domain}/{self.workload}/{self.address}"


def require_trust_domain(text: str) -> str:
    """The same. Raises MalformedMessage: lower-case letters, digits, dots, dashes and underscores, 255 at most."""
    if _TRUST_DOMAIN.fullmatch(text) is None:
        raise MalformedMessage("trust domain", f"{text[:300]!r} has other characters than a-z 0-9 . - _, or too many")
    return text
