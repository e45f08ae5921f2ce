"""`make gas-snapshot`: runs the test that measures what calls cost, which then writes what it found.

Without HIVE_WRITE_GAS_SNAPSHOT it runs the test alone.
"""

import sys

from scripts.run_tests import LOGS, Suite, run_suite

TEST = "tests/contracts/test_gas.py"
SECONDS = 600


def main() -> int:
    """0 if everything was measured."""
    LOGS.mkdir(parents=True, exist_ok=True)
    return 1 if run_suite(Suite("contracts", (TEST,), SECONDS)).failed else 0


if __name__ == "__main__":
    sys.exit(main())
