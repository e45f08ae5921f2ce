"""`config.toml` of providers and oracles: sections of settings, each under the name of its field in `agent.settings`.

There is no second list: which keys there are, where they stand and what they may be is read off the settings' own
fields. The user's keys of `hive` stand above the sections of the same file; they are not for the daemons.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from agent.setting_types import section_of
from marketplace.errors import SettingsError

CONFIG_ENV = "COMPUTEHIVE_AGENT_CONFIG_FILE"
"""Names the file; `hive` names the user's own where it is not set."""
USER_KEYS = ("url", "wallet", "address_book", "rpc_url")
"""What `hive` itself reads, above all sections."""


@dataclass(frozen=True, slots=True)
class Key:
    """One setting: where it stands in the file, and the field that it fills."""

    section: str
    name: str
    field: FieldInfo
    is_in_file: bool

    @property
    def path(self) -> str:
        """`pricing.gpu_hour_rate`."""
        return f"{self.section}.{self.name}" if self.section else self.name

    def check(self, value: Any) -> Any:
        """A value of the file as the setting has it. Raises ValueError (of pydantic) where it is of another type."""
        kind = Annotated[self.field.annotation, *self.field.metadata] if self.field.metadata else self.field.annotation
        return TypeAdapter(kind).validate_json(json.dumps(value, default=str), strict=True)


def keys_of(kinds: Sequence[type[BaseModel]]) -> dict[str, Key]:
    """Every setting of these models, by name; a field that several share counts once."""
    found: dict[str, Key] = {}
    for kind in kinds:
        for name, field in kind.model_fields.items():
            section = section_of(field.metadata)
            found.setdefault(name, Key(section.name, name, field, section.is_in_file))
    return found


def load_config(path: Path, kinds: Sequence[type[BaseModel]]) -> dict[str, Any]:
    """The settings in a file, by name. `kinds` are all models that may share it.

    Raises SettingsError where it cannot be read, has a key that is none of theirs, or a value of another type.
    """
    try:
        document = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}.", path=str(path)) from error
    return read_config(document, keys_of(kinds), str(path))


def read_config(document: Mapping[str, Any], keys: Mapping[str, Key], source: str) -> dict[str, Any]:
    """`load_config` of what a file says. Raises SettingsError naming the first key that is wrong."""
    found = {}
    for section, name, value in _entries(document, {key.section for key in keys.values()} - {""}, source):
        key = keys.get(name)
        if key is None or key.section != section or not key.is_in_file:
            raise _unknown(section, name, keys, source)
        try:
            key.check(value)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
            raise SettingsError(
                f"{key.path}{place}: {first['msg']}; {source} says {json.dumps(first['input'], default=str)}.",
                hint="`hive config --init` shows every key with its default.",
                key=key.path,
            ) from error
        found[name] = value
    return found


def _entries(document: Mapping[str, Any], sections: set[str], source: str) -> Iterator[tuple[str, str, Any]]:
    for name, value in document.items():
        if name in sections:
            if not isinstance(value, dict):
                raise SettingsError(f"{name}: is a section, [{name}], in {source}; it was given a value.", key=name)
            yield from ((name, key, each) for key, each in value.items())
        elif name not in USER_KEYS:
            yield "", name, value


def _unknown(section: str, name: str, keys: Mapping[str, Key], source: str) -> SettingsError:
    path = f"{section}.{name}" if section else name
    key = keys.get(name)
    if key is not None and not key.is_in_file:
        return SettingsError(f"{path}: is not for a file, {source}.", hint="Name a password_file.", key=path)
    if key is not None:
        place = f"[{key.section}]" if key.section else "above all sections, or as [[schedule]]"
        return SettingsError(f"{path}: does not belong there, in {source}.", hint=f"Put it into {place}.", key=path)
    near = get_close_matches(name, [each.name for each in keys.values() if each.is_in_file], 1)
    hint = f"Do you mean {keys[near[0]].path}?" if near else "`hive config --init` shows every key with its default."
    return SettingsError(f"{path}: there is no such setting, in {source}.", hint=hint, key=path)
