"""The process that evaluates an operator's policy: one Rego module, a question a line, an answer a line.

It is started by its file, imports nothing of the market, has no environment, writes no file, has bounded memory, and is
ended by the kernel where one evaluation takes too long, also if the market was killed meanwhile.
"""

import json
import os
import resource
import signal
import socket
import sys
import time
from threading import Thread
from typing import Any

MOST_KILOBYTES = 1 << 20
"""Resident. The interpreter's allocator reserves more addresses than a limit of the kernel could let it have, so a
thread looks at what is used."""
LOOK_SECONDS = 0.02
QUERY = "found=data.computehive.admission"


def main() -> None:
    """Serve the socket with the inherited number; after it come the policy's file, and the seconds that an evaluation
    and reading the policy may take: its interpreter alone takes more than one of them on a busy machine."""
    number, file, seconds, start_seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
    os.environ.clear()  # `opa.runtime()` would show it
    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(limit, (0, 0))
    Thread(target=_watch_memory, daemon=True).start()
    with socket.socket(fileno=number) as market, market.makefile("rwb") as lines:
        signal.setitimer(signal.ITIMER_REAL, start_seconds)
        ask = _load(file)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for line in lines:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            answer = ask(json.loads(line))
            signal.setitimer(signal.ITIMER_REAL, 0)
            lines.write(json.dumps(answer).encode() + b"\n")
            lines.flush()


def _watch_memory() -> None:
    while resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < MOST_KILOBYTES:
        time.sleep(LOOK_SECONDS)
    os._exit(1)


def _load(file: str):
    """A function from an input to `{found}` or `{error}`."""
    from regopy import Interpreter, LogLevel

    interpreter = Interpreter()
    interpreter.log_level = LogLevel.NONE
    interpreter.strict_built_in_errors = True  # a failed builtin is an error, and not a rule that does not hold
    try:
        with open(file, encoding="utf-8") as source:
            interpreter.add_module("policy", source.read())
        bundle = interpreter.build(QUERY)
    except Exception as error:  # what the library raises, and what it does not foresee
        told = str(error)
        return lambda _: {"error": told}

    def ask(document: Any) -> dict[str, Any]:
        try:
            interpreter.set_input(document)
            told = str(interpreter.query_bundle(bundle))
            return {"found": {} if told == "undefined" else json.loads(told)["bindings"]["found"]}
        except ValueError:
            return {"error": f"two rules contradict each other, or a builtin failed: {told}"}
        except Exception as error:
            return {"error": str(error)}

    return ask


if __name__ == "__main__":
    main()
