"""The daemons' settings: environment variables COMPUTEHIVE_AGENT_…, then a file of such variables that
COMPUTEHIVE_AGENT_ENV_FILE names, then the `config.toml` that COMPUTEHIVE_AGENT_CONFIG_FILE names, then the defaults.

A new field needs nothing else to be a variable and a key of the file. The text below each says what it is for.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import platformdirs
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from agent.adapters import AdapterSettings
from agent.configfile import CONFIG_ENV, keys_of, load_config
from agent.rules import Rules
from agent.schedule import Hours
from agent.setting_types import (
    LONGEST_NAME,
    ORCHESTRATOR,
    PRICING,
    RULES,
    SECRET,
    TOP,
    UPDATES,
    Accounts,
    Names,
    NetworkHosts,
    RayAddress,
    Registries,
    UserPath,
)
from agent.stated import Stated
from agent.vitals import Caution
from marketplace.errors import SettingsError
from marketplace.protocol.metering import Rates

ENV_PREFIX, ENV_FILE_ENV = "COMPUTEHIVE_AGENT_", "COMPUTEHIVE_AGENT_ENV_FILE"


class FolderSettings(BaseSettings):
    """What is known before there is a market or a wallet."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="ignore", use_attribute_docstrings=True)

    data: Annotated[UserPath, ORCHESTRATOR] = Field(
        default_factory=lambda: platformdirs.user_data_path("computehive") / "agent"
    )
    """Where journal, unsent outputs and the benchmark's result lie: one folder a daemon and account, another is
    refused."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """First come, first served; the configuration file comes last."""
        known = {name: value for name, value in read_config_file().items() if name in cls.model_fields}
        return init_settings, env_settings, dotenv_settings, InitSettingsSource(settings_cls, init_kwargs=known)


class MachineSettings(FolderSettings):
    """What the sandboxes of this machine need, whoever's jobs they run."""

    container_engine: str = ""
    """Address of a Docker engine, such as `unix:///var/run/docker.sock`; empty: containers are not offered."""
    container_runtime: str = ""
    """The engine's runtime for jobs, such as `runsc` (gVisor); empty: the engine's own."""
    image_cache_mb: int = Field(default=10_000, ge=0)
    """How much the images of past jobs may take up in the engine, unpacked, 10^6 bytes a MB; those used
    longest ago go first."""
    freeze_mb: int = Field(default=0, ge=0)
    """How much of frozen jobs' memory the engine may keep on its disk, 10^6 bytes a MB; 0 freezes none."""
    registries: Annotated[Registries, RULES] = Field(default_factory=tuple)
    """From which registries jobs may name container images: hosts, with ports where names have them; empty: from
    none."""
    network_hosts: Annotated[NetworkHosts, RULES] = Field(default_factory=tuple)
    """Which hosts jobs may reach that bought network: `HOST`, `*.HOST` (names below it) or `any`, with a port where it
    is not 443."""
    input_cache_mb: int = Field(default=2_000, ge=0)
    """How much of past jobs' inputs and programs is kept in `inputs/` of the data folder for the next job that names
    the same digest; those used longest ago go first; 0 keeps nothing."""
    mcp_servers: UserPath | None = None
    """A file that says which MCP servers this machine runs: their tools are offered."""
    ray_address: RayAddress = ""
    """Address of a Ray cluster that runs jobs in place of this machine, `ray://HOST:PORT`, or `HOST:PORT` of its head
    from a machine of it; empty: jobs run here. Needs `computehive[ray]`."""

    @property
    def adapters(self) -> AdapterSettings:
        """What the sandboxes need to know."""
        return AdapterSettings(
            data=self.data,
            container_engine=self.container_engine,
            container_runtime=self.container_runtime,
            image_cache_mb=self.image_cache_mb,
            freeze_mb=self.freeze_mb,
            registries=self.registries,
            network_hosts=self.network_hosts,
            mcp_servers=self.mcp_servers,
            ray_address=self.ray_address,
        )


class NodeSettings(MachineSettings):
    """What this machine needs to serve clients of its own provider: neither market nor chain nor key."""

    region: Annotated[str, ORCHESTRATOR] = "local"
    """Where the machine stands."""
    units: int = Field(default=1, ge=1, le=1024)
    """How many jobs at once; each gets its share of the machine."""


