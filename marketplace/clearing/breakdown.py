"""What a bid would pay at an ask and what else decides there, line by line: Formula 4.1 for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic.alias_generators import to_camel

from marketplace.clearing.cost import compute_idle_cost, compute_standing_cost, compute_standing_rate
from marketplace.clearing.wishes import Places, Site
from marketplace.domain import atlas
from marketplace.domain.book import PlacedAsk, PlacedBid
from marketplace.domain.constraints import Unit
from marketplace.protocol.metering import Quote, compute_quote

CHARGES = ("gpu", "vcpu", "memory", "fuel", "egress", "minimum_topup")
"""The lines of a `Quote` that are told one by one."""


class Weights(Protocol):
    """How much of C_idle counts, as a round's `Parameters` and its problem tell it."""

    @property
    def stranded_weight_bps(self) -> int:
        """Of what a stranded GPU would earn."""

    @property
    def standing_weight_bps(self) -> int:
        """Of what a node's free units cost their provider."""


@dataclass(frozen=True, slots=True)
class Breakdown:
    """One pair. Micro-USDC; `quote` is charged, all else steers and is not."""

    quote: Quote
    idle: int
    carbon: int
    latency: int
    locality: int
    transfer: int
    carbon_mg: int
    """Milligrams of CO2e that the reserved resources cause in full time."""
    milliseconds: tuple[tuple[str, int | None], ...]
    """There and back, from each region that the job names; None where nobody knows."""

    @property
    def steering(self) -> int:
        """C_idle and preferences: what the auction adds to the price when it compares nodes."""
        return self.idle + self.carbon + self.latency + self.locality + self.transfer

    def to_json(self) -> dict[str, Any]:
        """A JSON object, amounts as decimal strings."""
        lines = {to_camel(name): str(getattr(self.quote, name)) for name in CHARGES}
        return lines | {
            "cComp": str(self.quote.compute),
            "cData": str(self.quote.data),
            "total": str(self.quote.total),
            "steering": {
                "cIdle": str(self.idle),
                "carbon": str(self.carbon),
                "latency": str(self.latency),
                "locality": str(self.locality),
                "dataTransfer": str(self.transfer),
                "total": str(self.steering),
            },
            "carbonMg": str(self.carbon_mg),
            "latencyMs": dict(self.milliseconds),
        }


def break_down(placed: PlacedBid, asks: Sequence[PlacedAsk], weights: Weights) -> list[Breakdown]:
    """The lines of a bid at each of these asks, whether or not it could go there."""
    reserved, wishes = placed.bid.resources, placed.job_spec.preferences
    places = Places([Site.of(one) for one in asks])
    lines, carbon_mg = places.price(wishes, reserved), places.carbon_mg(reserved)
    found = []
    for n, ask in enumerate(asks):
        rates, unit = ask.ask.rates, Unit.of(ask)
        gpus = unit.count_for(placed.bid) * unit.gpus
        standing = compute_standing_cost(reserved, compute_standing_rate(ask, weights.standing_weight_bps))
        found.append(
            Breakdown(
                quote=compute_quote(rates, reserved),
                idle=standing + compute_idle_cost(reserved, rates, gpus, weights.stranded_weight_bps),
                carbon=int(lines.carbon[n]),
                latency=int(lines.latency[n]),
                locality=int(lines.locality[n]),
                transfer=int(lines.data[n]),
                carbon_mg=int(carbon_mg[n]),
                milliseconds=_times(placed, ask.profile.region),
            )
        )
    return found


def _times(placed: PlacedBid, region: str) -> tuple[tuple[str, int | None], ...]:
    """From every region from which the job limits or prices its latency."""
    spec = placed.job_spec
    named = [one.from_region for one in (*spec.requirements.max_latency, *spec.preferences.latency)]
    return tuple((source, atlas.latency_ms(source, region)) for source in dict.fromkeys(named))
