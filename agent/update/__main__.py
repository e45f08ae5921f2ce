"""`python -m agent.update look|prepare ROOT URL DATA`: a daemon's helper process. One JSON object on standard output.

What a release is held against, and what installs it, is thereby never in the daemon's memory, nor in its way.
"""

import json
import os
import signal
import sys
from pathlib import Path

from agent.update.installation import Installation
from agent.update.source import Pin
from agent.update.work import look, prepare
from marketplace.errors import MarketError

NICENESS = 10
"""Jobs go before it."""


def main(arguments: list[str]) -> int:
    """Exit status: 0, else that of the error, which stands on standard error."""
    os.nice(NICENESS)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # what it has started ends with it
    try:
        task, root, url, data = arguments
    except ValueError:
        print("usage: python -m agent.update look|prepare ROOT URL DATA", file=sys.stderr)
        return 2
    pin, installation = Pin(Path(root), url), Installation.find(Path(sys.prefix))
    try:
        if task == "prepare" and installation is not None:
            found = prepare(pin, Path(data), installation)
        else:
            found = look(pin, Path(data), installation)
    except MarketError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(json.dumps(found.to_json()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
