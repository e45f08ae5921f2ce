"""What a renter would rather have, each with a price: it steers the auction, forbids nothing and is never charged.

Prices are micro-USDC, and never negative: of two nodes the auction prefers the dearer one if it is better by more than
it costs more. Part of the job specification, so the renter's signature covers it.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

Label = Annotated[str, Field(min_length=1, max_length=64)]
"""A name of a region, a zone, a rack, a privacy zone."""
Price = Annotated[int, Field(ge=0, lt=2**48)]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class LatencyLimit(_Document):
    """A hard constraint: at most so many milliseconds, there and back, from a region of the latency table."""

    from_region: Label
    max_ms: Annotated[int, Field(ge=0, lt=2**16)]


class LatencyPrice(_Document):
    """What each millisecond from a region is worth not to have, micro-USDC."""

    from_region: Label
    price_per_ms: Price


class LocalityPrice(_Document):
    """What it is worth, micro-USDC, to be in a zone, at a rack, or at that rack of that zone."""

    zone: Annotated[str, Field(max_length=64)] = ""
    rack: Annotated[str, Field(max_length=64)] = ""
    worth: Price

    @model_validator(mode="after")
    def _names_something(self) -> "LocalityPrice":
        if not self.zone and not self.rack:
            raise ValueError("expected a zone, a rack or both")
        return self


class DataLocation(_Document):
    """Data that the job reads from a region's storage: the renter pays its own cloud for moving it."""

    region: Label
    mb: Annotated[int, Field(ge=0, lt=2**40)]


class Preferences(_Document):
    """Priced wishes. Empty, nothing but the price decides."""

    carbon_price_per_kg: Price = 0
    """Micro-USDC for each kg of CO2e that the job causes."""
    latency: Annotated[tuple[LatencyPrice, ...], Field(max_length=16)] = ()
    locality: Annotated[tuple[LocalityPrice, ...], Field(max_length=16)] = ()
    data: Annotated[tuple[DataLocation, ...], Field(max_length=16)] = ()