class AgentSettings(MachineSettings):
    """What provider and oracle have in common."""

    url: Annotated[str, ORCHESTRATOR] = "http://127.0.0.1:8080"
    """Where the market is."""
    rpc_url: Annotated[str, ORCHESTRATOR]
    """The chain's node: this daemon's own view of who pays."""
    address_book: Annotated[UserPath, ORCHESTRATOR]
    """The deployment's address book; not taken from the market, which is not trusted with it."""
    keystore: Annotated[UserPath, ORCHESTRATOR]
    """Encrypted key: the provider's (it signs asks), or the oracle's."""
    password_file: Annotated[UserPath | None, ORCHESTRATOR] = None
    """A file with the keystores' password, but for line ends; goes before `password`."""
    password: Annotated[str, SECRET] = Field(default="", repr=False)
    """The keystores' password."""
    metrics_port: Annotated[int | None, ORCHESTRATOR] = Field(default=None, ge=0, le=65535)
    """Where this machine alone may ask for metrics; 0: any free port; none: nowhere."""
    otlp_endpoint: Annotated[str, ORCHESTRATOR] = ""
    """An OTLP collector's address over HTTP, to which spans of jobs go; empty: nowhere. Needs `computehive[otel]`."""


class ProviderSettings(AgentSettings):
    """A provider's offer. Rates are micro-USDC, gross of the protocol's fee."""

    agent_keystore: Annotated[UserPath | None, ORCHESTRATOR] = None
    """A key of its own for attestations, so that the provider's can stay elsewhere; none: the provider's."""
    region: Annotated[str, ORCHESTRATOR] = "local"
    """Where the machine stands."""
    units: int = Field(default=1, ge=1, le=1024)
    """How many jobs at once; each gets its share of the machine."""
    ask_valid_seconds: Annotated[int, PRICING] = Field(default=3_600, ge=600)
    """How long an ask stands before it is renewed."""
    claim_margin_seconds: Annotated[int, ORCHESTRATOR] = Field(default=300, ge=0)
    """How long before its deadline a lease that nobody has settled is claimed on chain (needs gas); 0 claims
    nothing."""
    gpu_hour_rate: Annotated[int, PRICING] = Field(default=1_500_000, ge=0)
    """Micro-USDC for a GPU-hour."""
    vcpu_hour_rate: Annotated[int, PRICING] = Field(default=30_000, ge=0)
    """Micro-USDC for a vCPU-hour."""
    gb_hour_rate: Annotated[int, PRICING] = Field(default=4_000, ge=0)
    """Micro-USDC for a GB-hour of memory."""
    gfuel_rate: Annotated[int, PRICING] = Field(default=20, ge=0)
    """Micro-USDC for a Gfuel."""
    egress_gb_rate: Annotated[int, PRICING] = Field(default=50_000, ge=0)
    """Micro-USDC for a GB sent out."""
    minimum_charge: Annotated[int, PRICING] = Field(default=100, ge=0)
    """The least that a paid job costs, micro-USDC."""
    auto_price: Annotated[bool, PRICING] = False
    """Whether the daemon tries markups above these rates by itself; never below."""
    preemptible_jobs: Annotated[bool, RULES] = False
    """Whether to take jobs that a better bid may end; what they did until then is paid nothing."""
    carbon_grams_per_kwh: Annotated[int | None, ORCHESTRATOR] = Field(default=None, ge=0, lt=2**16)
    """CO₂e of the machine's electricity; goes before its region's."""
    zone: Annotated[str, ORCHESTRATOR] = Field(default="", max_length=LONGEST_NAME)
    """Where in its region the machine stands."""
    rack: Annotated[str, ORCHESTRATOR] = Field(default="", max_length=LONGEST_NAME)
    """At which rack."""
    privacy_zones: Annotated[Names, ORCHESTRATOR] = Field(default_factory=tuple)
    """Regimes that the machine keeps to, such as `eu-gdpr,hipaa`."""
    fixed_cost_per_hour: Annotated[int, PRICING] = Field(default=0, ge=0, lt=2**40)
    """Micro-USDC that the machine costs while it is on; jobs then go to half-used machines first."""
    tee_collateral: Annotated[UserPath | None, ORCHESTRATOR] = None
    """A file with Intel's signed lists for this machine, as JSON; read anew for each attested job, kept fresh by
    somebody else. Without it the node offers no `tdx`."""

    allow_renters: Annotated[Accounts, RULES] = Field(default_factory=tuple)
    """Addresses; nobody else's jobs are run. A lease of another is refused when it is there: a failed lease, without a
    strike."""
    deny_renters: Annotated[Accounts, RULES] = Field(default_factory=tuple)
    """Addresses whose jobs are not run; refused in the same way."""
    private_jobs: Annotated[bool, RULES] = True
    """Whether to take private jobs. The ask says so: without, they are never matched."""
    grant_seconds: int = Field(default=600, ge=5, le=3_600)
    """How long a leased private job may wait for its key before it is given up; a failed lease, without a strike."""
    max_duration_seconds: Annotated[int, RULES] = Field(default=0, ge=0)
    """The most seconds that a job may reserve; longer ones are refused in the same way; 0: any."""
    sandboxes: Annotated[Names, RULES] = Field(default_factory=tuple)
    """Which of this machine's sandboxes to offer, such as `wasm`; empty: all. The ask says so: others are never
    matched."""
    min_free_disk_mb: int = Field(default=1_000, ge=0)
    """With less free disk space, take no new leases; 0 never minds."""
    min_battery_percent: int = Field(default=40, ge=0, le=100)
    """On battery and with less charge, take no new leases; 0 never minds."""
    max_celsius: int = Field(default=95, ge=0, le=150)
    """While a sensor is that hot, or at its own critical temperature, take no new leases; 0 never minds."""
    schedule: Annotated[tuple[Hours, ...], TOP] = Field(default_factory=tuple)
    """When the machine offers, as JSON, easier as `[[schedule]]` in `config.toml`; outside these hours it takes no new
    leases. Empty: always."""

    self_update: Annotated[Literal["off", "check", "on"], UPDATES] = "off"
    """`check` looks for signed releases, `on` also replaces the program by them; `off` asks nobody."""
    update_root: Annotated[UserPath | None, UPDATES] = None
    """The `root.json` that releases are held against; there is none by default."""
    update_url: Annotated[str, UPDATES] = ""
    """Where releases are, without `metadata/` and `targets/`; there is no place by default."""
    update_hours: Annotated[int, UPDATES] = Field(default=24, ge=1, le=24 * 7)
    """How often the daemon looks for releases, give or take a tenth."""

    @property
    def rules(self) -> Rules:
        """What is not run here."""
        return Rules(self.allow_renters, self.deny_renters, self.max_duration_seconds)

    @property
    def caution(self) -> Caution:
        """When the machine's state keeps it from taking leases."""
        return Caution(self.min_free_disk_mb, self.min_battery_percent, self.max_celsius)

    @property
    def stated(self) -> Stated:
        """What an inventory cannot find out."""
        return Stated(
            zone=self.zone,
            rack=self.rack,
            privacy_zones=self.privacy_zones,
            carbon_grams_per_kwh=self.carbon_grams_per_kwh,
            fixed_cost_per_hour=self.fixed_cost_per_hour,
        )

    @property
    def rates(self) -> Rates:
        """The prices of the ask."""
        return Rates(
            gpu_hour=self.gpu_hour_rate,
            vcpu_hour=self.vcpu_hour_rate,
            gb_hour=self.gb_hour_rate,
            gfuel=self.gfuel_rate,
            egress_gb=self.egress_gb_rate,
            minimum=self.minimum_charge,
        )


