"""A provider that takes the money without doing the work: it makes a result up and attests to it under its own name.

    python -m scripts.demo.liar

An ordinary provider daemon in everything but its runner, which the production code lets one replace (as tests do) and
which no setting can. What gives it away is not here: oracles run the job again.
"""

import json

from agent.bootstrap import run_provider
from agent.sandbox import sandbox_digest
from agent.settings import ProviderSettings, load_settings
from agent.work import NO_HOOKS, Execution, Hooks
from marketplace.cli.agent_settings import wait_for_market
from marketplace.client.terms import LeaseTerms
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.manifest import OUTPUT_PREFIX, STDERR_PATH, STDOUT_PATH, Manifest, ManifestEntry

INVENTED = {"readings": 1152, "kilowatt_hours": 9214.407}
"""Looks plausible; is wrong."""
WAIT_SECONDS = 120


def invent(terms: LeaseTerms, hooks: Hooks = NO_HOOKS) -> Execution:
    """A result for any job, out of nothing, with a bill for four fifths of the fuel."""
    stdout = f"{INVENTED['readings']} readings, {INVENTED['kilowatt_hours']} kWh in total\n".encode()
    files = {
        OUTPUT_PREFIX + "total.json": json.dumps(INVENTED, indent=1).encode(),
        STDOUT_PATH: stdout,
        STDERR_PATH: b"",
    }
    return Execution(
        exit_kind=ExitKind.EXITED,
        exit_code=0,
        fuel_used=terms.bid.fuel * 4 // 5,
        wall_seconds=0.01,
        manifest=Manifest.build(ManifestEntry.of(path, data) for path, data in files.items()),
        blobs={sha256_digest(data): data for data in files.values()},
        sandbox_digest=sandbox_digest(),
    )


if __name__ == "__main__":
    wait_for_market(WAIT_SECONDS)
    run_provider(load_settings(ProviderSettings), alter=lambda usual: invent)
