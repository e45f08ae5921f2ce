"""Writes docs/reference/configuration.md: every setting, read off the classes that read it.

    python -m scripts.docs.configuration          # what `make config-reference` runs

A setting's meaning stands once, in the string under its field; its default, bounds and place in `config.toml` are the
field's own, its unit is the end of its name. Only where to read more stands here.
"""

import sys
from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

import platformdirs
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from agent.configfile import CONFIG_ENV, keys_of
from agent.setting_types import COMMAS
from agent.settings import ENV_FILE_ENV, KINDS, AgentSettings, OracleSettings, ProviderSettings
from marketplace.cli.context import BOOK_ENV, DEFAULT_WALLET, HOME_ENV, RPC_ENV, URL_ENV, WALLET_ENV
from marketplace.client.keystore import PASSWORD_ENV, PASSWORD_FILE_ENV
from marketplace.settings import MarketSettings
from scripts.toolchain import ROOT

PAGE = ROOT / "docs" / "reference" / "configuration.md"
UNITS = {
    "_seconds": "seconds",
    "_hours": "hours",
    "_days": "days",
    "_per_minute": "a minute",
    "_bytes": "bytes",
    "_mb": "MB of 10⁶ bytes",
    "_uploads": "uploads",
    "_percent": "%",
    "_celsius": "°C",
    "_grams_per_kwh": "g CO₂e a kWh",
    "_rate": "micro-USDC",
    "_charge": "micro-USDC",
    "_cost_per_hour": "micro-USDC an hour",
}
"""What a number is of whose setting's name ends so."""
MORE = {
    "COMPUTEHIVE_MARKET_DATABASE_URL": "../how-to/several-processes.md",
    "COMPUTEHIVE_MARKET_ROLES": "../how-to/several-processes.md",
    "COMPUTEHIVE_MARKET_METRICS_PORT": "metrics.md",
    "COMPUTEHIVE_MARKET_OTLP_ENDPOINT": "../how-to/observe.md#traces",
    "COMPUTEHIVE_MARKET_BLOBS_URL": "../how-to/blobs-and-retention.md",
    "COMPUTEHIVE_MARKET_KEEP_NODES_DAYS": "../how-to/blobs-and-retention.md#what-is-forgotten",
    "COMPUTEHIVE_MARKET_KEEP_KEYS_DAYS": "../how-to/blobs-and-retention.md#what-is-forgotten",
    "COMPUTEHIVE_MARKET_SIGN_IN_DOMAINS": "../how-to/sessions-and-keys.md",
    "COMPUTEHIVE_MARKET_WEBHOOK_NETWORKS": "../how-to/webhooks.md",
    "COMPUTEHIVE_MARKET_NATS_URL": "../how-to/follow-events.md",
    "COMPUTEHIVE_MARKET_POLICY": "../how-to/admission-policy.md",
    "COMPUTEHIVE_MARKET_REMEDY": "../how-to/observe.md#the-watcher",
    "COMPUTEHIVE_AGENT_CONTAINER_ENGINE": "../how-to/run-containers.md",
    "COMPUTEHIVE_AGENT_CONTAINER_RUNTIME": "../how-to/run-containers.md#gvisor",
    "COMPUTEHIVE_AGENT_FREEZE_MB": "../how-to/checkpoints.md#the-whole-process-on-the-same-machine",
    "COMPUTEHIVE_AGENT_REGISTRIES": "../how-to/run-containers.md#registries",
    "COMPUTEHIVE_AGENT_NETWORK_HOSTS": "../how-to/run-containers.md#hosts-that-jobs-may-reach",
    "COMPUTEHIVE_AGENT_MCP_SERVERS": "../how-to/mcp.md",
    "COMPUTEHIVE_AGENT_METRICS_PORT": "metrics.md#provider-and-oracle",
    "COMPUTEHIVE_AGENT_OTLP_ENDPOINT": "../how-to/observe.md#traces",
    "COMPUTEHIVE_AGENT_AUTO_PRICE": "../how-to/set-your-rates.md",
    "COMPUTEHIVE_AGENT_TEE_COLLATERAL": "../how-to/attested-jobs.md",
    "COMPUTEHIVE_AGENT_ALLOW_RENTERS": "../how-to/leave-it-running.md#rules",
    "COMPUTEHIVE_AGENT_PRIVATE_JOBS": "../how-to/private-jobs.md#as-a-provider",
    "COMPUTEHIVE_AGENT_SELF_UPDATE": "../how-to/leave-it-running.md#updates",
}
"""Where more is said of a setting, seen from the page."""
USER_VARIABLES = {
    URL_ENV: "The market.",
    WALLET_ENV: f"Name of the wallet; else `{DEFAULT_WALLET}`.",
    BOOK_ENV: "The contracts, by the user's own choice, before what the market says.",
    RPC_ENV: "The chain's node, by the user's own choice, before what the market says.",
    PASSWORD_FILE_ENV: "A file with the wallet's password, where nobody can be asked; goes before the next.",
    PASSWORD_ENV: "The wallet's password, where nobody can be asked.",
    HOME_ENV: "The folder of `hive`: `keystores/`, `jobs/`, `private/` (keys of "
    "[private jobs](../how-to/private-jobs.md)), `config.toml` (of its daemons too), `dev.json`; else `computehive` in "
    "the user's configuration folder.",
    "COMPUTEHIVE_CACHE": "Compiled modules, for daemons too; else in the user's cache folder.",
    ENV_FILE_ENV: "A file of variables, for the daemons.",
    CONFIG_ENV: "The daemons' `config.toml`; `hive` names the one in its folder.",
}
"""What no class reads: variables of the person who types `hive`, and where the daemons' files are."""

