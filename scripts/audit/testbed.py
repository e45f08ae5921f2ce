"""Runs contract tests many times in one session of pytest against one deployed market. In Brownie's environment.

    python -m scripts.audit.testbed ORDERS

`ORDERS` is a JSON file: `bytecode` of contracts by name, the `folders` of tests, and `lines`, the port of
scripts/audit/chain.js for a request a line. Then jobs come in, one JSON line each: the `mutant` to choose (-1: none),
the `tests` in their order, `seconds` for each, whether to `keep_going` after a failure, whether to `redeploy` the
market as the mutant. Answers go out, one line a job: each test's fate, and what it ran.
"""

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import brownie
import pytest
from _pytest.runner import runtestprotocol
from brownie._config import CONFIG
from brownie.network import rpc
from brownie.network.state import Chain

from scripts.toolchain import ROOT
from tests.contracts.lines import Lines

CALM = ["-qs", "-pno:pytest-brownie", "-pno:cacheprovider", "-ctests/contracts/pytest.ini", "--rootdir=."]


def request(method: str, *params: Any) -> Any:
    """Ask the chain, its own methods included."""
    return brownie.web3.provider.make_request(method, list(params)).get("result")


class TooSlow(Exception):
    """A test's time is over: its mutant does not come to an end."""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises TooSlow if the block takes longer."""

    def stop(*_: object) -> None:
        raise TooSlow

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


class Testbed:
    """Plugin that collects once and then does jobs."""

    def __init__(self, answers: Any):
        self._answers = answers
        self._market = created()
        self._deploying = request("audit_take")

    @pytest.fixture(scope="session")
    def chain(self) -> Any:
        """Brownie's own, without its plugin."""
        return brownie.chain

    @pytest.fixture(scope="session")
    def accounts(self) -> Any:
        """Brownie's own, without its plugin."""
        return brownie.accounts

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> bool:
        items = {item.nodeid: item for item in session.items}
        # What runs next is not known: only what belongs to the whole session outlives a test.
        self._next = SimpleNamespace(listchain=lambda: [session])
        self._say({"collected": list(items), "deploying": self._deploying})
        for line in sys.stdin:
            job = json.loads(line)
            self._say(self._do(job, items))
        return True

    def _say(self, answer: dict[str, Any]) -> None:
        self._answers.write(json.dumps(answer) + "\n")
        self._answers.flush()

    def _do(self, job: dict[str, Any], items: dict[str, Any]) -> dict[str, Any]:
        tests: dict[str, Any] = {}
        request("audit_choose", str(job["mutant"]))
        try:
            with redeployed(*self._market) if job.get("redeploy") else contextlib.nullcontext():
                for name in job["tests"]:
                    tests[name] = self._run(items[name], job)
                    if not tests[name]["passed"] and not job.get("keep_going"):
                        break
        except Exception as error:  # the mutant cannot even be deployed
            tests["deployment"] = {"passed": False, "seconds": 0.0, "why": repr(error)[:500], "ran": []}
        finally:
            request("audit_choose", "-1")
            request("miner_start")
        return {"tests": tests}

    def _run(self, item: Any, job: dict[str, Any]) -> dict[str, Any]:
        reports: list[Any] = []
        request("audit_take")
        started, slow = time.monotonic(), False
        try:
            with within(job["seconds"]):
                reports = runtestprotocol(item, log=False, nextitem=self._next)
        except TooSlow:  # in the chain's set-up or in pytest itself
            slow = True
        why = "".join(str(report.longrepr)[-1500:] for report in reports if report.failed)
        return {
            "passed": not why and not slow,
            "seconds": time.monotonic() - started,
            "why": "TooSlow" if slow else why,
            "ran": request("audit_take") if job.get("trace") else [],
        }


def created() -> tuple[Any, Callable[[], Any]]:
    """The market that every test finds, and how to make another. Made before any test is imported."""
    from tests.contracts import deployed

    brownie.network.gas_price("20 gwei")
    create = deployed.create_world
    world = create()
    deployed.create_world = lambda: world
    return world, create


@contextlib.contextmanager
def redeployed(world: Any, create: Callable[[], Any]) -> Iterator[None]:
    """Another market in the place of the first, for as long as the block lasts."""
    snapshot, was = brownie.chain._take_snapshot(), dict(vars(world))
    try:
        vars(world).update(vars(create()))
        yield
    finally:
        vars(world).update(was)
        brownie.chain._revert(snapshot)


def main(path: str) -> int:
    """0, even where tests fail: what failed is the answer."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    orders = json.loads(Path(path).read_text())
    project = brownie.project.load(ROOT, name="Audited")
    brownie.interface = project.interface
    for name, code in orders["bytecode"].items():
        getattr(project, name)._build["bytecode"] = code
    brownie.network.connect("hive")
    CONFIG.argv["cli"] = "test"  # says nothing about each transaction
    brownie.web3.provider = Lines(orders["lines"])
    # Brownie looks at its callers' source for a warning at each snapshot: a fifth of all time.
    frame = SimpleNamespace(f_locals={"self": brownie.chain})
    rpc.inspect = SimpleNamespace(stack=lambda: [None, SimpleNamespace(frame=frame)])
    return int(pytest.main([*CALM, *orders["folders"]], plugins=[Testbed(answers)]))


if __name__ == "__main__":
    Chain()
    sys.exit(main(sys.argv[1]))
