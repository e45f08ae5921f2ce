"""A provider whose node lies about its owner's canaries, and is a provider like any other for everybody else.

    python -m scripts.canary.planter SALTS

Settings are those of `hive provider start`, from the environment. Every lie costs its penalty, which goes to the
canary's renter: be that renter.
"""

import sys
from pathlib import Path

from agent.bootstrap import Alter, run_provider
from agent.canary import CanaryRunner
from agent.settings import ProviderSettings, load_settings
from marketplace.cli.agent_settings import wait_for_market
from scripts.canary.salts import read_salts

WAIT_SECONDS = 120


def main(path: Path) -> None:
    """Run until SIGTERM or SIGINT; salts that are added meanwhile count."""
    wait_for_market(WAIT_SECONDS)
    settings = load_settings(ProviderSettings)
    read_salts(path)  # says at once what is wrong with it
    run_provider(settings, alter=planted(path))


def planted(path: Path) -> Alter:
    """What makes a usual node one that lies about the canaries of `path`: its reports look like any other's."""
    return lambda usual: CanaryRunner(usual, lambda: read_salts(path))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {__spec__.name} SALTS")
    main(Path(sys.argv[1]))
