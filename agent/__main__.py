"""`python -m agent provider|oracle`: a daemon with its settings from the environment (agent/settings.py)."""

import sys

from agent.bootstrap import run_oracle, run_provider
from agent.settings import OracleSettings, ProviderSettings, load_settings
from marketplace.errors import MarketError


def main(arguments: list[str]) -> int:
    """Exit status: 0 after a stop, else that of the error."""
    try:
        if arguments == ["provider"]:
            run_provider(load_settings(ProviderSettings))
        elif arguments == ["oracle"]:
            run_oracle(load_settings(OracleSettings))
        else:
            print("usage: python -m agent provider|oracle", file=sys.stderr)
            return 2
    except MarketError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
