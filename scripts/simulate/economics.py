"""What honest work, cheating and laziness are worth on average: the formulas of `docs/explanation/verification.md`.

Amounts are micro-USDC a lease, as floats since they are expectations; chances are from 0 to 1. Pure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import comb

from marketplace.domain.oracle_record import ORACLE_SHARE_BPS
from marketplace.protocol.metering import compute_split
from marketplace.protocol.units import BPS

FEE_BPS = 500
"""The escrow's fee at the start (`Escrow.sol`; at most 1,000)."""
DISPUTE_BOND_BPS = 1_000
"""What of a claim a renter puts up to dispute it (`Escrow.sol`)."""
CANARY_STEPS = 10_000
"""How finely the least share of canaries is looked for, before it is made exact."""
NEGLIGIBLE = 1e-9
"""Below this a chance or an amount is none."""


@dataclass(frozen=True, slots=True)
class Deal:
    """One lease, used to the full, so that pay and price are one."""

    price: int = 1_000_000
    cost: int = 500_000
    """What running the job costs the provider: what it saves by not running it."""
    penalty: int | None = None
    """What a fraud costs; None: the price, which is what the contract takes."""
    fee_bps: int = FEE_BPS
    """What of the pay the escrow keeps."""
    future: int = 0
    """What the provider loses beside the penalty when it is caught: later leases that it will not get."""

    @property
    def stake(self) -> int:
        """What a verdict of fraud takes."""
        return self.price if self.penalty is None else self.penalty

    @property
    def net(self) -> int:
        """What a paid lease brings its provider, after the fee."""
        return compute_split(self.price, self.price, self.fee_bps).paid

    @property
    def loss(self) -> int:
        """What being caught costs."""
        return self.stake + self.future


@dataclass(frozen=True, slots=True)
class Chances:
    """What becomes of a lie: it is paid, it is caught, or neither (nobody is paid, nobody is blamed)."""

    paid: float
    caught: float


def honest_profit(deal: Deal) -> float:
    """What a lease is worth to a provider that runs it."""
    return deal.net - deal.cost


def lying_profit(deal: Deal, chances: Chances) -> float:
    """What a lease is worth to a provider that makes its result up (Belenkiy et al. 2008, section 3)."""
    return chances.paid * deal.net - chances.caught * deal.loss


def least_detection(deal: Deal) -> float:
    """The chance of being caught from which on lying is worth less than working, where what is not caught is paid."""
    return deal.cost / (deal.net + deal.loss)


def least_detection_to_lose(deal: Deal) -> float:
    """The chance of being caught from which on lying loses money."""
    return deal.net / (deal.net + deal.loss)


def least_penalty(deal: Deal, detection: float) -> float:
    """The penalty from which on lying is worth less than working, at a chance of being caught above 0."""
    return deal.cost / detection - deal.net - deal.future


def judged(oracles: int, threshold: int, lazy: float, audited: float = 1.0) -> Chances:
    """What becomes of a lie where each oracle signs unseen with chance `lazy`, and only `audited` of leases are run."""
    seen = sum(_binomial(oracles, runs, 1 - lazy) for runs in range(threshold, oracles + 1))
    unseen = sum(_binomial(oracles, idle, lazy) for idle in range(threshold, oracles + 1))
    return Chances(paid=1 - audited + audited * unseen, caught=audited * seen)


def suppressed(audited: float) -> Chances:
    """What becomes of a lie whose market settles nothing once it learns that the draw fell on it."""
    return Chances(paid=1 - audited, caught=0)


def voted(replicas: int, share: float) -> Chances:
    """What becomes of a replica that lies with all others of its owner, who has `share` of what replicas go to."""
    paid = caught = 0.0
    for accomplices in range(replicas):
        chance = _binomial(replicas - 1, accomplices, share)
        paid += chance * (2 * (1 + accomplices) > replicas)
        caught += chance * (2 * (replicas - 1 - accomplices) > replicas)
    return Chances(paid, caught)


def greatest_share(deal: Deal, replicas: int) -> float:
    """The share of a market below which an owner who lies with all it has there loses money (by bisection)."""
    return find_root(lambda share: lying_profit(deal, voted(replicas, share)))


