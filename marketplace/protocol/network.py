"""Network that a job buys: the hosts that it may talk to, by name and port, and which of them a provider allows.

Names, never addresses: what a name stands for may change between signature and run, and who connects has to look it up
and check it anyway. In lower case, so that what a job lists and what a provider allows compare as texts; names of other
scripts in the form that DNS has them in (`xn--…`).
"""

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from marketplace.errors import InvalidManifest
from marketplace.protocol.units import BYTES_PER_MB

MAX_HOSTS = 16
DEFAULT_PORT = 443
"""The port of a provider's pattern that names none."""
ANY = "any"
"""A provider's pattern for every host."""
DESTINATION_FORM = "HOST:PORT"
_PORTS = 65_535
_LONGEST_NAME = 253
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_TOP_LABEL = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
_NAME = rf"({_LABEL}\.)+{_TOP_LABEL}"
_PORT = r"[1-9][0-9]{0,4}"
_DESTINATION = re.compile(rf"{_NAME}:{_PORT}", re.ASCII)
_PATTERN = re.compile(rf"({ANY}|(\*\.)?{_NAME})(:{_PORT})?", re.ASCII)


def _is_a_destination(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not _DESTINATION.fullmatch(text) or len(host) > _LONGEST_NAME or int(port) > _PORTS:
        raise ValueError(
            f"{text[:80]!r} is no {DESTINATION_FORM}: expected a name in lower case with a dot, no address, and a port,"
            " such as example.org:443"
        )
    return text


def _is_a_pattern(text: str) -> str:
    _, _, port = text.partition(":")
    if not _PATTERN.fullmatch(text) or int(port or DEFAULT_PORT) > _PORTS:
        raise ValueError(
            f"{text[:80]!r}: expected HOST, *.HOST or {ANY}, in lower case, with a port where it is not {DEFAULT_PORT}"
        )
    return text


def _are_different(hosts: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(hosts)) != len(hosts):
        raise ValueError("a host is listed twice")
    return hosts


Destination = Annotated[str, Field(max_length=_LONGEST_NAME + 6), AfterValidator(_is_a_destination)]
"""A host's name and a port, as they are compared."""
Pattern = Annotated[str, AfterValidator(_is_a_pattern)]
"""What a provider allows: `HOST`, `*.HOST` (names below it, not itself) or `any`, and a port where it is not 443."""


class Network(BaseModel):
    """With whom a job may talk, over connections that it begins itself. What it sends counts as egress."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    hosts: Annotated[tuple[Destination, ...], Field(min_length=1, max_length=MAX_HOSTS), AfterValidator(_are_different)]
    """Names and ports, such as `example.org:443`; no others are reached."""
    max_received_mb: Annotated[int, Field(ge=1, le=1_000_000)] = 1_000
    """The most that it may be sent, by all of them together; one byte more ends it."""

    @property
    def received_bytes(self) -> int:
        """The most that it may be sent."""
        return self.max_received_mb * BYTES_PER_MB


def find_forbidden(wanted: Iterable[str], allowed: Iterable[str]) -> list[str]:
    """The destinations among `wanted` that none of the patterns `allowed` lets a job reach."""
    patterns = tuple(allowed)
    return [each for each in wanted if not any(_is_matched(pattern, each) for pattern in patterns)]


def _is_matched(pattern: str, destination: str) -> bool:
    host, _, port = destination.rpartition(":")
    name, _, own_port = pattern.partition(":")
    if port != (own_port or str(DEFAULT_PORT)):
        return False
    if name.startswith("*."):
        return host.endswith(name[1:])
    return name in (ANY, host)


def require_egress(attested_bytes: int, manifest_bytes: int, network: Network | None) -> None:
    """Raises InvalidManifest where the attested egress cannot be that of this manifest.

    Without network it is the manifest's, byte for byte. With it, what the job sent comes on top, which nobody can
    recompute: as with another machine's time, what bounds it is what the bid reserves (`compute_metered_usage`).
    """
    if attested_bytes == manifest_bytes or (network is not None and attested_bytes > manifest_bytes):
        return
    least = "at least " if network is not None else ""
    raise InvalidManifest(
        f"The manifest lists {manifest_bytes} bytes; the attestation says {attested_bytes}, expected {least}as many."
    )
