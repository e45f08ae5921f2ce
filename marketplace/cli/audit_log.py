"""`hive audit`: the market's audit log, kept and checked without believing the market."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marketplace.cli.context import JsonOption, UrlOption, find_market
from marketplace.cli.output import clock_time, facts, out, print_json, talk
from marketplace.errors import InputError, MalformedMessage, NotFound

if TYPE_CHECKING:
    from marketplace.client.audit_log import Kept

OutOption = Annotated[Path | None, typer.Option("--out", "-o", help="Keep it in a file, for `hive audit verify`.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `hive`."""
    audit = typer.Typer(
        help="The market's log of what it did, which it cannot rewrite unnoticed.", no_args_is_help=True
    )
    audit.command("head")(show_head)
    audit.command("download")(download)
    audit.command("receipt")(receipt)
    audit.command("verify")(verify)
    app.add_typer(audit, name="audit", rich_help_panel="Trust")


def show_head(keep_in: OutOption = None, url: UrlOption = None, as_json: JsonOption = False) -> None:
    """How long the log is, and its root, signed by the operator. Keep one from time to time: it binds the market."""
    from marketplace.client.audit_log import keep

    _require_free(keep_in)
    with find_market(url).client() as client:
        document = keep(client.config(), client.log_head())
    _require_whole(document)
    _save(document, keep_in)
    _print_head(document, as_json)


def download(
    file: Annotated[Path, typer.Argument(help="Where to write the whole log.", dir_okay=False)],
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep the whole log in a file, checked against the operator's signature."""
    from marketplace.client.audit_log import keep

    _require_free(file)
    with find_market(url).client() as client:
        config, head = client.config(), client.log_head()
        entries = client.log_entries(int(head["head"]["size"]))
    document = keep(config, head, entries=entries)
    _require_whole(document)
    _save(document, file)
    _print_head(document, as_json)


def receipt(
    subject: Annotated[str, typer.Argument(help="An order's hash, a round's digest, a transaction's hash, a lease.")],
    keep_in: OutOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that the log has an entry about something, the last one: a receipt that the market cannot take back."""
    from marketplace.client.audit_log import keep

    _require_free(keep_in)
    subject = _parse_subject(subject)
    with find_market(url).client() as client:
        entries = client.log_entries_about(subject)
        if not entries:
            raise NotFound("entry of the audit log about", subject)
        document = keep(client.config(), client.log_receipt(int(entries[-1]["index"])))
    _require_whole(document)
    _save(document, keep_in)
    if as_json:
        print_json(document)
        return
    entry = document["entry"]
    at = clock_time(int(entry["at"]))
    rows = [("entry", entry["index"]), ("kind", entry["kind"]), ("at", at), ("subject", entry["subject"])]
    out().print(facts([*rows, *entry["detail"].items(), ("signed by", document["market"])]))


def verify(
    files: Annotated[list[Path], typer.Argument(help="Heads, receipts or logs that `hive audit` has kept.")],
    operator: Annotated[
        str | None, typer.Option("--operator", help="The market's address, as your orders name it.")
    ] = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check signatures, proofs and logs, and that all heads are of one log that only grew.

    Asks the market for a proof where two heads are kept and no log that has both.
    """
    from marketplace.client.audit_log import verify_kept

    def ask(first: int, second: int) -> dict[str, Any]:
        with find_market(url).client() as client:
            return client.log_growth(first, second)

    kept = [_load(file) for file in files]
    told = verify_kept(kept, operator, ask)
    if as_json:
        print_json({"market": kept[0].market, "verified": told})
        return
    for sentence in told:
        out().print(sentence, soft_wrap=True)
    talk().print(f"[green]Signed by {kept[0].market}, and nothing was rewritten.[/green]", soft_wrap=True)


def _parse_subject(text: str) -> str:
    """As the log writes it. Raises InputError."""
    if not re.fullmatch(r"0x[0-9a-fA-F]{64}", text):
        raise InputError(
            f"{text!r} is not what an entry is about.",
            hint="Name an order, a round's digest, a transaction or a lease: 0x and 64 hex digits.",
        )
    return text.lower()


def _require_whole(document: dict[str, Any]) -> None:
    """Raises LogMismatch, InvalidSignature: nothing is kept or shown that does not hold."""
    from marketplace.client.audit_log import Kept, verify_kept

    verify_kept([Kept.parse(document)], None, lambda *_: {})


def _print_head(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json({name: document[name] for name in ("market", "domain", "head", "signature")})
        return
    head = document["head"]
    rows = [("entries", head["size"]), ("root", head["root"]), ("signed at", clock_time(int(head["signedAt"])))]
    out().print(facts([*rows, ("signed by", document["market"])]))


def _save(document: dict[str, Any], file: Path | None) -> None:
    """Never over something that is there: a kept head is evidence."""
    from marketplace.client.files import write_new

    if file is None:
        return
    try:
        write_new(file, json.dumps(document, indent=1).encode())
    except FileExistsError as error:
        raise _is_there(file) from error
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}.") from error


def _require_free(file: Path | None) -> None:
    """Before a whole log is fetched for nothing."""
    if file is not None and file.exists():
        raise _is_there(file)


def _is_there(file: Path) -> InputError:
    return InputError(f"{file} is there already.", hint="Name another file; what was kept is evidence.")


def _load(file: Path) -> "Kept":
    from marketplace.client.audit_log import Kept
    from marketplace.protocol.parsing import parse_json

    try:
        document = parse_json(file.read_bytes(), "file")
    except (OSError, MalformedMessage) as error:
        raise InputError(f"{file} cannot be read: {error}.", hint="Name what `hive audit` has written.") from error
    return Kept.parse(document)