class OracleSettings(AgentSettings):
    """An oracle's settings."""

    @property
    def adapters(self) -> AdapterSettings:
        """Only what is deterministic is run again: no oracle needs an engine, or sweeps a provider's."""
        return AdapterSettings(data=self.data)

    wall_factor: float = Field(default=4.0, ge=1)
    """How much longer than the bid's seconds this machine may take for its own run, as a factor."""


KINDS = (ProviderSettings, OracleSettings)
Settings = TypeVar("Settings", bound=FolderSettings)


def read_config_file() -> dict[str, Any]:
    """The settings in the configuration file, by name; none where no file is named. Raises SettingsError."""
    path = os.environ.get(CONFIG_ENV)
    return load_config(Path(path), KINDS) if path else {}


def load_settings(kind: type[Settings], **given: object) -> Settings:
    """A daemon's settings, `given` before all. Raises SettingsError naming the first one that is missing or wrong."""
    try:
        return kind(_env_file=os.environ.get(ENV_FILE_ENV), **given)  # type: ignore[call-arg, arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ENV_PREFIX + "_".join(str(part) for part in first["loc"]).upper()
        key = keys_of(KINDS)[str(first["loc"][0])]
        place = f"; {key.path} in the configuration file" if key.is_in_file else ""
        raise SettingsError(
            f"{name}: {first['msg']}.",
            hint=f"It is a variable{place}. See docs/reference/configuration.md for all settings.",
        ) from error
