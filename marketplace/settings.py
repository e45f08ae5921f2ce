"""Settings of the market, from the environment (`COMPUTEHIVE_MARKET_…`) or given in code.

`COMPUTEHIVE_…` without `MARKET_` is what a person says to `hive`; the service reads none of it.
"""

import json
import os
from pathlib import Path
from typing import Annotated, Any

from platformdirs import user_data_path
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from marketplace.domain.roles import parse_roles
from marketplace.domain.rules import Rules
from marketplace.errors import InputError, SettingsError

ORIGINS = r"^\s*((\*|https?://[^/,\s]+)\s*(,\s*(\*|https?://[^/,\s]+)\s*)*)?$"
ENV_PREFIX, USER_PREFIX = "COMPUTEHIVE_MARKET_", "COMPUTEHIVE_"


def _read_command(given: Any) -> Any:
    """A variable has a JSON list; no shell takes words apart here."""
    try:
        command = json.loads(given) if isinstance(given, str) and given else given or ()
    except ValueError:
        command = None
    if not isinstance(command, list | tuple) or not all(isinstance(word, str) for word in command):
        raise ValueError('expected a JSON list of a program and its arguments, such as ["/usr/bin/page", "--urgent"]')
    return tuple(command)


Command = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_read_command)]
"""A program and its arguments; empty: none."""


class MarketSettings(BaseSettings):
    """Everything that an operator sets. Each field is also a variable, `COMPUTEHIVE_MARKET_RPC_URL` and so on."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="ignore")

    address_book: Path
    """Where the contracts are: the file that scripts/deploy.py writes."""
    rpc_url: str = "http://127.0.0.1:8545"
    """The chain's JSON-RPC."""
    public_rpc_url: str = ""
    """What clients are told instead, where `rpc_url` is not for them."""
    operator_keystore: Path
    """The encrypted key that pays gas and that orders name as their market."""
    password_file: Path | None = None
    password: SecretStr | None = None
    data_dir: Path = Field(default_factory=lambda: user_data_path("computehive") / "market")
    """Database and blobs."""
    database_url: SecretStr | None = None
    """PostgreSQL's, where several processes share the work; else SQLite in the data folder."""
    roles: str = "all"
    """What this process does of all that a market does."""
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    """0 takes any free port."""
    round_seconds: float = Field(default=2.0, gt=0)
    seal_seconds: int = Field(default=3, ge=0)
    """How long sealed verdicts wait for the rest of the committee."""
    max_blob_bytes: int = Field(default=256_000_000, gt=0)
    max_streams: int = Field(default=200, ge=0)
    """How many logs and timelines may be followed at once, by all clients together; 0 refuses all."""
    requests_per_minute: int = Field(default=12_000, ge=0)
    """Of one address; 0 is no limit."""
    orders_per_minute: int = Field(default=1_200, ge=0)
    """New ones of one signer; 0 is no limit."""
    cors_origins: str = Field(default="*", pattern=ORIGINS)
    """Whose pages may call from a browser: origins with commas between; empty is nobody's."""
    log_level: str = "info"
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    """Where `/metrics` is served, apart from the API; None nowhere, 0 at any free port."""
    metrics_host: str = "127.0.0.1"
    """The address that it listens on; what it tells is not for the public."""
    otlp_endpoint: str = ""
    """Where spans go: an OTLP collector's address over HTTP; empty: nowhere."""
    remedy: Command = ()
    """What is run when the watcher files a finding: a JSON list of program and arguments; empty: nothing."""
    remedy_seconds: float = Field(default=30.0, gt=0, le=60)
    """How long it may take; the watcher waits for it."""

    @field_validator("roles")
    @classmethod
    def _are_known(cls, roles: str) -> str:
        try:
            parse_roles(roles)
        except InputError as error:
            raise ValueError(str(error).rstrip(".")) from error
        return roles

    def database(self) -> Path | str:
        """A file, or a URL."""
        return self.data_dir / "market.db" if self.database_url is None else self.database_url.get_secret_value()

    def rules(self) -> Rules:
        """What services need of it."""
        return Rules(
            round_seconds=self.round_seconds,
            seal_seconds=self.seal_seconds,
            max_blob_bytes=self.max_blob_bytes,
            max_streams=self.max_streams,
            requests_per_minute=self.requests_per_minute,
            orders_per_minute=self.orders_per_minute,
            cors_origins=tuple(filter(None, (each.strip() for each in self.cors_origins.split(",")))),
        )


def load_settings(**given: object) -> MarketSettings:
    """Settings from the environment, `given` before it. Raises SettingsError naming the variable."""
    try:
        return MarketSettings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        wrong = {
            ENV_PREFIX + "_".join(map(str, each["loc"])).upper(): each["msg"].removeprefix("Value error, ")
            for each in error.errors(include_url=False)
        }
        users = [name for name in (each.replace(ENV_PREFIX, USER_PREFIX) for each in wrong) if name in os.environ]
        raise SettingsError(
            "; ".join(f"{name}: {problem}" for name, problem in wrong.items()) + ".",
            hint=f"{users[0]} is the user's, for `hive`; the market does not read it."
            if users
            else "Set it in the environment.",
            setting=next(iter(wrong)),
        ) from error
