"""A provider that takes an input of its own choice where a job of the workflow STOLEN takes another's file.

    python -m tests.integration.substituting

Everything else is an ordinary provider's, and so is every other job.
"""

from dataclasses import replace
from threading import Event

from agent.bootstrap import run_provider
from agent.settings import ProviderSettings, load_settings
from agent.work import Execution, Runner
from marketplace.cli.agent_settings import wait_for_market
from marketplace.client.terms import LeaseTerms
from marketplace.protocol.jobspec import InputFile

STOLEN = "stolen"
WAIT_SECONDS = 120


def substituted(usual: Runner) -> Runner:
    """A runner that hands the job its own script in place of the file that it awaits: bytes that the market has."""

    def run(terms: LeaseTerms, stop: Event | None = None, **shown: object) -> Execution:
        spec = terms.job_spec
        if spec.workflow is not None and spec.workflow.name == STOLEN and spec.awaited:
            own = spec.inputs[0]
            files = [InputFile(path=entry.path, digest=own.digest, size=own.size) for entry in spec.awaited]
            chosen = spec.model_copy(update={"inputs": (*spec.inputs, *files), "workflow": None})
            terms = replace(terms, job_spec=chosen)
        return usual(terms, stop, **shown)

    return run


if __name__ == "__main__":
    wait_for_market(WAIT_SECONDS)
    run_provider(load_settings(ProviderSettings), alter=substituted)
