"""`make simulate-verification`: many leases played by the rules in use, beside what the formulas say of them.

    python -m scripts.simulate.verification [--leases 20000] [--seed 1]

Each row is the mean profit of one party from one lease, in micro-USDC, with the interval that holds the true mean with
99.9%; a row is marked where the formula lies outside. Exits with 1 if one is.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from random import Random
from statistics import fmean, stdev

from marketplace.protocol.audits import ALL_PPM, Draw, is_drawn
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import Outcome
from scripts.simulate import economics
from scripts.simulate.economics import Deal, Seat
from scripts.simulate.rules import Oracle, attested, judge, provider_gets, signer_gets, vote

QUANTILE = 3.2905
"""Of the normal distribution: 99.9% lie within so many standard deviations."""
ORACLES, THRESHOLD = 3, 2
"""As in `hive dev`."""
MEMBERS = tuple(f"0x{number:040x}" for number in range(1, ORACLES + 1))
SEAT_LEASES = 400
"""How many leases a seat is played for; a seat is one observation."""
CHEATS = {
    "nobody": "nobody cheats",
    "member": "a member hides its share",
    "market": "the market keeps it back",
}
"""Who helps a liar against a draw, and how."""
Play = Callable[[Random], float]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Who does what; what the formula says of it; how one lease of it is played."""

    title: str
    formula: float
    play: Play
    weight: int = 1
    """By how much fewer plays there are, where one play is many leases."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A scenario as it was played."""

    scenario: Scenario
    mean: float
    margin: float
    """Half of the 99.9% interval."""

    @property
    def agrees(self) -> bool:
        """Whether the formula lies within the interval."""
        return abs(self.mean - self.scenario.formula) <= self.margin + economics.NEGLIGIBLE