def framing_profit(deal: Deal, replicas: int, own: int) -> float:
    """What a renter gains from a job of its own whose replicas go to `own` accounts of its own, which lie, and others.

    Outvoted others lose their penalty to it; its own only move money between its accounts, less the fee if paid.
    """
    others = replicas - own
    if 2 * own > replicas:
        return others * deal.stake - own * (deal.price - deal.net)
    return -others * deal.price if 2 * others > replicas else 0


def accepted(looks: float) -> Chances:
    """What becomes of a lie that only the renter judges: caught means unpaid, as no oracle can call it a fraud."""
    return Chances(paid=1 - looks, caught=0)


def attested(forged: float) -> Chances:
    """What becomes of a lie with evidence that passes with chance `forged`, and is a fraud otherwise."""
    return Chances(paid=forged, caught=1 - forged)


def disputing_profit(deal: Deal, answered: float) -> float:
    """What a renter gains by disputing honest work, where oracles answer in time with chance `answered`.

    Unanswered, lock and bond come back; answered, the bond is the provider's (beside the price, which is owed anyway).
    """
    bond = deal.price * DISPUTE_BOND_BPS // BPS
    return (1 - answered) * deal.price - answered * bond


def least_answers(deal: Deal) -> float:
    """How often oracles must answer for a false dispute to lose money."""
    return find_root(lambda answered: disputing_profit(deal, answered))


def oracle_fee(deal: Deal, oracles: int) -> float:
    """What a paid lease brings each of `oracles` who agree: k share, and each is as often among the first k to sign."""
    fee = compute_split(deal.price, deal.price, deal.fee_bps).fee
    return fee * ORACLE_SHARE_BPS / BPS / oracles


@dataclass(frozen=True, slots=True)
class Seat:
    """A member's place in a committee whose others are honest. Its holder loses it when a canary catches it."""

    fee: float
    """`oracle_fee`."""
    cost: float
    """What running a job again costs it."""
    canaries: float
    """Share of leases that are planted lies."""
    leases: int
    """How many leases the seat is for."""


def running_profit(seat: Seat) -> float:
    """A lease's worth to an oracle that runs every job: a lie pays no fee, and costs it the run."""
    return (1 - seat.canaries) * seat.fee - seat.cost


def guessing_profit(seat: Seat) -> float:
    """A lease's worth to an oracle that signs "paid, as attested" until a canary catches it."""
    if seat.canaries < NEGLIGIBLE:
        return seat.fee
    stays = 1 - seat.canaries
    return seat.fee * stays * (1 - stays**seat.leases) / (seat.canaries * seat.leases)


def copying_profit(seat: Seat) -> float:
    """A lease's worth to an oracle that could read others' verdicts first: no canary ever catches it."""
    return (1 - seat.canaries) * seat.fee


def least_canaries(fee: float, cost: float, leases: int) -> float:
    """The share of canaries from which on running jobs is worth more than guessing.

    Raises ValueError where no share is enough: running costs as much as it earns, or the seat is for too few leases.
    Canaries pay no fee, so that with more of them running is worth less as well: the least share is looked for.
    """
    steps = [step * max(0.0, 1 - cost / fee) / CANARY_STEPS for step in range(CANARY_STEPS)]
    for below, above in pairwise(steps):
        if _advantage(Seat(fee, cost, above, leases)) > 0:
            return find_root(lambda share: _advantage(Seat(fee, cost, share, leases)), below, above)
    raise ValueError(f"no share of canaries makes runs at {cost} worth more than guesses at {fee} over {leases} leases")


def _advantage(seat: Seat) -> float:
    return running_profit(seat) - guessing_profit(seat)


def find_root(function: Callable[[float], float], low: float = 0.0, high: float = 1.0) -> float:
    """Where a function changes its sign between `low` and `high`, by bisection; `high` if it does not."""
    sign = function(low) > 0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (function(middle) > 0) == sign else (low, middle)
    return high


def _binomial(tries: int, hits: int, chance: float) -> float:
    return comb(tries, hits) * chance**hits * (1 - chance) ** (tries - hits)
