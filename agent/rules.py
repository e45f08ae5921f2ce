"""What a provider will not run, whatever it was matched with.

The market knows of no such rules: they are kept here, when a lease is about to run. A refused job is attested as one
that the sandbox could not start, with nothing used: its renter has everything back as soon as that is judged, and it
counts among the provider's failed leases. To stay silent would keep the renter waiting until the deadline, and be a
strike.
"""

from dataclasses import dataclass

from agent.work import NO_DIGEST, NO_HOOKS, Execution, Hooks, Runner, limits_of, refuse
from marketplace.client.terms import LeaseTerms

_REFUSED = "Refused by a rule of this provider: "


@dataclass(frozen=True, slots=True)
class Rules:
    """Empty or zero where there is no rule. Addresses are checksummed."""

    allow_renters: tuple[str, ...] = ()
    """Nobody else's jobs are run."""
    deny_renters: tuple[str, ...] = ()
    max_duration_seconds: int = 0

    def find_obstacle(self, terms: LeaseTerms) -> str:
        """Why a lease's job is not run here; empty where it is."""
        bid = terms.bid
        if bid.renter in self.deny_renters or (self.allow_renters and bid.renter not in self.allow_renters):
            return f"it does not run jobs of {bid.renter}."
        if 0 < self.max_duration_seconds < bid.duration_seconds:
            return f"a job may reserve {self.max_duration_seconds} s, this one reserves {bid.duration_seconds} s."
        return ""


class RuledRunner:
    """A runner that runs only what the rules allow."""

    def __init__(self, rules: Rules, runner: Runner) -> None:
        self._rules, self._runner = rules, runner

    def __call__(self, terms: LeaseTerms, hooks: Hooks = NO_HOOKS) -> Execution:
        """Run the job, or attest that it was refused, with the rule in `log/stderr`."""
        obstacle = self._rules.find_obstacle(terms)
        if obstacle:
            return refuse(_REFUSED + obstacle, limits_of(terms.bid).egress_bytes, NO_DIGEST)
        return self._runner(terms, hooks)
