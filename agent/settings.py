"""The daemons' settings: environment variables COMPUTEHIVE_AGENT_… or a file that COMPUTEHIVE_AGENT_ENV_FILE names."""

import os
from pathlib import Path
from typing import TypeVar

import platformdirs
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from agent.adapters import AdapterSettings
from agent.stated import Stated
from marketplace.errors import SettingsError
from marketplace.protocol.metering import Rates

MOST_PRIVACY_ZONES, LONGEST_NAME = 16, 64


class MachineSettings(BaseSettings):
    """What the sandboxes of this machine need, whoever's jobs they run."""

    model_config = SettingsConfigDict(env_prefix="COMPUTEHIVE_AGENT_", extra="ignore")

    data: Path = Field(default_factory=lambda: platformdirs.user_data_path("computehive") / "agent")
    """Where the journal and unsent outputs lie; of one daemon of a kind, and one account."""

    container_engine: str = ""
    """Address of a Docker engine; empty: containers are not offered, or not judged by running them."""
    container_runtime: str = ""
    image_cache_mb: int = Field(default=10_000, ge=0)
    mcp_servers: Path | None = None
    """File that says which MCP servers this machine runs; without it none are offered."""

    @property
    def adapters(self) -> AdapterSettings:
        """What the sandboxes need to know."""
        return AdapterSettings(
            data=self.data,
            container_engine=self.container_engine,
            container_runtime=self.container_runtime,
            image_cache_mb=self.image_cache_mb,
            mcp_servers=self.mcp_servers,
        )


class NodeSettings(MachineSettings):
    """What this machine needs to serve clients of its own provider: neither market nor chain nor key."""

    region: str = "local"
    units: int = Field(default=1, ge=1, le=1024)
    """How many runs at once."""


class AgentSettings(MachineSettings):
    """What provider and oracle have in common."""

    url: str = "http://127.0.0.1:8080"
    """Where the market is."""
    rpc_url: str
    """The chain's node: this daemon's own view of who pays."""
    address_book: Path
    """The deployment's address book; not taken from the market, which is not trusted with it."""
    keystore: Path
    """Encrypted key: the provider's (it signs asks), or the oracle's."""
    password_file: Path | None = None
    password: str = Field(default="", repr=False)
    """Password of the keystores; the file goes first, and its line ends do not count."""


class ProviderSettings(AgentSettings):
    """A provider's offer. Rates are micro-USDC, gross of the protocol's fee."""

    agent_keystore: Path | None = None
    """A key of its own for attestations, so that the provider's can stay elsewhere; by default the same."""
    region: str = "local"
    units: int = Field(default=1, ge=1, le=1024)
    """How many jobs at once."""
    ask_valid_seconds: int = Field(default=3_600, ge=600)
    claim_margin_seconds: int = Field(default=300, ge=0)
    """How long before its deadline a lease that nobody has settled is claimed on chain; 0 claims nothing."""
    gpu_hour_rate: int = Field(default=1_500_000, ge=0)
    vcpu_hour_rate: int = Field(default=30_000, ge=0)
    gb_hour_rate: int = Field(default=4_000, ge=0)
    gfuel_rate: int = Field(default=20, ge=0)
    egress_gb_rate: int = Field(default=50_000, ge=0)
    minimum_charge: int = Field(default=100, ge=0)
    auto_price: bool = False
    """Whether the daemon tries markups above these rates by itself; never below."""
    preemptible_jobs: bool = False
    """Whether to take jobs that a better bid may end; such a job is paid nothing."""
    carbon_grams_per_kwh: int | None = Field(default=None, ge=0, lt=2**16)
    zone: str = Field(default="", max_length=LONGEST_NAME)
    rack: str = Field(default="", max_length=LONGEST_NAME)
    privacy_zones: str = ""
    """Names with commas between."""
    fixed_cost_per_hour: int = Field(default=0, ge=0, lt=2**40)

    @field_validator("privacy_zones")
    @classmethod
    def _few_and_short(cls, given: str) -> str:
        names = _names(given)
        if len(names) > MOST_PRIVACY_ZONES or any(len(name) > LONGEST_NAME for name in names):
            raise ValueError(f"at most {MOST_PRIVACY_ZONES} names of {LONGEST_NAME} characters, commas between")
        return given

    @property
    def stated(self) -> Stated:
        """What an inventory cannot find out."""
        return Stated(
            zone=self.zone,
            rack=self.rack,
            privacy_zones=_names(self.privacy_zones),
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


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


class OracleSettings(AgentSettings):
    """An oracle's settings."""

    wall_factor: float = Field(default=4.0, ge=1)
    """How much longer than the bid's seconds this machine may take for its own run."""


Settings = TypeVar("Settings", bound=MachineSettings)


def load_settings(kind: type[Settings]) -> Settings:
    """Settings from the environment. Raises SettingsError naming the first one that is missing or wrong."""
    try:
        return kind(_env_file=os.environ.get("COMPUTEHIVE_AGENT_ENV_FILE"))  # type: ignore[call-arg]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = "COMPUTEHIVE_AGENT_" + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"{name}: {first['msg']}.", hint="See docs/architecture.md for all settings.") from error
