"""Runs a command and ends it when standard input ends: whoever holds the other end of the pipe has died.

    python watchdog.py COMMAND [ARG ...]

Works where PR_SET_PDEATHSIG does not exist, and also ends what the command itself started (its process group).
Standard library only, and nothing of the package: it must start in milliseconds.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

GRACE_SECONDS = 5


def main() -> int:
    """Exit with the command's own status."""
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)

    def end(first: signal.Signals) -> None:
        for number in (first, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(GRACE_SECONDS)
                break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)

    def wait_for_parent() -> None:
        while os.read(0, 1):
            pass
        end(signal.SIGTERM)

    signal.signal(signal.SIGTERM, lambda *_: end(signal.SIGTERM))
    signal.signal(signal.SIGINT, lambda *_: end(signal.SIGTERM))
    threading.Thread(target=wait_for_parent, daemon=True).start()
    status = child.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
