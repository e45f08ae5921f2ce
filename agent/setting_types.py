"""What settings are made of: the section of the configuration file that each stands in, and lists with commas."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from eth_utils import is_hex_address, to_checksum_address
from pydantic import AfterValidator, BeforeValidator, TypeAdapter, ValidationError
from pydantic_settings import NoDecode

from marketplace.protocol.images import Registry
from marketplace.protocol.network import Pattern

MOST_NAMES, LONGEST_NAME = 16, 64
_RAY_ADDRESS = re.compile(r"(ray://)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}", re.ASCII)
_REGISTRY: TypeAdapter[str] = TypeAdapter(Registry)
_PATTERN: TypeAdapter[str] = TypeAdapter(Pattern)


@dataclass(frozen=True, slots=True)
class Section:
    """Marks a setting with its place in `config.toml`. One without this mark stands in `[limits]`."""

    name: str
    """Empty: it stands above all sections."""
    is_in_file: bool = True
    """False for what a file that is shown around must not hold."""


TOP, ORCHESTRATOR, PRICING, LIMITS, RULES = map(Section, ("", "orchestrator", "pricing", "limits", "rules"))
UPDATES = Section("updates")
SECRET = Section("orchestrator", is_in_file=False)


def section_of(metadata: list[Any]) -> Section:
    """The section that a field's annotation names."""
    return next((each for each in metadata if isinstance(each, Section)), LIMITS)


def _split(given: Any) -> Any:
    """A variable has commas between, a file a list."""
    if not isinstance(given, str):
        return tuple(given) if isinstance(given, list) else given
    return tuple(name.strip() for name in given.split(",") if name.strip())


def _few_and_short(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(names) > MOST_NAMES or any(len(name) > LONGEST_NAME for name in names):
        raise ValueError(f"at most {MOST_NAMES} names of {LONGEST_NAME} characters, commas between")
    return names


def _checksummed(addresses: tuple[str, ...]) -> tuple[str, ...]:
    wrong = [each for each in addresses if not is_hex_address(each)]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is not an account's address: 0x and 40 hexadecimal digits")
    return tuple(map(to_checksum_address, addresses))


def _hosts(names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(_REGISTRY.validate_python(name) for name in names)
    except ValueError as error:
        expected = "a host in lower case, with a port where names of images have one, such as registry.example.org"
        raise ValueError(f"{', '.join(names)!r}: expected {expected}") from error


def _patterns(names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(_PATTERN.validate_python(name) for name in names)
    except ValidationError as error:
        raise ValueError(error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")) from error


def _ray_address(address: str) -> str:
    if address and _RAY_ADDRESS.fullmatch(address) is None:
        raise ValueError(
            f"{address!r}: expected ray://HOST:PORT, or HOST:PORT of the head from a machine of the cluster"
        )
    return address


COMMAS = BeforeValidator(_split)
"""Marks a setting that is a list: with commas between as a variable."""
Names = Annotated[tuple[str, ...], NoDecode, COMMAS, AfterValidator(_few_and_short)]
"""A few short names."""
Registries = Annotated[Names, AfterValidator(_hosts)]
"""Registries of container images, as the names of images begin."""
NetworkHosts = Annotated[Names, AfterValidator(_patterns)]
"""Hosts that jobs may reach."""
RayAddress = Annotated[str, AfterValidator(_ray_address)]
"""Where a Ray cluster is. None of the words by which Ray's library would start one of its own, or guess."""
Accounts = Annotated[tuple[str, ...], NoDecode, COMMAS, AfterValidator(_checksummed)]
"""Addresses, as EIP-55 writes them."""
UserPath = Annotated[Path, AfterValidator(Path.expanduser)]
"""A path that may begin with `~`."""
