"""Settings of the market, from the environment (`COMPUTEHIVE_MARKET_…`) or given in code.

`COMPUTEHIVE_…` without `MARKET_` is what a person says to `hive`; the service reads none of it.
"""

import json
import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Self

from platformdirs import user_data_path
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from marketplace.domain.retention import BLOBS, LOGS, Kept, Retention
from marketplace.domain.roles import parse_roles
from marketplace.domain.rules import Rules
from marketplace.errors import InputError, SettingsError

ORIGINS = r"^\s*((\*|https?://[^/,\s]+)\s*(,\s*(\*|https?://[^/,\s]+)\s*)*)?$"
KEPT = (*Kept, BLOBS, LOGS)
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

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="ignore", use_attribute_docstrings=True)

    address_book: Path
    """Where the contracts are: the file that scripts/deploy.py writes."""
    rpc_url: str = "http://127.0.0.1:8545"
    """The chain's node, JSON-RPC over HTTP."""
    public_rpc_url: str = ""
    """What clients are told instead, where `rpc_url` is not for them."""
    operator_keystore: Path
    """The encrypted key that pays gas and that orders name as their market."""
    password_file: Path | None = None
    """A file with the keystore's password; goes before `password`."""
    password: SecretStr | None = None
    """The keystore's password."""
    data_dir: Path = Field(default_factory=lambda: user_data_path("computehive") / "market")
    """Database and blobs."""
    blobs_url: str | None = None
    """`s3://BUCKET/PREFIX`, where blobs are kept in place of the data folder. Needs `computehive[s3]`."""
    disk_reserve_mb: int = Field(default=200, ge=0)
    """With less free disk no uploads are taken, which then get 507: the database needs it."""
    blobs_total_mb: int = Field(default=0, ge=0)
    """How much all blobs may take up together; further ones get 507. 0 is any amount."""
    keep_nodes_days: int = Field(default=30, ge=0)
    """How long the last sign of life of a node without an ask is known; 0 is for ever."""
    keep_keys_days: int = Field(default=30, ge=0)
    """How long API keys are still listed that were revoked or have expired; 0 is for ever."""
    keep_orders_days: int = Field(default=0, ge=0)
    """How long orders are kept that ended without ever being matched; 0 is for ever."""
    keep_events_days: int = Field(default=0, ge=0)
    """How long timelines of ended jobs are kept; 0 is for ever."""
    keep_evidence_days: int = Field(default=0, ge=0)
    """How long it is kept what was signed about ended leases; 0 is for ever."""
    keep_blobs_days: int = Field(default=0, ge=0)
    """How long programs, inputs and results of ended jobs are kept, and what no job names; 0 is for ever."""
    keep_logs_days: int = Field(default=30, ge=0)
    """How long it is kept what ended jobs printed; 0 is for ever."""
    database_url: SecretStr | None = None
    """PostgreSQL's, `postgresql+psycopg://USER:PASSWORD@HOST/NAME`, where several processes share the work; else SQLite
    in the data folder."""
    database_url_file: Path | None = None
    """A file with that URL, which has a password in it, but for line ends; goes before `database_url`."""
    read_database_url: SecretStr | None = None
    """URLs of streaming replicas of that PostgreSQL database, spaces between: they answer for public pages. None: all
    is read from the database itself."""
    read_database_url_file: Path | None = None
    """A file with these URLs, a line each; goes before `read_database_url`."""
    read_lag_seconds: float = Field(default=5.0, ge=1, le=600)
    """How old what a replica shows may be; one that is further behind is not asked."""
    roles: str = "all"
    """What this process does of all that a market does: `api`, `workers`, or some of `follower`, `outbox`, `clearing`,
    `seals`, `settlement`, `refunds`, `claims`, `retention`, `webhooks`, `feed`, with commas
    between."""
    nats_url: SecretStr | None = None
    """`nats://USER:PASSWORD@HOST:4222`, where what happens to jobs and rounds is told. Needs `computehive[nats]`."""
    nats_url_file: Path | None = None
    """A file with that URL; goes before `nats_url`."""
    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = Field(default=8080, ge=0, le=65535)
    """The port to listen on; 0 takes any free one."""
    round_seconds: float = Field(default=2.0, gt=0)
    """Pause between rounds; a longer one follows a round that took more than a third of it."""
    seal_seconds: int = Field(default=3, ge=0)
    """How long sealed verdicts, once k are there, wait for the rest of the committee, from the first."""
    batch_seconds: int = Field(default=1, ge=0, le=60)
    """How long a verdict that is agreed on waits for others, to be settled with them in one transaction."""
    max_blob_bytes: int = Field(default=256_000_000, gt=0)
    """The largest upload."""
    unused_uploads: int = Field(default=20_000, ge=0)
    """How many blobs one address may upload within an hour that no order or evidence names; 0 is any number."""
    unused_uploads_mb: int = Field(default=4_000, ge=0)
    """The same in MB together, and never less than `max_blob_bytes`; 0 is any amount."""
    max_streams: int = Field(default=200, ge=0)
    """How many logs and timelines may be followed at once, by all clients together (20 by one address); 0 refuses
    all."""
    max_feeds: int = Field(default=500, ge=0)
    """How many agents and oracles may be told of their work at once (100 by one address), each over one of
    `max_connections`; the others ask now and then. 0 tells nobody."""
    max_connections: int = Field(default=1_000, gt=0)
    """How many connections may be open at once, of all clients together; further ones are closed at once."""
    requests_per_minute: int = Field(default=12_000, ge=0)
    """How many requests one address may make, all at once or spread; 0 is no limit."""
    proxies: str = "127.0.0.1"
    """Whose `X-Forwarded-For` says which address a request is from: addresses and networks of proxies, with commas
    between. Name only those that everybody has to pass."""
    tls_certificate: Path | None = None
    """A PEM file of the certificate with which the market itself speaks TLS, and what leads to its root; none: plain
    HTTP, for a proxy in front."""
    tls_key: Path | None = None
    """Its key."""
    node_ca: Path | None = None
    """The folder of `hive ca issuer`, with whose key nodes and oracles are given certificates; none: they are given
    none."""
    node_certificate_seconds: int = Field(default=3_600, ge=60, le=86_400)
    """How long such a certificate is good."""
    require_node_certificates: bool = False
    """Whether what nodes and oracles send is taken over connections with their certificate alone."""
    certificate_proxies: str = ""
    """Whose header `X-Client-Cert` says which certificate a client has: addresses and networks of proxies that verify
    and always set it, with commas between."""
    orders_per_minute: int = Field(default=1_200, ge=0)
    """How many new orders one signer may place; 0 is no limit."""
    cors_origins: str = Field(default="*", pattern=ORIGINS)
    """From whose pages browsers may call: origins with commas between, `*` for everybody's, empty for nobody's. Only
    named ones may from outside a private network."""
    sign_in_domains: str = "localhost,127.0.0.1,[::1]"
    """Hosts of pages and programs that may open sessions, the `domain` of a signed message: commas between; without a
    port any."""
    webhook_networks: str = ""
    """Networks in which webhooks may be called beside public addresses, and without TLS, such as `127.0.0.0/8`: for
    development."""
    log_level: str = "info"
    """`debug`, `info`, `warning` or `error`."""
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    """Where `/metrics` is served, apart from the API; none nowhere, 0 at any free port."""
    metrics_host: str = "127.0.0.1"
    """The address that metrics are served at; what they tell is for the operator, not for the public."""
    otlp_endpoint: str = ""
    """An OTLP collector over HTTP, such as `http://127.0.0.1:4318`, to which spans go; none: nowhere. Needs
    `computehive[otel]`."""
    policy: Path | None = None
    """A Rego file that says which bids and asks are admitted. Needs `computehive[policy]`."""
    remedy: Command = ()
    """What is run when the watcher files a finding: a JSON list of program and arguments, without a shell; none:
    nothing."""
    remedy_seconds: float = Field(default=30.0, gt=0, le=60)
    """How long the remedy may take; the watcher waits for it."""

    @field_validator("roles")
    @classmethod
    def _are_known(cls, roles: str) -> str:
        try:
            parse_roles(roles)
        except InputError as error:
            raise ValueError(str(error).rstrip(".")) from error
        return roles

    @field_validator("webhook_networks", "certificate_proxies")
    @classmethod
    def _are_networks(cls, networks: str) -> str:
        for each in _listed(networks):
            try:
                ip_network(each)
            except ValueError as error:
                raise ValueError(f"{each!r} is no network such as 127.0.0.0/8") from error
        return networks

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("TLS_CERTIFICATE and TLS_KEY go together: set both or none")
        if self.require_node_certificates and self.node_ca is None:
            raise ValueError("REQUIRE_NODE_CERTIFICATES needs NODE_CA, the folder that `hive ca issuer` makes")
        return self

    def database(self) -> Path | str:
        """A file, or a URL. Raises SettingsError where the file that should have the URL has none."""
        if self.database_url_file is not None:
            return _read_secret(self.database_url_file, "DATABASE_URL_FILE", "the database's URL")
        return self.data_dir / "market.db" if self.database_url is None else self.database_url.get_secret_value()

    def replicas(self) -> tuple[str, ...]:
        """URLs of replicas. Raises SettingsError where the file that should have them has none."""
        if self.read_database_url_file is not None:
            named = "the URLs of replicas"
            return tuple(_read_secret(self.read_database_url_file, "READ_DATABASE_URL_FILE", named).split())
        return () if self.read_database_url is None else tuple(self.read_database_url.get_secret_value().split())

    def nats(self) -> str | None:
        """NATS's URL, if it is set. Raises SettingsError where the file that should have it has none."""
        if self.nats_url_file is not None:
            return _read_secret(self.nats_url_file, "NATS_URL_FILE", "the URL of NATS")
        return None if self.nats_url is None else self.nats_url.get_secret_value()

    def networks(self) -> tuple[str, ...]:
        """Those in which webhooks may be called beside public addresses."""
        return _listed(self.webhook_networks)

    @property
    def proxies_of_certificates(self) -> tuple[str, ...]:
        """Networks of those who say which certificate a client has."""
        return _listed(self.certificate_proxies)

    @property
    def is_embedded(self) -> bool:
        """Whether the database is SQLite, in the data folder."""
        return self.database_url is None and self.database_url_file is None

    def rules(self) -> Rules:
        """What services need of it."""
        return Rules(
            round_seconds=self.round_seconds,
            seal_seconds=self.seal_seconds,
            batch_seconds=self.batch_seconds,
            max_blob_bytes=self.max_blob_bytes,
            max_streams=self.max_streams,
            max_feeds=self.max_feeds,
            unused_uploads=self.unused_uploads,
            unused_upload_bytes=self.unused_uploads_mb * 1_000_000,
            requests_per_minute=self.requests_per_minute,
            orders_per_minute=self.orders_per_minute,
            retention=Retention(**{f"{kind}_days": getattr(self, f"keep_{kind}_days") for kind in KEPT}),
            cors_origins=_listed(self.cors_origins),
            sign_in_domains=_listed(self.sign_in_domains),
        )


def _listed(text: str) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(filter(None, (each.strip() for each in text.split(","))))


def _read_secret(path: Path, variable: str, meant: str) -> str:
    name = ENV_PREFIX + variable
    try:
        secret = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}: {path} cannot be read: {error}.", setting=name) from error
    if not secret:
        raise SettingsError(f"{name}: {path} is empty.", hint=f"Write {meant} into it.", setting=name)
    return secret


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
