"""What reserved and used resources cost: the arithmetic that contract, oracles and bills share.

Every line item is rounded up to a whole micro-USDC on its own, so that a bill adds up line by line; the sum is
raised to the ask's minimum charge. `contracts/libraries/QuoteLib.sol` computes the same and a test holds them equal.
"""

from dataclasses import dataclass

from marketplace.errors import MalformedMessage
from marketplace.protocol.units import BPS, BYTES_PER_MB, FUEL_PER_GFUEL, MB_PER_GB, SECONDS_PER_HOUR, ceil_div


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices in micro-USDC per GPU-hour, vCPU-hour, GB-hour of memory, Gfuel, GB of egress; and the least charge."""

    gpu_hour: int
    vcpu_hour: int
    gb_hour: int
    gfuel: int
    egress_gb: int
    minimum: int


@dataclass(frozen=True, slots=True)
class Resources:
    """An amount of resources, reserved or used: counts, MB, seconds, wasmtime fuel, MB sent out."""

    gpus: int
    vcpus: int
    memory_mb: int
    seconds: int
    fuel: int
    egress_mb: int


@dataclass(frozen=True, slots=True)
class Quote:
    """A priced amount of resources, line by line, in micro-USDC."""

    gpu: int
    vcpu: int
    memory: int
    fuel: int
    egress: int
    minimum: int

    @property
    def compute(self) -> int:
        """C_comp of Formula 4.1: what the machine's time and instructions cost."""
        return self.gpu + self.vcpu + self.memory + self.fuel

    @property
    def data(self) -> int:
        """C_data of Formula 4.1: what moving the result out costs."""
        return self.egress

    @property
    def minimum_topup(self) -> int:
        """What the minimum charge adds to the line items."""
        return max(0, self.minimum - self.compute - self.data)

    @property
    def total(self) -> int:
        """C_comp + C_data, raised to the minimum charge."""
        return max(self.minimum, self.compute + self.data)


def compute_quote(rates: Rates, resources: Resources) -> Quote:
    """What `resources` cost at `rates` (DESIGN: C_comp + C_data of Formula 4.1)."""
    hours = resources.seconds, SECONDS_PER_HOUR
    return Quote(
        gpu=ceil_div(resources.gpus * rates.gpu_hour * hours[0], hours[1]),
        vcpu=ceil_div(resources.vcpus * rates.vcpu_hour * hours[0], hours[1]),
        memory=ceil_div(resources.memory_mb * rates.gb_hour * hours[0], hours[1] * MB_PER_GB),
        fuel=ceil_div(resources.fuel * rates.gfuel, FUEL_PER_GFUEL),
        egress=ceil_div(resources.egress_mb * rates.egress_gb, MB_PER_GB),
        minimum=rates.minimum,
    )


def compute_metered_usage(reserved: Resources, fuel_used: int, egress_bytes: int, wall_seconds: int) -> Resources:
    """What a job used, for its pay.

    Wall-clock time of another machine cannot be verified and fuel can: where fuel is reserved, so that anyone who runs
    the job again finds the same, time is charged in proportion to it, `ceil(seconds * fuel_used / fuel)`, whatever
    `wall_seconds` says. Where none is, as for containers, the attested `wall_seconds` are charged, at most those that
    are reserved. Raises MalformedMessage if fuel or egress exceed the reservation.
    """
    egress_mb = ceil_div(egress_bytes, BYTES_PER_MB)
    if fuel_used > reserved.fuel:
        raise MalformedMessage("fuel", f"{fuel_used} used is more than the {reserved.fuel} reserved")
    if egress_mb > reserved.egress_mb:
        raise MalformedMessage("egress", f"{egress_mb} MB sent is more than the {reserved.egress_mb} MB reserved")
    if reserved.fuel:
        seconds = ceil_div(reserved.seconds * fuel_used, reserved.fuel)
    else:
        seconds = min(wall_seconds, reserved.seconds)
    return Resources(reserved.gpus, reserved.vcpus, reserved.memory_mb, seconds, fuel_used, egress_mb)


def compute_pay(rates: Rates, reserved: Resources, used: Resources, price: int) -> int:
    """Gross pay for `used`: the clearing multiplier `price / quote(reserved)` times `quote(used)`, at most `price`.

    Rounded down, so that pay never exceeds price x verified usage. Zero quotes pay nothing.
    """
    reserved_total = compute_quote(rates, reserved).total
    if reserved_total == 0:
        return 0
    return min(price, compute_quote(rates, used).total * price // reserved_total)


@dataclass(frozen=True, slots=True)
class Split:
    """How a lease's locked money ends: `paid + fee + refund == locked` (invariant 2)."""

    locked: int
    paid: int
    fee: int
    refund: int


def compute_split(locked: int, pay: int, fee_bps: int) -> Split:
    """Split `locked` by a gross `pay`: the fee is rounded down and taken from the pay, the rest goes back."""
    if not 0 <= pay <= locked:
        raise MalformedMessage("pay", f"{pay} is not between 0 and the {locked} locked")
    fee = pay * fee_bps // BPS
    return Split(locked=locked, paid=pay - fee, fee=fee, refund=locked - pay)
