"""Who calls which contracts: the options that all commands about money share, as one object each."""

import functools
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from marketplace.cli.context import (
    Market,
    PasswordFileOption,
    UrlOption,
    WalletOption,
    find_keystore,
    find_market,
    named_wallet,
    unlock,
)
from marketplace.cli.faucet import faucet_hint

if TYPE_CHECKING:
    from marketplace.adapters.chain import ChainAccount, ChainReader
    from marketplace.adapters.chain.modules import ModuleAccount, ModuleReader
    from marketplace.client.keystore import Keystore


@dataclass(frozen=True)
class Chain:
    """Contracts that a command reads. Raises SettingsError where no market or no node is named."""

    url: UrlOption = None
    address_book: Annotated[
        Path | None, typer.Option("--address-book", help="Contract addresses you trust (JSON).")
    ] = None
    rpc_url: Annotated[str | None, typer.Option("--rpc-url", help="The chain's JSON-RPC node.")] = None

    @functools.cached_property
    def market(self) -> Market:
        """The market that is named; nothing is asked of it yet."""
        return find_market(self.url)

    @functools.cached_property
    def reader(self) -> "ChainReader":
        """The contracts' views."""
        from marketplace.cli.wiring import open_reader

        return open_reader(self.market, **self._where)

    @functools.cached_property
    def modules(self) -> "ModuleReader":
        """The registry of modules."""
        from marketplace.cli.wiring import open_modules

        return open_modules(self.market, **self._where)

    @property
    def _where(self) -> dict[str, Any]:
        return {"address_book": self.address_book, "rpc_url": self.rpc_url}


@dataclass(frozen=True)
class Holder(Chain):
    """Contracts that a command reads about the owner of a wallet. Raises KeystoreError where there is none."""

    wallet: WalletOption = None

    @functools.cached_property
    def keystore(self) -> "Keystore":
        """The wallet, locked."""
        return find_keystore(self.wallet, self.market)

    @property
    def address(self) -> str:
        """Whose wallet it is."""
        return self.keystore.address

    @property
    def named(self) -> str:
        """The option that names the wallet again in a command that is advised."""
        return named_wallet(self.wallet)


@dataclass(frozen=True)
class Party(Holder):
    """Contracts that a command calls, and the wallet that does."""

    password_file: PasswordFileOption = None

    def unlocked(self) -> tuple["ChainAccount", str]:
        """The account that can act, and who says which its contracts are. Asks for the password where it must."""
        from marketplace.cli.wiring import open_account

        return open_account(self.market, unlock(self.keystore, self.market, self.password_file), **self._where)

    def unlocked_for_modules(self) -> tuple["ModuleAccount", str]:
        """`unlocked`, for the registry of modules."""
        from marketplace.cli.wiring import open_module_account

        return open_module_account(self.market, unlock(self.keystore, self.market, self.password_file), **self._where)

    def paying(self) -> AbstractContextManager[None]:
        """While money is moved: on the local market a lack of it is met by the faucet."""
        return faucet_hint(self.market, self.wallet)


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer takes it: in place of a `Chain`, a `Holder` or a `Party`, the options that make one."""
    signature = inspect.signature(command, eval_str=True)
    made = {each.name: each.annotation for each in signature.parameters.values() if is_dataclass(each.annotation)}
    options = {name: [field.name for field in fields(kind)] for name, kind in made.items()}

    @functools.wraps(command)
    def run(**given: Any) -> None:
        for name, kind in made.items():
            given[name] = kind(**{option: given.pop(option) for option in options[name]})
        command(**given)

    parameters: list[inspect.Parameter] = []
    for each in signature.parameters.values():
        parameters += _options_of(made[each.name]) if each.name in made else [each]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return run


def _options_of(kind: type) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    place = inspect.Parameter.KEYWORD_ONLY
    return [inspect.Parameter(each.name, place, default=None, annotation=hints[each.name]) for each in fields(kind)]
