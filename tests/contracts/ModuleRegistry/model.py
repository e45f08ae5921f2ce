"""The registry again, in plain Python, twice: what each call must do, and what its events alone tell.

`Model` is written from the interface's manual, not from the contract's code. `Index` is what a dApp would build that
reads nothing but logs and the timestamps of their blocks. Both must agree with the contract's views.
"""

from dataclasses import dataclass, field
from typing import Any

from marketplace.errors import MalformedMessage
from marketplace.protocol.module_uri import compute_skeleton, read_name_id, validate_name
from tests.contracts.ModuleRegistry.words import LONGEST_TEXT, NO_VERSION, NOBODY, NOTHING


class Refused(Exception):
    """The call must revert with this custom error and these values."""


@dataclass
class Release:
    """A published version."""

    digest: str
    metadata_digest: str
    publisher: str
    published_at: int
    metadata_uri: str
    deprecated: bool = False
    warning: str = ""

    def as_seen(self, version: tuple) -> tuple:
        """As the registry's views show it."""
        fixed = (version, self.digest, self.metadata_digest, self.publisher, self.published_at)
        return (*fixed, self.deprecated, self.metadata_uri, self.warning)


@dataclass
class Module:
    """A name; its releases in order of publication."""

    owner: str
    claimed_at: int
    pending: str = NOBODY
    deprecated: bool = False
    warning: str = ""
    releases: dict[tuple, Release] = field(default_factory=dict)

    @property
    def latest(self) -> tuple:
        return max((version for version, each in self.releases.items() if not each.deprecated), default=NO_VERSION)

    def as_seen(self, name: str) -> tuple:
        """As the registry's views show it."""
        owners = (name, self.owner, self.pending, self.claimed_at)
        return (*owners, self.deprecated, len(self.releases), self.latest, self.warning)


@dataclass
class State:
    """All names, in order of claiming."""

    modules: dict[str, Module] = field(default_factory=dict)

    def as_seen(self) -> tuple:
        """Every name, and every release of each, as the registry's views show them."""
        names = tuple(module.as_seen(name) for name, module in self.modules.items())
        return names, {
            name: tuple(each.as_seen(version) for version, each in module.releases.items())
            for name, module in self.modules.items()
        }


class Model(State):
    """What each call must do. Every method changes the state, or raises `Refused` and leaves it as it was."""

    def publish(self, now: int, caller: str, name: str, version: tuple, digest: str, metadata: str, uri: str) -> None:
        require_name(name)
        module = self.modules.get(name)
        if module is None:
            for taken in self.modules:
                refuse_if(compute_skeleton(taken) == compute_skeleton(name), "NameLooksTaken", name, taken)
            module = Module(caller, now)
        refuse_if(module.owner != caller, "NotNameOwner", caller, module.owner)
        refuse_if(module.deprecated, "NameIsDeprecated", name)
        refuse_if(version == NO_VERSION, "VersionIsZero")
        refuse_if(version in module.releases, "VersionExists", name, *version)
        refuse_if(digest == NOTHING, "DigestIsZero")
        require_text(uri)
        self.modules[name] = module
        module.releases[version] = Release(digest, metadata, caller, now, uri)

    def deprecate(self, now: int, caller: str, name: str, version: tuple, warning: str) -> None:
        module = self.own(caller, name)
        require_warning(warning)
        release = module.releases.get(version)
        refuse_if(release is None, "UnknownVersion", name, *version)
        release.deprecated, release.warning = True, warning

    def deprecateName(self, now: int, caller: str, name: str, warning: str) -> None:
        module = self.own(caller, name)
        require_warning(warning)
        module.deprecated, module.warning = True, warning

    def restoreName(self, now: int, caller: str, name: str) -> None:
        module = self.own(caller, name)
        refuse_if(not module.deprecated, "NameNotDeprecated", name)
        module.deprecated, module.warning = False, ""

    def transferName(self, now: int, caller: str, name: str, to: str) -> None:
        self.own(caller, name).pending = to

    def acceptName(self, now: int, caller: str, name: str) -> None:
        module = self.find(name)
        refuse_if(module.pending != caller, "NotPendingNameOwner", caller, module.pending)
        module.owner, module.pending = caller, NOBODY

    def find(self, name: str) -> Module:
        require_name(name)
        refuse_if(name not in self.modules, "UnknownName", name)
        return self.modules[name]

    def own(self, caller: str, name: str) -> Module:
        module = self.find(name)
        refuse_if(module.owner != caller, "NotNameOwner", caller, module.owner)
        return module


class Index(State):
    """What events alone tell: one method an event, applied in the order of the logs."""

    def apply(self, event: str, timestamp: int, values: dict[str, Any]) -> None:
        name = read_name_id(values.pop("nameId"))
        getattr(self, f"on_{event}")(timestamp, name, *values.values())

    def on_NameClaimed(self, timestamp: int, name: str, owner: str, text: str) -> None:
        assert name == text and name not in self.modules
        self.modules[name] = Module(owner, timestamp)

    def on_ReleasePublished(self, timestamp, name, digest, publisher, major, minor, patch, metadata, uri) -> None:
        release = Release(digest, metadata, publisher, timestamp, uri)
        assert self.modules[name].releases.setdefault((major, minor, patch), release) is release

    def on_ReleaseDeprecated(self, _: int, name: str, major: int, minor: int, patch: int, warning: str) -> None:
        release = self.modules[name].releases[(major, minor, patch)]
        release.deprecated, release.warning = True, warning

    def on_NameDeprecated(self, _: int, name: str, warning: str) -> None:
        self.modules[name].deprecated, self.modules[name].warning = True, warning

    def on_NameRestored(self, _: int, name: str) -> None:
        self.modules[name].deprecated, self.modules[name].warning = False, ""

    def on_NameOffered(self, _: int, name: str, owner: str, pending: str) -> None:
        assert self.modules[name].owner == owner
        self.modules[name].pending = pending

    def on_NameTransferred(self, _: int, name: str, previous: str, owner: str) -> None:
        assert self.modules[name].owner == previous
        self.modules[name].owner, self.modules[name].pending = owner, NOBODY


def refuse_if(condition: bool, error: str, *values: Any) -> None:
    """Raises Refused if the condition holds."""
    if condition:
        raise Refused(error, *values)


def require_name(name: str) -> None:
    """As Python's side judges names; test_names.py holds it equal to the contract's."""
    try:
        validate_name(name)
    except MalformedMessage as error:
        raise Refused("NameLength" if not 3 <= len(name) <= 32 else "NameCharacter") from error


def require_text(text: str) -> None:
    refuse_if(len(text) > LONGEST_TEXT, "TextTooLong", len(text), LONGEST_TEXT)
    for index, character in enumerate(text.encode()):
        refuse_if(not 0x20 <= character <= 0x7E, "TextCharacter", index, bytes([character]))


def require_warning(text: str) -> None:
    refuse_if(not text, "WarningIsEmpty")
    require_text(text)
