"""The registry of modules through web3: what `chain://name[@version]` stands for, and changes to one's own names."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from web3.contract import Contract

from marketplace.adapters.chain.contracts import Contracts, load_abi
from marketplace.adapters.chain.errors import translated
from marketplace.adapters.chain.sender import ChainSender
from marketplace.errors import NotFound, Reverted, SettingsError
from marketplace.ports import TxResult
from marketplace.protocol.module_uri import ModuleUri, Version

PAGE = 50
"""Names or releases of one call: a page of the longest texts stays far below what nodes let a call cost."""
NO_DIGEST = "0x" + "00" * 32
_CONTRACT = "ModuleRegistry"
_MISSING = {
    "UnknownName": "module",
    "UnknownVersion": "module version",
    "NoLiveVersion": "live version of",
}


@dataclass(frozen=True, slots=True)
class ModuleRelease:
    """One published version of a module."""

    name: str
    version: Version
    digest: str
    """SHA-256 of the module's bytes, 0x-hex."""
    publisher: str
    published_at: int
    deprecated: bool
    """The version or its whole name."""
    warning: str
    """Why it is deprecated; its author's words, to be escaped wherever they are shown."""
    metadata_digest: str
    metadata_uri: str

    @property
    def uri(self) -> ModuleUri:
        return ModuleUri(self.name, self.version)


@dataclass(frozen=True, slots=True)
class ModuleName:
    """A name and what is known about it."""

    name: str
    owner: str
    pending_owner: str | None
    claimed_at: int
    deprecated: bool
    release_count: int
    latest: Version | None
    warning: str


def open_registry(contracts: Contracts) -> Contract:
    """The registry of a deployment. Raises SettingsError where the deployment has none."""
    address = contracts.book.contracts.get(_CONTRACT)
    if address is None:
        raise SettingsError(
            f"The deployment {contracts.book.network} has no registry of modules.",
            hint="Its address book names no ModuleRegistry.",
        )
    return contracts.web3.eth.contract(address=address, abi=load_abi(_CONTRACT))


def resolve_module(contracts: Contracts, uri: ModuleUri) -> tuple[str, str, bool]:
    """(digest, publisher, deprecated) of a module; without a version in `uri`, of the latest.

    Raises NotFound, SettingsError, ChainUnavailable.
    """
    found = ModuleReader(contracts).release(uri)
    return found.digest, found.publisher, found.deprecated


class ModuleReader:
    """Reads of one registry. Every method raises ChainUnavailable; with a name among its arguments, also NotFound."""

    def __init__(self, contracts: Contracts) -> None:
        """Raises SettingsError where the deployment has no registry."""
        self._functions = open_registry(contracts).functions

    def release(self, uri: ModuleUri) -> ModuleRelease:
        """Everything about a module; without a version in `uri`, about the latest."""
        with self._found(uri):
            version = uri.version or Version(*self._functions.latest(uri.name).call())
            module = _module(self._functions.module(uri.name).call())
            return _release(module, self._functions.release(uri.name, version.as_tuple()).call())

    def module(self, name: str) -> ModuleName:
        """A name."""
        with self._found(ModuleUri(name)):
            return _module(self._functions.module(name).call())

    def releases(self, name: str) -> list[ModuleRelease]:
        """Every release of a name, in order of publication."""
        module = self.module(name)
        with translated():
            return [_release(module, entry) for entry in _pages(self._functions.releases, name)]

    def modules(self) -> list[ModuleName]:
        """Every name, in order of claiming."""
        with translated():
            return [_module(entry) for entry in _pages(self._functions.modules)]

    def look_alike(self, name: str) -> str | None:
        """The name that stands in the way of `name`: itself, or one that looks like it. None where it is free."""
        with translated():
            return self._functions.lookAlikeOf(name).call() or None

    @contextmanager
    def _found(self, uri: ModuleUri) -> Iterator[None]:
        try:
            with translated():
                yield
        except Reverted as error:
            if error.name not in _MISSING:
                raise
            raise NotFound(_MISSING[error.name], str(uri), hint=self._hint(uri, error.name)) from error

    def _hint(self, uri: ModuleUri, problem: str) -> str:
        """What somebody who meant another module or version should know."""
        if problem == "NoLiveVersion":
            return "All its versions are deprecated; name one to use it all the same."
        if problem == "UnknownVersion":
            return f"`hive module list {uri.name}` shows its versions."
        similar = self.look_alike(uri.name)
        return f"There is {similar}, which looks like it: be sure whose it is." if similar else ""


class ModuleAccount:
    """One key and the registry. Every method waits for its receipt and raises Reverted and ChainUnavailable."""

    def __init__(self, contracts: Contracts, private_key: Any) -> None:
        self._functions = open_registry(contracts).functions
        self._sender = ChainSender(contracts, private_key)

    @property
    def address(self) -> str:
        return self._sender.address

    def publish(
        self, name: str, version: Version, digest: str, metadata_digest: str = NO_DIGEST, metadata_uri: str = ""
    ) -> TxResult:
        """Publish a version for ever; the first of a name claims it."""
        call = self._functions.publish(name, version.as_tuple(), digest, metadata_digest, metadata_uri)
        return self._sender.send_and_wait(call)

    def deprecate(self, uri: ModuleUri, warning: str) -> TxResult:
        """Warn of a version for ever, or without one in `uri` of the whole name."""
        if uri.version is None:
            return self._sender.send_and_wait(self._functions.deprecateName(uri.name, warning))
        return self._sender.send_and_wait(self._functions.deprecate(uri.name, uri.version.as_tuple(), warning))

    def restore(self, name: str) -> TxResult:
        """Lift the warning of a whole name."""
        return self._sender.send_and_wait(self._functions.restoreName(name))

    def transfer(self, name: str, to: str) -> TxResult:
        """Offer a name to another account, who must accept it."""
        return self._sender.send_and_wait(self._functions.transferName(name, to))

    def accept(self, name: str) -> TxResult:
        """Take over a name that was offered."""
        return self._sender.send_and_wait(self._functions.acceptName(name))


def _pages(view: Any, *arguments: Any) -> Iterator[Any]:
    offset = 0
    while page := view(*arguments, offset, PAGE).call():
        yield from page
        offset += len(page)


def _module(entry: Any) -> ModuleName:
    name, owner, pending, claimed_at, deprecated, count, latest, warning = entry
    return ModuleName(
        name=name,
        owner=owner,
        pending_owner=pending if int(pending, 16) else None,
        claimed_at=claimed_at,
        deprecated=deprecated,
        release_count=count,
        latest=Version(*latest) if any(latest) else None,
        warning=warning,
    )


def _release(module: ModuleName, entry: Any) -> ModuleRelease:
    version, digest, metadata_digest, publisher, published_at, deprecated, metadata_uri, warning = entry
    return ModuleRelease(
        name=module.name,
        version=Version(*version),
        digest="0x" + digest.hex(),
        publisher=publisher,
        published_at=published_at,
        deprecated=deprecated or module.deprecated,
        warning=warning or module.warning,
        metadata_digest="0x" + metadata_digest.hex(),
        metadata_uri=metadata_uri,
    )
