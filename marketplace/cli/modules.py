"""`hive module publish|resolve|list|deprecate|restore|transfer|accept`: names for bytes, in a registry nobody owns."""

import hashlib
from pathlib import Path
from typing import Annotated, Any

import typer

from marketplace.cli.context import JsonOption, YesOption, require_consent
from marketplace.cli.money import checked_address
from marketplace.cli.options import with_options
from marketplace.cli.output import clock_time, out, print_json, short, table, talk
from marketplace.cli.wiring import ChainOptions, Party
from marketplace.errors import ConflictError, InputError
from marketplace.protocol.module_uri import SCHEME, ModuleUri

UriArgument = Annotated[str, typer.Argument(metavar="MODULE", help="chain://name@version, or name@version.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="chain://name, or name.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `hive`."""
    module = typer.Typer(help="Names for modules: chain://name@version.", no_args_is_help=True)
    for name, command in (
        ("resolve", resolve),
        ("list", list_all),
        ("publish", publish),
        ("deprecate", deprecate),
        ("restore", restore),
        ("transfer", transfer),
        ("accept", accept),
    ):
        module.command(name)(command)
    app.add_typer(module, name="module", rich_help_panel="Modules")


@with_options
def resolve(
    module: UriArgument,
    *,
    chain: ChainOptions,
    as_json: JsonOption = False,
) -> None:
    """Which bytes a module is, and who published them; without a version, of the latest that is not deprecated."""
    found = chain.modules.release(parse_module(module))
    if as_json:
        print_json(release_document(found))
        return
    if found.deprecated:
        talk().print(f"{found.uri} is deprecated: {found.warning}", style="yellow", markup=False)
    out().print(found.digest)
    talk().print(f"{found.uri}, published by {found.publisher} at {clock_time(found.published_at)}.")


@with_options
def list_all(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A name; else all of them.")] = None,
    *,
    chain: ChainOptions,
    as_json: JsonOption = False,
) -> None:
    """All names, or all versions of one."""
    from rich.text import Text

    if name is None:
        modules = chain.modules.modules()
        if as_json:
            print_json([module_document(each) for each in modules])
            return
        shown = table("name", "latest", "owner", "deprecated")
        for each in modules:
            shown.add_row(each.name, str(each.latest or "—"), each.owner, Text(each.warning))
    else:
        releases = chain.modules.releases(bare_name(name))
        if as_json:
            print_json([release_document(each) for each in releases])
            return
        shown = table("version", "digest", "publisher", "deprecated")
        for each in sorted(releases, key=lambda release: release.version, reverse=True):
            shown.add_row(str(each.version), each.digest, each.publisher, Text(each.warning))
    out().print(shown)


@with_options
def publish(
    module: UriArgument,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The module's bytes.")],
    metadata: Annotated[
        Path | None, typer.Option("--metadata", exists=True, dir_okay=False, help="A file that describes it.")
    ] = None,
    metadata_uri: Annotated[str, typer.Option("--metadata-uri", help="Where that file can be fetched.")] = "",
    *,
    party: Party,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Bind a version of a name to the digest of a file, for ever. The first version claims the name."""
    uri = parse_module(module)
    if uri.version is None:
        raise InputError("A version is needed.", hint=f"For example {uri}@0.1.0.")
    digest = _sha256(file)
    described = (digest, _sha256(metadata), metadata_uri) if metadata else (digest,)
    if metadata_uri and metadata is None:
        raise InputError("--metadata-uri without --metadata.", hint="Only bytes whose digest is registered count.")
    taken = party.modules.look_alike(uri.name)
    if taken is not None and taken != uri.name:
        raise ConflictError(
            f"{uri.name} looks like {taken}, which exists.", hint="Choose a name that cannot be mistaken."
        )
    account = _unlocked(party, f"publish {uri} as {digest}, for ever", yes=yes)
    _send(party, lambda: account.publish(uri.name, uri.version, *described), str(uri), as_json=as_json)


@with_options
def deprecate(
    module: UriArgument,
    warning: Annotated[str, typer.Option("--warning", help="Why, and what to use instead.")],
    *,
    party: Party,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Warn of a version (for ever), or of a whole name (until `hive module restore`). It still resolves."""
    uri = parse_module(module)
    account = _unlocked(party, f"deprecate {uri}{', for ever' if uri.version else ''}", yes=yes)
    _send(party, lambda: account.deprecate(uri, warning), str(uri), as_json=as_json)


@with_options
def restore(
    name: NameArgument,
    *,
    party: Party,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Lift the warning of a whole name; those of its versions stay."""
    named = bare_name(name)
    account = _unlocked(party, f"restore {named}", yes=yes)
    _send(party, lambda: account.restore(named), named, as_json=as_json)


@with_options
def transfer(
    name: NameArgument,
    to: Annotated[str, typer.Argument(metavar="ADDRESS", help="Who shall own it, once it accepts.")],
    *,
    party: Party,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Offer a name to another account. It stays yours until that account accepts; a new offer replaces an old one."""
    named, receiver = bare_name(name), checked_address(to)
    account = _unlocked(party, f"offer {named} to {receiver}", yes=yes)
    _send(party, lambda: account.transfer(named, receiver), named, as_json=as_json)


@with_options
def accept(
    name: NameArgument,
    *,
    party: Party,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take over a name that was offered to the wallet."""
    named = bare_name(name)
    account = _unlocked(party, f"take over {named}", yes=yes)
    _send(party, lambda: account.accept(named), named, as_json=as_json)


def parse_module(text: str) -> ModuleUri:
    """A module as it is typed, with or without the scheme. Raises MalformedMessage."""
    return ModuleUri.parse(text if "://" in text else SCHEME + text)


def bare_name(text: str) -> str:
    """A name as it is typed. Raises MalformedMessage, InputError where a version came with it."""
    uri = parse_module(text)
    if uri.version is not None:
        raise InputError(f"{uri} is one version; the name is meant.", hint=f"Say {uri.name}.")
    return uri.name


def module_document(found: Any) -> dict[str, Any]:
    """A `ModuleName` as `--json` prints it."""
    return {
        "name": found.name,
        "owner": found.owner,
        "pendingOwner": found.pending_owner,
        "claimedAt": found.claimed_at,
        "releases": found.release_count,
        "latest": str(found.latest) if found.latest else None,
        "deprecated": found.deprecated,
        "warning": found.warning,
    }


def release_document(found: Any) -> dict[str, Any]:
    """A `ModuleRelease` as `--json` prints it."""
    return {
        "module": str(found.uri),
        "digest": found.digest,
        "publisher": found.publisher,
        "publishedAt": found.published_at,
        "deprecated": found.deprecated,
        "warning": found.warning,
        "metadataDigest": found.metadata_digest,
        "metadataUri": found.metadata_uri,
    }


def _unlocked(party: Party, what: str, *, yes: bool) -> Any:
    """The account that will act, once the user has agreed to `what`."""
    account, source = party.unlocked_for_modules()
    talk().print(f"{what}, by {party.address} (contracts named by {source}).")
    require_consent(f"{what}?", yes=yes)
    return account


def _send(party: Party, transact: Any, subject: str, *, as_json: bool) -> None:
    with party.paying():
        sent = transact()
    if as_json:
        print_json({"transaction": sent.tx_hash, "module": subject})
        return
    out().print(f"Done in transaction {short(sent.tx_hash)}…: {subject}")


def _sha256(path: Path) -> str:
    with path.open("rb") as source:
        return "0x" + hashlib.file_digest(source, "sha256").hexdigest()
