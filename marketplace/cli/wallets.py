"""`hive wallet new|show|list`: keys, only ever in encrypted keystores."""

import sys
from typing import Annotated

import typer

from marketplace.cli.context import DEFAULT_WALLET, JsonOption, PasswordFileOption, home
from marketplace.cli.devfile import load_dev_context
from marketplace.cli.output import facts, out, print_json, table, talk
from marketplace.errors import KeystoreError

NameArgument = Annotated[str, typer.Argument(help="Name of the wallet.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `hive`."""
    wallet = typer.Typer(help="Keys in encrypted keystores.", no_args_is_help=True)
    wallet.command("new")(new)
    wallet.command("show")(show)
    wallet.command("list")(list_all)
    app.add_typer(wallet, name="wallet", rich_help_panel="Money")


def new(
    name: NameArgument = DEFAULT_WALLET,
    import_key: Annotated[
        bool,
        typer.Option("--import", help="Take an existing key, asked for without echo or read from stdin."),
    ] = False,
    password_file: PasswordFileOption = None,
    light: Annotated[bool, typer.Option("--light", help="Weak scrypt, for development chains only.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a key and encrypt it, or import one."""
    from marketplace.client.keystore import (
        LIGHT_SCRYPT_N,
        STANDARD_SCRYPT_N,
        KeystoreFolder,
        find_password,
    )

    folder = KeystoreFolder(home() / "keystores")
    if folder.path(name).exists():
        raise KeystoreError(f"The wallet {name!r} exists already; nothing was changed.", hint="Choose another name.")
    key = _ask_key() if import_key else None
    password = find_password(_ask_new_password if sys.stdin.isatty() else None, file=password_file)
    made = folder.create(name, password, key=key, scrypt_n=LIGHT_SCRYPT_N if light else STANDARD_SCRYPT_N)
    if as_json:
        print_json({"name": made.name, "address": made.address, "path": str(made.path)})
        return
    out().print(made.address)
    talk().print(
        f"Wallet [b]{made.name}[/] is in {made.path}. Keep the file and its password: nobody can recover either."
    )


def show(name: NameArgument = DEFAULT_WALLET, as_json: JsonOption = False) -> None:
    """A wallet's address; needs no password."""
    from marketplace.client.keystore import KeystoreFolder

    found = KeystoreFolder(home() / "keystores").get(name)
    if as_json:
        print_json({"name": found.name, "address": found.address, "path": str(found.path)})
        return
    out().print(facts([("name", found.name), ("address", found.address), ("file", found.path)]))


def list_all(as_json: JsonOption = False) -> None:
    """All wallets."""
    from marketplace.client.keystore import KeystoreFolder

    found = KeystoreFolder(home() / "keystores").list()
    dev = load_dev_context(home())
    if dev is not None:
        names = ", ".join(sorted(path.stem for path in dev.wallets.glob("*.json")))
        talk().print(f"The running `hive dev` has wallets of its own, and uses {dev.wallet} by itself: {names}.")
    if as_json:
        print_json([{"name": each.name, "address": each.address, "path": str(each.path)} for each in found])
        return
    if not found:
        talk().print("No wallets yet: `hive wallet new` makes one.")
        return
    shown = table("name", "address", "file")
    for each in found:
        shown.add_row(each.name, each.address, str(each.path))
    out().print(shown)


def _ask_key() -> str:
    if sys.stdin.isatty():
        return typer.prompt("Private key (0x and 64 hex digits)", hide_input=True, err=True)
    return sys.stdin.readline().strip()


def _ask_new_password() -> str:
    return typer.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
