"""`hive provider update`: what is newest and whether it may be believed, installing it, and going back."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marketplace.cli.agent_settings import name_config_file
from marketplace.cli.context import JsonOption
from marketplace.cli.output import clock_time, out, print_json
from marketplace.errors import AgentError, InputError, UpdateRejected

if TYPE_CHECKING:
    from agent.settings import ProviderSettings
    from agent.update.installation import Installation
    from agent.update.work import Found


def provider_update(
    check: Annotated[bool, typer.Option("--check", help="Only look: what is newest, and does it verify?")] = False,
    rollback: Annotated[bool, typer.Option("--rollback", help="Back to the previous version.")] = False,
    adopt: Annotated[
        Path | None,
        typer.Option("--adopt", help="Make an installation that can update itself in this folder, of what is newest."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Update this provider to the newest signed release, or go back. A daemon that runs leaves in order first.

    Releases are held against COMPUTEHIVE_AGENT_UPDATE_ROOT and fetched from COMPUTEHIVE_AGENT_UPDATE_URL. What a
    package manager or an image installed is updated by those; --check works everywhere.
    """
    if check + rollback + (adopt is not None) > 1:
        raise InputError("--check, --rollback and --adopt do not go together.", hint="Name one of them.")
    settings = _settings()
    if adopt is not None:
        text, document = _adopt(settings, adopt)
    elif check:
        text, document = _check(settings)
    elif rollback:
        text, document = _roll_back(settings)
    else:
        text, document = _update(settings)
    if as_json:
        print_json(document)
    else:
        out().print(text, soft_wrap=True)


def _settings() -> "ProviderSettings":
    """This machine's settings; of a market, a chain and a wallet it needs none."""
    from agent.settings import ProviderSettings, load_settings

    name_config_file()
    return load_settings(ProviderSettings, rpc_url="", address_book=Path(), keystore=Path())


def _require_installation() -> "Installation":
    from agent.update.installation import Installation

    found = Installation.find(Path(sys.prefix))
    if found is None:
        raise AgentError(
            f"This hive ({sys.prefix}) is no installation that replaces itself.",
            hint="Update it as it was installed: by the package manager, the image, or the checkout. "
            "`--check` tells of releases; `--adopt FOLDER` makes an installation that can.",
        )
    return found


def _check(settings: "ProviderSettings") -> tuple[str, dict[str, Any]]:
    from agent.update.installation import Installation
    from agent.update.keeper import require_pin
    from agent.update.source import Pin
    from agent.update.work import look

    found = look(Pin(*require_pin(settings)), settings.data, Installation.find(Path(sys.prefix)))
    return _told(found), found.to_json()


def _told(found: "Found") -> str:
    news = "newer than this one" if found.is_newer else "not newer than this one"
    aside = f" It is set aside: {found.aside}." if found.aside else ""
    return (
        f"Version {found.version} of {clock_time(found.published_at)}, {news}. Signatures verify; "
        f"they hold until {clock_time(found.valid_until)}.{aside}"
    )


def _adopt(settings: "ProviderSettings", folder: Path) -> tuple[str, dict[str, Any]]:
    from agent.update.installation import STARTER
    from agent.update.keeper import require_pin
    from agent.update.source import Pin
    from agent.update.work import adopt

    found = adopt(Pin(*require_pin(settings)), settings.data, folder.expanduser())
    starter = folder.expanduser().resolve() / STARTER
    return f"Version {found.version} is installed. Have the service start {starter}.", found.to_json()


def _update(settings: "ProviderSettings") -> tuple[str, dict[str, Any]]:
    from agent.update.keeper import require_pin
    from agent.update.source import Pin
    from agent.update.work import prepare

    installation = _require_installation()
    found = prepare(Pin(*require_pin(settings)), settings.data, installation, again=True)
    if not found.is_newer:
        return f"Version {installation.current} is the newest. {_told(found)}", found.to_json() | {"switched": False}
    if not found.is_ready:
        raise UpdateRejected(f"Version {found.version} could not be prepared.")
    return _hand_over(settings, installation, found.version, found.to_json())


def _roll_back(settings: "ProviderSettings") -> tuple[str, dict[str, Any]]:
    from agent.update.work import previous_of

    installation = _require_installation()
    version, left = previous_of(installation), installation.current
    said = _hand_over(settings, installation, version, {"version": version})
    installation.set_aside(left, "its owner went back from it")
    return said


def _hand_over(
    settings: "ProviderSettings", installation: "Installation", version: str, document: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    from agent.update.handover import hand_over

    if hand_over(installation, version, settings.data):
        return f"Version {version} is the one that is started next.", document | {"switched": True}
    said = f"Version {version} is prepared. The provider leaves in order and is started again as that version."
    return said, document | {"switched": False}
