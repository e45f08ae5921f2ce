"""`python -m agent provider|oracle`: a daemon with its settings from the environment (agent/settings.py).

`provider --supervised` is what hive-provider-start starts: only so a provider may replace itself. `try` runs one job
in the sandbox: what a new version is asked before it is switched to.
"""

import sys

from agent.bootstrap import run_oracle, run_provider
from agent.settings import OracleSettings, ProviderSettings, load_settings
from agent.update.trial import try_sandbox
from marketplace.errors import MarketError


def main(arguments: list[str]) -> int:
    """Exit status: 0 after a stop, else that of the error."""
    try:
        if arguments in (["provider"], ["provider", "--supervised"]):
            run_provider(load_settings(ProviderSettings), is_supervised="--supervised" in arguments)
        elif arguments == ["oracle"]:
            run_oracle(load_settings(OracleSettings))
        elif arguments == ["try"]:
            print(try_sandbox())
        else:
            print("usage: python -m agent provider [--supervised]|oracle|try", file=sys.stderr)
            return 2
    except MarketError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