def measure(scenario: Scenario, leases: int, seed: int) -> Measured:
    """Play a scenario. The same seed and title play the same leases."""
    random = Random(f"{seed} {scenario.title}")
    profits = [scenario.play(random) for _ in range(max(2, leases // scenario.weight))]
    return Measured(scenario, fmean(profits), QUANTILE * stdev(profits) / sqrt(len(profits)))


# --- providers ---


def reexecuted(deal: Deal, *, lies: float, lazy: float = 0.0, audited: float = 1.0) -> Scenario:
    """A provider that lies with a chance, before oracles of whom each signs unseen with a chance.

    Of all leases only `audited` are run again: which, nobody knows beforehand, and all oracles alike.
    """

    def play(random: Random) -> float:
        is_true = random.random() >= lies
        unseen = random.random() >= audited
        oracles = tuple(Oracle.GUESS if unseen or random.random() < lazy else Oracle.RUN for _ in range(ORACLES))
        verdict, _ = judge(oracles, THRESHOLD, is_true, deal.price)
        outcome = Outcome(verdict.outcome) if verdict is not None else None
        return provider_gets(deal, outcome, verdict.pay if verdict is not None else 0) - deal.cost * is_true

    chances = economics.judged(ORACLES, THRESHOLD, lazy, audited)
    formula = lies * economics.lying_profit(deal, chances) + (1 - lies) * economics.honest_profit(deal)
    return Scenario(f"reexecute: lies {lies:.0%}, oracles lazy {lazy:.0%}, audited {audited:.0%}", formula, play)


def drawn(deal: Deal, *, rate_ppm: int, cheat: str = "nobody") -> Scenario:
    """A provider that lies about every job with a rate of audits, and the draw in use, before oracles that run by it.

    One member chose its share beforehand. `cheat` is who else helps the liar, one of `CHEATS`.
    """

    def play(random: Random) -> float:
        lease, *shares = ("0x" + random.randbytes(32).hex() for _ in range(ORACLES))
        draw = Draw(Domain(1, MEMBERS[0]), MEMBERS, lease, lease)
        falls = is_drawn(draw.compute(dict(zip(MEMBERS, ["0x" + "00" * 32, *shares], strict=True))), rate_ppm)
        if falls and cheat == "market":
            return 0
        is_complete = not (falls and cheat == "member")
        oracles = (Oracle.RUN if falls or not is_complete else Oracle.GUESS,) * ORACLES
        verdict, _ = judge(oracles, THRESHOLD, False, deal.price)
        return provider_gets(deal, Outcome(verdict.outcome), verdict.pay)

    share = rate_ppm / ALL_PPM
    chances = economics.suppressed(share) if cheat == "market" else economics.judged(ORACLES, THRESHOLD, 0, share)
    formula = economics.lying_profit(deal, chances)
    return Scenario(f"audits drawn at {share:.0%}: lies, {CHEATS[cheat]}", formula, play)


def replicated(deal: Deal, *, replicas: int, share: float) -> Scenario:
    """A replica of an owner who has `share` of the market and has all its replicas tell the same lie."""

    def play(random: Random) -> float:
        others = tuple(attested(random.random() >= share) for _ in range(replicas - 1))
        return provider_gets(deal, vote(attested(False), others), deal.price)

    formula = economics.lying_profit(deal, economics.voted(replicas, share))
    return Scenario(f"replicate({replicas}): one owner has {share:.0%} and lies with all", formula, play)


def outvoted(deal: Deal, *, replicas: int, own: int) -> Scenario:
    """A renter whose job goes to accounts of its own, which all tell one lie, and to honest ones."""
    votes = (*(attested(False) for _ in range(own)), *(attested(True) for _ in range(replicas - own)))

    def play(random: Random) -> float:
        total = 0
        for place, evidence in enumerate(votes):
            outcome = vote(evidence, votes[:place] + votes[place + 1 :])
            if outcome is Outcome.PAID:
                total -= deal.price - (deal.net if place < own else 0)
            elif outcome is Outcome.FRAUD and place >= own:
                total += deal.stake
        return total

    formula = economics.framing_profit(deal, replicas, own)
    return Scenario(f"replicate({replicas}): the renter owns {own} of them, and they lie", formula, play)


def looked_at(deal: Deal, *, looks: float) -> Scenario:
    """A lie that only the renter judges: it looks with a chance, and disputes what is wrong; no oracle answers."""

    def play(random: Random) -> float:
        return provider_gets(deal, Outcome.FAILED if random.random() < looks else Outcome.PAID, deal.price)

    formula = economics.lying_profit(deal, economics.accepted(looks))
    return Scenario(f"accept: lies, the renter looks at {looks:.0%}", formula, play)


def with_evidence(deal: Deal, *, forged: float) -> Scenario:
    """A lie with forged evidence, which passes with a chance and is a fraud otherwise."""

    def play(random: Random) -> float:
        return provider_gets(deal, Outcome.PAID if random.random() < forged else Outcome.FRAUD, deal.price)

    formula = economics.lying_profit(deal, economics.attested(forged))
    return Scenario(f"attested: lies, evidence forged with {forged:.0%}", formula, play)


# --- renters and oracles ---


def disputed(deal: Deal, *, answered: float) -> Scenario:
    """A renter that disputes honest work; oracles answer in time with a chance."""
    bond = deal.price * economics.DISPUTE_BOND_BPS // 10_000

    def play(random: Random) -> float:
        if random.random() >= answered:
            return deal.price
        verdict, _ = judge((Oracle.RUN,) * ORACLES, THRESHOLD, True, deal.price)
        return -bond if verdict.pay == deal.price else 0

    return Scenario(
        f"dispute of honest work, answered {answered:.0%}", economics.disputing_profit(deal, answered), play
    )


def framed(deal: Deal, *, colluders: int) -> Scenario:
    """Oracles who call honest work a fraud, together with its renter, who gets the penalty."""

    def play(random: Random) -> float:
        oracles = (Oracle.FRAME,) * colluders + (Oracle.RUN,) * (ORACLES - colluders)
        verdict, _ = judge(oracles, THRESHOLD, True, deal.price)
        return deal.stake if verdict.outcome == Outcome.FRAUD else 0

    formula = float(deal.stake if colluders >= THRESHOLD else 0)
    return Scenario(f"{colluders} of {ORACLES} oracles frame honest work", formula, play)


def seated(deal: Deal, cost: int, canaries: float, habit: str) -> Scenario:
    """One member's seat: `run` runs every job, `guess` signs unseen, `copy` says what the first other said.

    Copying needs verdicts in the open: with seals there is nothing to copy.
    """
    seat = Seat(economics.oracle_fee(deal, ORACLES), cost, canaries, SEAT_LEASES)

    def play(random: Random) -> float:
        own = Oracle.GUESS if habit == "guess" else Oracle.RUN  # who copies one that runs says the same
        total = 0.0
        for _ in range(SEAT_LEASES):
            is_true = random.random() >= canaries
            verdict, agreeing = judge((own, Oracle.RUN, Oracle.RUN), THRESHOLD, is_true, deal.price)
            total -= cost if habit == "run" else 0
            signers = random.sample(sorted(agreeing), THRESHOLD)
            total += signer_gets(deal, verdict, signers) if 0 in signers else 0
            if 0 not in agreeing:
                break  # the canary is opened, and shows what this member sealed
        return total / SEAT_LEASES

    formulas = {
        "run": economics.running_profit,
        "guess": economics.guessing_profit,
        "copy": economics.copying_profit,
    }
    title = f"oracle's seat: {habit}, a run costs {cost}, canaries {canaries:.1%}"
    return Scenario(title, formulas[habit](seat), play, SEAT_LEASES // 8)


def all_scenarios() -> list[Scenario]:
    """The table of the page."""
    deal = Deal()
    providers = [
        reexecuted(deal, lies=0),
        *(reexecuted(deal, lies=lies, lazy=lazy) for lies in (0.1, 1.0) for lazy in (0.0, 0.3, 0.6)),
        *(reexecuted(deal, lies=1.0, audited=audited) for audited in (0.75, 0.5, 0.25, 0.1)),
        *(drawn(deal, rate_ppm=rate, cheat=one) for rate in (500_000, 750_000) for one in CHEATS),
        *(replicated(deal, replicas=k, share=share) for k in (2, 3, 5) for share in (0.1, 0.3, 0.5)),
        *(outvoted(deal, replicas=3, own=own) for own in (1, 2)),
        *(looked_at(deal, looks=looks) for looks in (0.25, 0.75)),
        *(with_evidence(deal, forged=forged) for forged in (0.01, 0.4, 0.6)),
    ]
    others = [
        *(disputed(deal, answered=answered) for answered in (0.5, 0.95)),
        *(framed(deal, colluders=colluders) for colluders in (1, 2)),
        *(seated(deal, 1_000, share, habit) for share in (0.0, 0.005, 0.02) for habit in ("run", "guess", "copy")),
    ]
    return providers + others


def render(found: Sequence[Measured]) -> str:
    """The table."""
    lines = [f"{'who does what':<62}{'formula':>12}{'played':>12}{'±':>9}"]
    for one in found:
        mark = "" if one.agrees else "  differs"
        lines.append(
            f"{one.scenario.title:<62}{one.scenario.formula:>12,.0f}{one.mean:>12,.0f}{one.margin:>9,.0f}{mark}"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if every formula lies within its interval."""
    parser = argparse.ArgumentParser(prog="make simulate-verification", description=__doc__.split("\n")[0])
    parser.add_argument("--leases", type=int, default=20_000, help="of each row (default: 20000)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    found = [measure(one, given.leases, given.seed) for one in all_scenarios()]
    print(render(found))
    return 0 if all(one.agrees for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
