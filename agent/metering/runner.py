"""A runner whose runs also say what they drew."""

from collections.abc import Callable
from dataclasses import replace

from agent.metering.polling import polled
from agent.metering.rapl import LOOK_SECONDS, Meter
from agent.work import NO_HOOKS, Execution, Hooks, Runner
from marketplace.client.terms import LeaseTerms


class MeteredRunner:
    """Runs jobs as another runner does, and looks at the machine's counters meanwhile."""

    def __init__(self, runner: Runner, open_meter: Callable[[], Meter] = Meter) -> None:
        self._runner, self._open_meter = runner, open_meter

    def __call__(self, terms: LeaseTerms, hooks: Hooks = NO_HOOKS) -> Execution:
        """As `Runner`."""
        meter = self._open_meter()
        with polled(meter.look, LOOK_SECONDS):
            execution = self._runner(terms, hooks)
        joules = meter.joules_of(execution.usage.cpu_seconds)
        return replace(execution, usage=replace(execution.usage, cpu_joules=joules))
