"""The one module of the command line that reaches the chain by itself: for money no market needs to be asked."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from marketplace.cli.context import BOOK_ENV, RPC_ENV, Market, configuration
from marketplace.errors import SettingsError

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from marketplace.adapters.chain import ChainAccount, ChainReader, Contracts
    from marketplace.adapters.chain.modules import ModuleAccount, ModuleReader


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
