"""A provider's side of a canary: it runs every job, and lies about those that were planted for it to lie about.

So its node is as good as any other for everybody else's jobs, and nothing in what it offers tells it from them.
"""

from collections.abc import Callable, Collection
from dataclasses import replace

from agent.work import NO_HOOKS, Execution, Hooks, Runner
from marketplace.client.terms import LeaseTerms
from marketplace.errors import InputError
from marketplace.protocol.canaries import canary_seed
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.manifest import Manifest, ManifestEntry


class CanaryRunner:
    """Runs jobs as `runner` does, and falsifies the results of canaries: those whose salt is among `salts()`."""

    def __init__(self, runner: Runner, salts: Callable[[], Collection[str]]) -> None:
        self._runner, self._salts = runner, salts

    def __call__(self, terms: LeaseTerms, hooks: Hooks = NO_HOOKS) -> Execution:
        """The job's run, or a false one. Raises ServiceUnavailable as the runner does."""
        execution = self._runner(terms, hooks)
        return falsify(execution) if self._is_canary(terms) and _can_lie(execution) else execution

    def _is_canary(self, terms: LeaseTerms) -> bool:
        agent, renter, seed = terms.ask.agent, terms.bid.renter, terms.job_spec.determinism.seed
        return any(canary_seed(agent, renter, salt) == seed for salt in self._salts())


def falsify(execution: Execution) -> Execution:
    """The same run with one bit of one file changed: same sizes, same fuel, so that only running the job shows it.

    Raises InputError where it has written nothing.
    """
    entry = next((one for one in execution.manifest.entries if one.size), None)
    if entry is None:
        raise InputError("The job has written nothing that could be falsified.", hint="Plant a job with an output.")
    data = execution.blobs[entry.digest]
    other = bytes([data[0] ^ 1]) + data[1:]
    entries = [ManifestEntry.of(one.path, other) if one is entry else one for one in execution.manifest.entries]
    blobs = {**execution.blobs, sha256_digest(other): other}
    return replace(execution, manifest=Manifest.build(entries), blobs=blobs)


def _can_lie(execution: Execution) -> bool:
    """Whether oracles would run the job at all, and there is something to change."""
    is_readable = execution.sealed is None  # whoever plants a canary does not make it private
    return is_readable and execution.exit_kind.is_reproducible and any(one.size for one in execution.manifest.entries)
