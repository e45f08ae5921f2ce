"""Who calls which contracts. The one module of the command line that reaches the chain by itself, for what no market
needs to be asked."""

import functools
import os
import shlex
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marketplace.cli.context import (
    BOOK_ENV,
    RPC_ENV,
    Market,
    PasswordFileOption,
    UrlOption,
    WalletOption,
    configuration,
    find_keystore,
    find_market,
    named_wallet,
    unlock,
)
from marketplace.cli.faucet import faucet_hint
from marketplace.errors import SettingsError

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from marketplace.adapters.chain import ChainAccount, ChainReader, Contracts
    from marketplace.adapters.chain.modules import ModuleAccount, ModuleReader
    from marketplace.client.keystore import Keystore


@dataclass(frozen=True)
class ChainOptions:
    """Contracts that a command reads. Looking at them raises SettingsError where no market or no node is named."""

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
        return open_reader(self.market, **self._where)

    @functools.cached_property
    def modules(self) -> "ModuleReader":
        """The registry of modules."""
        return open_modules(self.market, **self._where)

    @property
    def _where(self) -> dict[str, Any]:
        return {"address_book": self.address_book, "rpc_url": self.rpc_url}


@dataclass(frozen=True)
class Holder(ChainOptions):
    """Contracts that a command reads about the owner of a wallet, whose address raises KeystoreError without one."""

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
    def as_options(self) -> str:
        """The options as they were given, for a command that is advised."""
        given = {"wallet": self.wallet, "url": self.url, "address-book": self.address_book, "rpc-url": self.rpc_url}
        return "".join(f" --{name} {shlex.quote(str(value))}" for name, value in given.items() if value is not None)

    @property
    def wallet_option(self) -> str:
        """The option that names the wallet again in a command that is advised."""
        return named_wallet(self.wallet)


@dataclass(frozen=True)
class Party(Holder):
    """Contracts that a command calls, and the wallet that does."""

    password_file: PasswordFileOption = None

    def unlocked(self) -> tuple["ChainAccount", str]:
        """The account that can act, and who says which its contracts are. Asks for the password where it must."""
        return open_account(self.market, unlock(self.keystore, self.market, self.password_file), **self._where)

    def unlocked_for_modules(self) -> tuple["ModuleAccount", str]:
        """`unlocked`, for the registry of modules."""
        return open_module_account(self.market, unlock(self.keystore, self.market, self.password_file), **self._where)

    def paying(self) -> AbstractContextManager[None]:
        """While money is moved: on the local market, an error for lack of it names the faucet."""
        return faucet_hint(self.market, self.wallet)


def open_contracts(
    market: Market, *, address_book: Path | None = None, rpc_url: str | None = None
) -> tuple["Contracts", str]:
    """The contracts, and who says that these are the right ones.

    A wrong escrow address would take the money, so a book of the user's own (option, environment, configuration, `hive
    dev`) goes before what the market tells. Raises SettingsError, ServiceUnavailable.
    """
    from marketplace.adapters.chain import AddressBook, Contracts

    settings = configuration()
    path = address_book or os.environ.get(BOOK_ENV) or settings.get("address_book")
    rpc_url = rpc_url or os.environ.get(RPC_ENV) or settings.get("rpc_url")
    if path is None and market.dev is not None:
        path, rpc_url = market.dev.address_book, rpc_url or market.dev.rpc_url
    if path is not None:
        book, source = AddressBook.load(Path(path)), str(path)
        rpc_url = rpc_url or _market_config(market).get("rpcUrl")
    else:
        config = _market_config(market)
        book, source = (
            AddressBook.parse({"network": market.url, "deployedAtBlock": 0, **config}),
            f"the market at {market.url}",
        )
        rpc_url = rpc_url or config.get("rpcUrl")
    if not rpc_url:
        raise SettingsError("No node of the chain is named.", hint=f"Pass --rpc-url or set {RPC_ENV}.")
    return Contracts(rpc_url, book), source


def open_account(market: Market, account: "LocalAccount", **where: Path | str | None) -> tuple["ChainAccount", str]:
    """`open_contracts`, with a key that signs transactions."""
    from marketplace.adapters.chain import ChainAccount

    contracts, source = open_contracts(market, **where)  # type: ignore[arg-type]
    return ChainAccount(contracts, account.key), source


def open_reader(market: Market, **where: Path | str | None) -> "ChainReader":
    """The contracts' views."""
    from marketplace.adapters.chain import ChainReader

    return ChainReader(open_contracts(market, **where)[0])  # type: ignore[arg-type]


def open_modules(market: Market, **where: Path | str | None) -> "ModuleReader":
    """The registry of modules."""
    from marketplace.adapters.chain.modules import ModuleReader

    return ModuleReader(open_contracts(market, **where)[0])  # type: ignore[arg-type]


def open_module_account(
    market: Market, account: "LocalAccount", **where: Path | str | None
) -> tuple["ModuleAccount", str]:
    """`open_contracts`, with a key that changes what stands under its own names."""
    from marketplace.adapters.chain.modules import ModuleAccount

    contracts, source = open_contracts(market, **where)  # type: ignore[arg-type]
    return ModuleAccount(contracts, account.key), source


def _market_config(market: Market) -> dict:
    with market.client() as client:
        return client.config()
