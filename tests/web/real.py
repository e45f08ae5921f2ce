"""A page of a real market, on a real chain, before which somebody of that market holds a wallet."""

from collections.abc import Iterator
from contextlib import contextmanager

from eth_account import Account

from marketplace.cli.localmarket import LocalMarket
from tests.web.conftest import PATIENCE, WIDTHS
from tests.web.wallet import Wallet, install


def wallet_of(market: LocalMarket, name: str) -> Wallet:
    """Of somebody of this market, which sends."""
    with market.client() as client:
        chain_id = client.config()["chainId"]
    return Wallet(Account.from_key(market.keys[name]), chain_id, rpc_url=market.devnet.rpc_url)


@contextmanager
def page_of(browser, market: LocalMarket, route: str, wallet: Wallet, *, may_fail: bool = False) -> Iterator:
    """The dApp in a browser of its own. What its console says as an error fails the test, unless `may_fail`."""
    said: list[str] = []
    context = browser.new_context(viewport=WIDTHS["wide"], locale="en-GB")
    context.set_default_timeout(PATIENCE)
    install(context, [wallet])
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{market.url}/#{route}")
    yield page
    context.close()
    assert may_fail or said == []


def free(market: LocalMarket, name: str) -> int:
    """What the escrow holds for somebody, micro-USDC, by its own word."""
    return market.reader().balance(market.addresses[name]).free
