"""The pages with the test wallet beside a local market, for as long as a block runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from marketplace.cli.devwallet.pages import DevPages, is_built
from marketplace.cli.devwallet.wallet import DevWallet
from marketplace.devnet import free_port

if TYPE_CHECKING:
    from marketplace.cli.localmarket import LocalMarket

PLAYED = {"renter": "renter", "provider": "alder", "auditor": "auditor"}
"""Whose wallet a person plays with, by the name in the window."""


@contextmanager
def dev_pages(market: "LocalMarket") -> Iterator[str | None]:
    """Their address; None where there is no build of the dApp."""
    if not is_built():
        yield None
        return
    contracts = market.contracts()
    wallet = DevWallet(
        chain_id=market.book.chain_id,
        keys={played: market.keys[name] for played, name in PLAYED.items()},
        node=market.devnet.rpc,
        contracts={name: contracts.at(name) for name in market.book.contracts},
    )
    pages = DevPages(wallet, market.url, free_port()).start()
    try:
        yield pages.url
    finally:
        pages.stop()
