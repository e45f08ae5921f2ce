"""From this user's `hive` settings to the COMPUTEHIVE_AGENT_… variables that the daemons read.

Importing the daemons' settings is left to the commands that start or ask them.
"""

import os
import sys
import time
from pathlib import Path

import typer

from marketplace.cli.context import (
    BOOK_ENV,
    RPC_ENV,
    Market,
    configuration,
    find_keystore,
    find_market,
    home,
    is_development_wallet,
)
from marketplace.cli.wiring import Holder
from marketplace.errors import ConflictError, MarketError, ServiceUnavailable, WrongSigner

AGENT_PREFIX = "COMPUTEHIVE_AGENT_"
WAIT_PAUSE = 0.2


def prepare_agent(holder: Holder, *, needs_password: bool = True, **more: object) -> dict[str, str]:
    """Complete the COMPUTEHIVE_AGENT_… variables: from options, else as they are or as the daemon's configuration file
    says, else from this user's `hive`. Returns what was set, by the setting's name, and from where.

    Raises SettingsError, KeystoreError where there is none of what is needed.
    """
    name_config_file()
    given = {
        "URL": holder.url,
        "ADDRESS_BOOK": holder.address_book,
        "RPC_URL": holder.rpc_url,
        **more,
    }
    options = {name: str(value) for name, value in given.items() if value is not None}
    os.environ.update({AGENT_PREFIX + name: value for name, value in options.items()})
    said = {name.lower(): "option" for name in options}
    market = None
    if {"URL", "ADDRESS_BOOK", "RPC_URL", "KEYSTORE"} - _agent_names() or holder.wallet is not None:
        market = find_market(_stated_url())
        said |= _set_missing(_known(market), "hive dev" if market.dev is not None else "hive")
    if holder.wallet is not None or "KEYSTORE" not in _agent_names():
        keystore = find_keystore(holder.wallet, market)
        os.environ[AGENT_PREFIX + "KEYSTORE"] = str(keystore.path)
        said["keystore"] = "wallet " + keystore.name
        if market is not None and market.dev is not None and is_development_wallet(keystore, market):
            # The journal of a chain that ends tonight must not greet the next one.
            data = market.dev.logs.parent / "agents" / keystore.name
            said |= _set_missing({"PASSWORD": market.dev.password, "DATA": data}, "hive dev")
    if needs_password and not {"PASSWORD", "PASSWORD_FILE"} & _agent_names():
        from marketplace.client.keystore import find_password

        os.environ[AGENT_PREFIX + "PASSWORD"] = find_password(_ask_password if sys.stdin.isatty() else None)
    return said


def name_config_file() -> Path:
    """This user's `config.toml` is the daemons' too, where it exists and no other is named."""
    path = home() / "config.toml"
    if path.exists():
        os.environ.setdefault(AGENT_PREFIX + "CONFIG_FILE", str(path))
    return path


def _set_missing(values: dict[str, object], source: str) -> dict[str, str]:
    """Set what nothing states yet; by the setting's name, that `source` did."""
    missing = {name: str(value) for name, value in values.items() if name not in _agent_names()}
    os.environ.update({AGENT_PREFIX + name: value for name, value in missing.items()})
    return {name.lower(): source for name in missing}


def _known(market: Market) -> dict[str, object]:
    """What this user's `hive` knows of the market and its chain."""
    if market.dev is not None:
        return {"URL": market.url, "ADDRESS_BOOK": market.dev.address_book, "RPC_URL": market.dev.rpc_url}
    settings = configuration()
    known = {
        "URL": market.url,
        "ADDRESS_BOOK": os.environ.get(BOOK_ENV) or settings.get("address_book"),
        "RPC_URL": os.environ.get(RPC_ENV) or settings.get("rpc_url"),
    }
    return {name: value for name, value in known.items() if value is not None}


def _agent_names() -> set[str]:
    from agent.origins import stated_names

    return {name.upper() for name in stated_names()}


def _stated_url() -> str | None:
    from agent.settings import read_config_file

    return os.environ.get(AGENT_PREFIX + "URL") or read_config_file().get("url")


def _ask_password() -> str:
    return typer.prompt("Password of the keystore", hide_input=True, err=True)


def wait_for_file(path: str | None, seconds: float) -> None:
    """Give whoever writes `path` so long; what is missing afterwards is for the caller to report."""
    until = time.monotonic() + seconds
    while path and not Path(path).exists() and time.monotonic() < until:
        time.sleep(WAIT_PAUSE)


def wait_for_market(seconds: float) -> None:
    """Wait until the market that the daemon is for answers. Raises ServiceUnavailable after `seconds`."""
    from marketplace.client import MarketClient

    if seconds <= 0:
        return
    url = os.environ[AGENT_PREFIX + "URL"]
    until = time.monotonic() + seconds
    with MarketClient(url) as client:
        while True:
            try:
                client.config()
                return
            except MarketError as error:
                if time.monotonic() >= until:
                    raise ServiceUnavailable(f"{url} was not ready within {seconds:g} s: {error.message}") from error
            time.sleep(WAIT_PAUSE)


def require_member(url: str, keystore: Path) -> None:
    """Raises WrongSigner where the market says that this key is no oracle. Other trouble the daemon waits out."""
    from marketplace.client import MarketClient
    from marketplace.client.keystore import Keystore

    address = Keystore.load(keystore).address
    try:
        with MarketClient(url, timeout=5) as client:
            client.claims(address)
    except WrongSigner as error:
        error.hint = "The committee takes members by governance; on a `hive dev`, --wallet oracle-1 is one of its own."
        raise
    except MarketError:
        return


def require_stopped(url: str) -> None:
    """Raises ConflictError where a market answers at `url`."""
    from marketplace.client import MarketClient

    try:
        with MarketClient(url, timeout=2) as client:
            client.health()
    except MarketError:
        return
    raise ConflictError(f"A market service answers at {url}.", hint="Stop it first: both would write the database.")