_HEAD = """\
# Configuration

Every setting, its default, what it may be and what it means, made from the code by `make config-reference`.
How variables, files and options go before each other is [in the architecture](../architecture.md#settings).

A list has commas between in a variable and is a list in `config.toml`.
"""
_MARKET = """
## The market

`COMPUTEHIVE_MARKET_…`, from the environment alone.

| variable | default | value | meaning |
| --- | --- | --- | --- |
"""
_AGENT_HEAD = """
| variable | key in `config.toml` | default | value | meaning |
| --- | --- | --- | --- | --- |
"""
_USER = """
## The user, and where the daemons' files are

| variable | meaning |
| --- | --- |
"""


class Undescribed(Exception):
    """A setting without a meaning; the message says where to write it."""


def render() -> str:
    """The page. Raises Undescribed."""
    shared = list(AgentSettings.model_fields)
    return "".join(
        [
            _HEAD,
            _MARKET,
            *_rows(MarketSettings, MarketSettings.model_fields, has_file=False),
            *_agent_section("Provider and oracle", AgentSettings, shared),
            *_agent_section("Provider", ProviderSettings, _but(ProviderSettings, shared)),
            *_agent_section("Oracle", OracleSettings, _but(OracleSettings, shared)),
            _USER,
            *(f"| `{name}` | {meaning} |\n" for name, meaning in USER_VARIABLES.items()),
        ]
    )


def _but(kind: type[BaseModel], shared: Sequence[str]) -> list[str]:
    return [name for name in kind.model_fields if name not in shared]


def _agent_section(title: str, kind: type[BaseModel], names: Iterable[str]) -> list[str]:
    return [f"\n## {title}\n", _AGENT_HEAD, *_rows(kind, names, has_file=True)]


def _rows(kind: type[BaseModel], names: Iterable[str], *, has_file: bool) -> Iterable[str]:
    keys = keys_of(KINDS) if has_file else {}
    for name in names:
        field = kind.model_fields[name]
        variable = f"{kind.model_config.get('env_prefix', '')}{name}".upper()
        cells = [f"`{variable}`", default_of(field), value_of(name, field), meaning_of(kind, name, variable)]
        if has_file:
            cells.insert(1, f"`{keys[name].path}`" if keys[name].is_in_file else "none: not for a file")
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def meaning_of(kind: type[BaseModel], name: str, variable: str) -> str:
    """What a setting is for, and where more is said of it. Raises Undescribed."""
    text = " ".join((kind.model_fields[name].description or "").split())
    if not text:
        raise Undescribed(
            f"{kind.__module__}.{kind.__name__}.{name} has no meaning: "
            "write it in a string under the field, then run `make config-reference`."
        )
    return f"{text} [More]({MORE[variable]})." if variable in MORE else text


def default_of(field: FieldInfo) -> str:
    """How a default is written; a path in the user's folder by that folder, which every user has of their own."""
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if isinstance(default, Path):
        return f"`{default.relative_to(platformdirs.user_data_path())}` in the user's data folder"
    if default in (None, "", ()):
        return "none"
    if isinstance(default, Enum):
        default = default.value
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def value_of(name: str, field: FieldInfo) -> str:
    """What a setting may be: its kind, the unit that its name ends with, and its bounds."""
    kind = _kind_of(field)
    unit = next((unit for ending, unit in UNITS.items() if name.endswith(ending)), "")
    if kind == "number" and unit:
        kind = unit
    return ", ".join(filter(None, [kind, _bounds(field)]))


def _kind_of(field: FieldInfo) -> str:
    given = field.annotation
    if get_origin(given) in (Union, UnionType):
        given = next(each for each in get_args(given) if each is not NoneType)
    if get_origin(given) is Annotated:
        given = get_args(given)[0]
    if get_origin(given) is Literal:
        *others, last = (f"`{each}`" for each in get_args(given))
        return f"{', '.join(others)} or {last}"
    if get_origin(given) is tuple:
        return "list" if COMMAS in field.metadata else "JSON list"
    kinds = {bool: "`true` or `false`", int: "number", float: "number", Path: "path", SecretStr: "secret"}
    return kinds.get(given, "text")


def _bounds(field: FieldInfo) -> str:
    held = {each: getattr(rule, each) for rule in field.metadata for each in _BOUNDS if hasattr(rule, each)}
    low, high = held.pop("ge", None), held.pop("le", None)
    if low is not None and high is not None:
        return f"{low} to {high}"
    held |= {name: bound for name, bound in (("ge", low), ("le", high)) if bound is not None}
    return ", ".join(_BOUNDS[name].format(held[name]) for name in _BOUNDS if name in held)


_BOUNDS = {
    "gt": "above {}",
    "ge": "{} or more",
    "lt": "below {}",
    "le": "at most {}",
    "max_length": "at most {} characters",
}


def main() -> int:
    """Write the page."""
    try:
        text = render()
    except Undescribed as error:
        print(f"config-reference: {error}", file=sys.stderr)
        return 1
    PAGE.write_text(text, encoding="utf-8")
    print(PAGE.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
