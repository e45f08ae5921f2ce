"""`hive config`: every setting of the provider and the oracle, its value, and who says so."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from marketplace.cli.agent_settings import name_config_file, prepare_agent
from marketplace.cli.context import JsonOption
from marketplace.cli.options import with_options
from marketplace.cli.output import out, print_json, table, talk
from marketplace.cli.wiring import Holder
from marketplace.errors import ConflictError, MarketError, SettingsError

if TYPE_CHECKING:
    from agent.origins import Held


def register(app: typer.Typer) -> None:
    """Add the command to `hive`."""
    app.command("config", rich_help_panel="Services")(config)


@with_options
def config(
    *,
    holder: Holder,
    init: Annotated[bool, typer.Option("--init", help="Write a commented config.toml instead.")] = False,
    file: Annotated[Path | None, typer.Option("--file", help="Where --init writes; else your config.toml.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Settings of this machine's provider and oracle: each with its value and where it came from.

    What goes first: option, environment, config.toml, default. Secrets are masked.
    """
    if init:
        _write(file or name_config_file(), as_json=as_json)
        return
    if file is not None:
        raise SettingsError("--file says where --init writes.", hint="COMPUTEHIVE_AGENT_CONFIG_FILE names a file.")
    from agent.origins import list_settings

    held = list_settings(_prepare(holder))
    if as_json:
        print_json({"settings": [each.to_json() for each in held]})
        return
    _print(held)


def _prepare(holder: Holder) -> dict[str, str]:
    """What `hive` adds; a machine that is not set up yet shows what it has."""
    try:
        return prepare_agent(holder, needs_password=False)
    except SettingsError as error:
        if "key" in error.values or "path" in error.values:  # the file itself is wrong
            raise
        talk().print(Text(f"{error.message} {error.hint}"), style="yellow")
    except MarketError as error:
        talk().print(Text(f"{error.message} {error.hint}"), style="yellow")
    return {}


def _write(path: Path, *, as_json: bool) -> None:
    from agent.origins import write_config

    try:
        write_config(path)
    except FileExistsError as error:
        raise ConflictError(
            f"{path} exists, and is not overwritten.", hint="Name another with --file, and copy what you need."
        ) from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}.") from error
    if as_json:
        print_json({"file": str(path)})
    else:
        out().print(f"Written: {path}. Every line is a default, commented out.", soft_wrap=True)


def _print(held: "list[Held]") -> None:
    for section in dict.fromkeys(each.key.section for each in held):
        shown = table("setting", "value", "from", title=f"[{section}]" if section else None)
        shown.title = Text(f"[{section}]") if section else Text("above all sections")
        for each in held:
            if each.key.section == section:
                style = "red" if each.source == "missing" else "dim" if each.source == "default" else "cyan"
                shown.add_row(each.key.name, Text(_text(each.value)), Text(each.source, style=style))
        out().print(shown)
        out().print()


def _text(value: Any) -> str:
    if value is None or value == "" or value == []:
        return "—"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
