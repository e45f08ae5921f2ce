"""Random sequences of calls against the independent model, more of them than `make test` runs."""

import os
from typing import Any

from scripts.run_tests import LOGS, Suite, run_suite

EXAMPLES, STEPS = 60, 30
MACHINES = ("test_escrow_stateful.py", "test_channels_stateful.py", "test_prepaid_stateful.py")
SECONDS = 3_000


def run() -> dict[str, Any]:
    """The figures: how many sequences, of how many calls at most, and how many tests of them failed."""
    os.environ |= {"HIVE_STATEFUL_EXAMPLES": str(EXAMPLES), "HIVE_STATEFUL_STEPS": str(STEPS)}
    LOGS.mkdir(parents=True, exist_ok=True)
    totals = run_suite(Suite("contracts", tuple(f"tests/contracts/stateful/{name}" for name in MACHINES), SECONDS))
    return {"sequences": EXAMPLES * len(MACHINES), "steps": STEPS, "failed": totals.failed}
