"""`hive faucet`: test money for any account, on the local chain of `hive dev` and nowhere else."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from marketplace.cli.context import (
    JsonOption,
    Market,
    UrlOption,
    WalletOption,
    find_keystore,
    find_market,
    named_wallet,
)
from marketplace.cli.output import out, print_json, talk, usdc
from marketplace.errors import ConflictError, InsufficientFunds

GAS_ETHER = 100


def register(app: typer.Typer) -> None:
    """Add the command to `hive`."""
    app.command("faucet", rich_help_panel="Start here")(faucet)


def faucet(
    address: Annotated[str | None, typer.Argument(help="An account; else that of the wallet.")] = None,
    amount: Annotated[str, typer.Option("--amount", help="Test USDC.")] = "1000",
    wallet: WalletOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give an account test USDC, and ether for gas. Works on the local chain of a running `hive dev` only."""
    from marketplace.cli.money import checked_address, positive_amount, read_balance
    from marketplace.cli.wiring import open_contracts, open_reader
    from marketplace.devnet.jsonrpc import fund_account

    market = find_market(url)
    if market.dev is None:
        raise ConflictError(
            f"There is no test money at {market.url} (named by {market.source}): it is not the market of a `hive dev`"
            " that runs on this machine.",
            hint="Start `hive dev`; while it runs, leave out --url and unset COMPUTEHIVE_URL.",
        )
    micro = positive_amount(amount)
    account = checked_address(address or find_keystore(wallet, market).address)
    where = {"address_book": market.dev.address_book, "rpc_url": market.dev.rpc_url}
    token = open_contracts(market, **where)[0].token.address
    fund_account(market.dev.rpc_url, token, account, micro, GAS_ETHER)
    found = read_balance(open_reader(market, **where), account)
    if as_json:
        print_json({"minted": str(micro), **found})
        return
    out().print(f"{usdc(micro)} of test money, and gas, for {account}: {usdc(found['wallet'])} in the wallet.")
    if address is None:
        talk().print(f"`hive deposit 100{named_wallet(wallet)}` moves some into the escrow, from where jobs are paid.")


@contextmanager
def faucet_hint(market: Market, wallet: str | None) -> Iterator[None]:
    """On the local market, a lack of money is met by the faucet: say so."""
    try:
        yield
    except InsufficientFunds as error:
        if market.dev is not None:
            error.hint = f"`hive faucet{named_wallet(wallet)}` gives it test money."
        raise
