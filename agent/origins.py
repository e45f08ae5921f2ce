"""Every setting of the daemons: its value, and which of the places that may state it did."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import BaseModel
from pydantic_core import PydanticUndefined, to_jsonable_python

from agent.configfile import CONFIG_ENV, USER_KEYS, Key, keys_of
from agent.settings import ENV_FILE_ENV, ENV_PREFIX, KINDS, load_settings, read_config_file

MASK = "********"
_LONG_TOKEN = re.compile(r"(?<=[/=:])[\w-]{20,}(?=$|[/?&@#])")
_USER_INFO = re.compile(r"(?<=://)[^/@]+(?=@)")
_HEADER = """\
# Settings of `hive`, of its provider and of its oracle. What a line says holds unless a variable or an option
# says otherwise; `hive config` shows what holds and why. Lines that begin with # are the defaults.

# For the person who types `hive`; the daemons take from here what [orchestrator] does not say.
"""
_HOURS = """\
# When the machine offers; as many of these as you like. Without any: always. Where `closes` is not after `opens`, it is
# meant of the next day.
# [[schedule]]
# days = ["mon", "tue", "wed", "thu", "fri"]
# opens = "19:00"
# closes = "07:00"
# time_zone = "Europe/Paris"
"""


@dataclass(frozen=True, slots=True)
class Held:
    """One setting as it holds. `value` is JSON, masked where it is secret; None with `source` `missing`."""

    key: Key
    value: Any
    source: str

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {
            "section": self.key.section,
            "key": self.key.name,
            "variable": variable_of(self.key.name),
            "value": self.value,
            "source": self.source,
        }


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return ENV_PREFIX + name.upper()


def list_settings(set_before: Mapping[str, str]) -> list[Held]:
    """All settings, in the order of the file. Raises SettingsError where one of those that are given is wrong.

    `set_before`: what `hive` itself put into the environment, by name of the setting, and from where.
    """
    keys = keys_of(KINDS)
    sources = {name: "default" for name in keys} | _sources() | set_before
    given = set(_sources()) | set(set_before)
    missing = {name for name, key in keys.items() if key.field.is_required() and name not in given}
    values: dict[str, Any] = {}
    for kind in KINDS:
        values = _dump(load_settings(kind, **{name: MASK for name in missing & kind.model_fields.keys()})) | values
    return [
        Held(key, None, "missing") if name in missing else Held(key, mask(key, values[name]), sources[name])
        for name, key in sorted(keys.items(), key=lambda item: list(_sections(keys)).index(item[1].section))
    ]


def _dump(settings: BaseModel) -> dict[str, Any]:
    return to_jsonable_python(settings.model_dump())


def _sources() -> dict[str, str]:
    """Who states what, by name of the setting: the first that does counts, which is written last here."""
    env_file = os.environ.get(ENV_FILE_ENV)
    lines = dotenv_values(env_file) if env_file else {}
    found = {name: str(os.environ.get(CONFIG_ENV)) for name in read_config_file()}
    found |= {name: str(env_file) for name in keys_of(KINDS) if variable_of(name) in lines}
    return found | {name: "environment" for name in keys_of(KINDS) if variable_of(name) in os.environ}


def stated_names() -> set[str]:
    """The settings that some place states, by name. Raises SettingsError for a file that cannot be read."""
    return set(_sources())


def mask(key: Key, value: Any) -> Any:
    """A value fit to be shown: no password, and of an address nothing that looks like the key of an account."""
    if not key.is_in_file:
        return MASK if value else value
    if isinstance(value, str) and "://" in value:
        return _LONG_TOKEN.sub(MASK, _USER_INFO.sub(MASK, value))
    return value


def render_config() -> str:
    """A configuration file with every key, what it is for, and its default, all commented out."""
    keys = keys_of(KINDS)
    parts = [_HEADER + "\n".join(f'# {name} = "…"' for name in USER_KEYS) + "\n"]
    for section in _sections(keys):
        lines = [line for key in keys.values() if key.section == section for line in _lines(key)]
        if section:
            parts.append("\n".join([f"[{section}]", *lines]) + "\n")
    return "\n".join([*parts, _HOURS])


def _sections(keys: Mapping[str, Key]) -> dict[str, None]:
    return dict.fromkeys(key.section for key in keys.values())


def _lines(key: Key) -> Iterator[str]:
    if not key.is_in_file:
        return
    yield from (f"# {line}" for line in (key.field.description or "").splitlines())
    default = key.field.get_default(call_default_factory=True)
    shown = '"…"' if default in (PydanticUndefined, None) else json.dumps(to_jsonable_python(default))
    yield f"# {key.name} = {shown}"


def write_config(path: Path) -> None:
    """Write such a file, for its owner alone. Raises FileExistsError: none is overwritten; OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(render_config())
