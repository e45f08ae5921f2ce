"""Which market, which wallet: found in this order: option, environment, running `hive dev`, configuration file.

A running `hive dev` leaves `dev.json` in the home folder; it counts only while that process lives. Its wallet has a
public password and is used without asking only on a development chain of this machine.
"""

import os
import shlex
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from marketplace.cli.devfile import DevContext, load_dev_context
from marketplace.cli.output import is_quiet, talk
from marketplace.errors import SettingsError

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from marketplace.client import MarketClient
    from marketplace.client.keystore import Keystore

URL_ENV = "COMPUTEHIVE_URL"
HOME_ENV = "COMPUTEHIVE_HOME"
WALLET_ENV = "COMPUTEHIVE_WALLET"
BOOK_ENV = "COMPUTEHIVE_ADDRESS_BOOK"
RPC_ENV = "COMPUTEHIVE_RPC_URL"
DEFAULT_WALLET = "default"

UrlOption = Annotated[
    str | None, typer.Option("--url", help=f"The market's address; else ${URL_ENV}, else your configuration.")
]
WalletOption = Annotated[str | None, typer.Option("--wallet", "-w", help="Name of the wallet that signs and pays.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; needed without a terminal.")]
PasswordFileOption = Annotated[
    Path | None, typer.Option("--password-file", help="A file that holds the wallet's password.")
]


def home() -> Path:
    """Where configuration, keystores and state of this user are."""
    if HOME_ENV in os.environ:
        return Path(os.environ[HOME_ENV]).expanduser()
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "computehive"


def configuration() -> dict[str, Any]:
    """`config.toml` of the home folder, `{}` where there is none. Raises SettingsError where it cannot be read."""
    path = home() / "config.toml"
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}", path=str(path)) from error


@dataclass(frozen=True, slots=True)
class Market:
    """The market that a command talks to, and where its address came from."""

    url: str
    source: str
    dev: DevContext | None

    def client(self) -> "MarketClient":
        """A connection to it."""
        from marketplace.client import MarketClient

        return MarketClient(self.url)


def find_market(url: str | None) -> Market:
    """Raises SettingsError where no market is named anywhere."""
    dev = load_dev_context(home())
    configured = configuration().get("url")
    for value, source in ((url, "--url"), (os.environ.get(URL_ENV), URL_ENV)):
        if value:
            return Market(value, source, dev if dev is not None and dev.url == value.rstrip("/") else None)
    if dev is not None:
        return Market(dev.url, "hive dev", dev)
    if configured:
        return Market(str(configured), "config.toml", None)
    raise SettingsError(
        "No market is named.",
        hint=f"Start a local one with `hive dev`, pass --url, set {URL_ENV}, or put url into {home() / 'config.toml'}.",
    )


def find_keystore(name: str | None, market: Market | None = None) -> "Keystore":
    """The wallet: named, from the environment, the development wallet, configured, or `default`.

    Raises KeystoreError where there is no such wallet.
    """
    from marketplace.client.keystore import Keystore, KeystoreFolder

    named = name or os.environ.get(WALLET_ENV)
    if named is None and market is not None and market.dev is not None:
        return Keystore.load(market.dev.wallet_path)
    folder = KeystoreFolder(home() / "keystores")
    if named and market is not None and market.dev is not None and not folder.path(named).exists():
        dev_path = market.dev.wallets / f"{named}.json"
        if dev_path.exists():
            return Keystore.load(dev_path)
    return folder.get(named or str(configuration().get("wallet", DEFAULT_WALLET)))


def named_wallet(name: str | None) -> str:
    """The option that names a wallet again in a command that is advised; empty where none was named."""
    return f" --wallet {shlex.quote(name)}" if name else ""


def unlock(keystore: "Keystore", market: Market | None = None, password_file: Path | None = None) -> "LocalAccount":
    """The key of a wallet, by its password. Raises KeystoreError."""
    from marketplace.client.keystore import find_password

    if market is not None and is_development_wallet(keystore, market):
        talk().print(
            f"Using the development wallet [b]{keystore.name}[/] {keystore.address}: public password, play money.",
            style="dim",
        )
        return keystore.unlock(market.dev.password)  # type: ignore[union-attr]

    def ask() -> str:
        return typer.prompt(f"Password of wallet {keystore.name}", hide_input=True, err=True)

    return keystore.unlock(find_password(ask if sys.stdin.isatty() else None, file=password_file))


def is_development_wallet(keystore: "Keystore", market: Market) -> bool:
    """Whether this is a `hive dev` wallet used on that very development chain of this machine."""
    if market.dev is None or keystore.path.parent != market.dev.wallets:
        return False
    return urlsplit(market.url).hostname in ("127.0.0.1", "localhost", "::1")


def require_consent(question: str, *, yes: bool) -> None:
    """Ask before money is committed. Ends the command if the answer is no; SettingsError without a terminal."""
    if yes:
        return
    if is_quiet() or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise SettingsError("This commits money, and nobody can be asked.", hint="Say --yes if you mean it.")
    if not typer.confirm(question, default=False, err=True):
        talk().print("Nothing was signed, nothing was spent.")
        raise typer.Exit(0)
