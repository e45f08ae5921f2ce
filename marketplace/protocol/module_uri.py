"""`chain://name[@version]`: names and versions of modules, and which names look alike.

    chain://word-count            the latest version that is not deprecated
    chain://word-count@1.4.0      this version, whose bytes never change

Nothing is folded or repaired: a name has one spelling. The contract (`contracts/libraries/ModuleNameLib.sol`) accepts
the same names and computes the same skeletons; a test holds both equal.
"""

import re
from dataclasses import dataclass
from typing import Self

from marketplace.errors import MalformedMessage
from marketplace.protocol.units import UINT64_MAX

SCHEME = "chain://"
MIN_NAME_LENGTH, MAX_NAME_LENGTH = 3, 32
_NUMBER = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_PROTOTYPES = str.maketrans({"-": "", "0": "o", "1": "l", "i": "l", "2": "z", "5": "s", "8": "b", "m": "rn", "w": "vv"})
"""What each character looks like; the others look like themselves. After Unicode TS #39, for the alphabet of names."""


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """`major.minor.patch`, each 64 bits; ordered by major, then minor, then patch. 0.0.0 is no version."""

    major: int
    minor: int
    patch: int

    def __post_init__(self) -> None:
        for part in self.as_tuple():
            if not 0 <= part <= UINT64_MAX:
                raise MalformedMessage("version", f"{part} is not a number from 0 to {UINT64_MAX}")
        if self.as_tuple() == (0, 0, 0):
            raise MalformedMessage("version", "0.0.0 is no version; versions begin with 0.0.1")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The version in a text such as `1.4.0`. Raises MalformedMessage."""
        parts = text.split(".")
        if len(parts) != 3 or not all(_NUMBER.fullmatch(part) for part in parts):
            raise MalformedMessage(
                "version",
                f"{text!r} is not major.minor.patch: three decimal numbers without leading zeros, nothing else",
            )
        if max(map(len, parts)) > len(str(UINT64_MAX)):  # Python refuses to read numbers of thousands of digits
            raise MalformedMessage("version", f"{text[:40]}… has a number above {UINT64_MAX}")
        return cls(*map(int, parts))

    def as_tuple(self) -> tuple[int, int, int]:
        """As the contract takes it."""
        return (self.major, self.minor, self.patch)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True, slots=True)
class ModuleUri:
    """A name, and one version of it or (None) the latest."""

    name: str
    version: Version | None = None

    def __post_init__(self) -> None:
        validate_name(self.name)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The name and version in `chain://name[@version]`. Raises MalformedMessage saying what is wrong with it."""
        if not text.startswith(SCHEME):
            raise MalformedMessage("module", f"{text!r} does not begin with {SCHEME}", text=text)
        name, at, version = text.removeprefix(SCHEME).partition("@")
        return cls(name, Version.parse(version) if at else None)

    def __str__(self) -> str:
        return f"{SCHEME}{self.name}" + (f"@{self.version}" if self.version is not None else "")


def validate_name(name: str) -> None:
    """Raises MalformedMessage unless the registry would take this name."""
    length = len(name.encode(errors="surrogatepass"))
    if not MIN_NAME_LENGTH <= length <= MAX_NAME_LENGTH:
        raise MalformedMessage(
            "name", f"{name[:40]!r} has {length} bytes; a name has {MIN_NAME_LENGTH} to {MAX_NAME_LENGTH}"
        )
    for index, character in enumerate(name):
        if character == "-":
            if index in (0, len(name) - 1) or name[index - 1] == "-":
                raise MalformedMessage("name", f"{name!r}: hyphens stand alone and inside (character {index + 1})")
        elif character not in _ALPHABET:
            raise MalformedMessage(
                "name", f"{name!r}: {character!r} (character {index + 1}) is not one of a-z, 0-9 and hyphen"
            )


def compute_skeleton(name: str) -> str:
    """What a name looks like: two names with the same skeleton cannot both be registered. Raises MalformedMessage."""
    validate_name(name)
    return name.translate(_PROTOTYPES)


def compute_name_id(name: str) -> str:
    """The name as it stands in the registry's events: ASCII, padded to 32 bytes, 0x-hex. Raises MalformedMessage."""
    validate_name(name)
    return "0x" + name.encode("ascii").ljust(32, b"\0").hex()


def read_name_id(name_id: str) -> str:
    """The name that `compute_name_id` took. Raises MalformedMessage."""
    try:
        name = bytes.fromhex(name_id.removeprefix("0x")).rstrip(b"\0").decode("ascii")
    except ValueError as error:
        raise MalformedMessage("nameId", f"{name_id!r} is not a name's bytes") from error
    validate_name(name)
    return name
