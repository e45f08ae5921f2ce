"""A chain and a testbed on it, for as long as a block lasts."""

import json
import select
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.toolchain import BROWNIE_VENV, BUILD, ROOT, brownie_environment, free_port

AUDIT = BUILD / "audit"
_ONE_AT_A_TIME = threading.Lock()
"""Brownie tidies up the build folder when it loads a project: two that load at once miss each other's files."""


class BenchEnded(Exception):
    """The testbed is gone, or it did not answer in time: start another."""


class BenchDoubtful(Exception):
    """A test that noticed a mutant fails without it, too: start another bench and ask again."""


class Bench:
    """Runs jobs of tests; see testbed.py for what a job is. Everything started is ended with the block, by its id."""

    def __init__(self, name: str, bytecode: dict[str, str], folders: Sequence[str]):
        self._folder = AUDIT / name
        self._orders = {"bytecode": bytecode, "folders": list(folders)}
        self._started: list[subprocess.Popen] = []
        self.collected: list[str] = []
        """All tests."""
        self.deploying: list[int] = []
        """Places that deploying the market came through."""

    def __enter__(self) -> "Bench":
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            url, lines = self._start_chain()
            orders = self._folder / "orders.json"
            orders.write_text(json.dumps({**self._orders, "lines": lines}))
            env = brownie_environment(url, self._folder / "brownie-home")
            python = BROWNIE_VENV / "bin" / "python"
            with _ONE_AT_A_TIME:
                self._testbed = self._start([python, "-m", "scripts.audit.testbed", orders], "testbed", env)
                ready = self._answer(300)
        except BaseException:
            self.__exit__()
            raise
        self.collected, self.deploying = ready["collected"], ready["deploying"]
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._started):
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._started.clear()

    def run(self, *, at_most: float, **job: Any) -> dict[str, dict[str, Any]]:
        """Each test's fate. Raises BenchEnded after `at_most` seconds."""
        self._testbed.stdin.write(json.dumps(job) + "\n")
        self._testbed.stdin.flush()
        return self._answer(at_most)["tests"]

    def _answer(self, seconds: float) -> dict[str, Any]:
        ready, _, _ = select.select([self._testbed.stdout], [], [], seconds)
        line = self._testbed.stdout.readline() if ready else ""
        if not line:
            raise BenchEnded(f"no answer from the testbed; see {self._folder / 'testbed.log'}")
        return json.loads(line)

    def _start_chain(self) -> tuple[str, int]:
        port = free_port()
        chain = self._start(["node", ROOT / "scripts" / "audit" / "chain.js", str(port)], "chain", None)
        word, _, lines = chain.stdout.readline().partition(" ")
        if word != "ready":
            raise BenchEnded(f"the chain did not start; see {self._folder / 'chain.log'}")
        return f"http://127.0.0.1:{port}", int(lines)

    def _start(self, command: Sequence[str | Path], name: str, env: dict[str, str] | None) -> subprocess.Popen:
        with (self._folder / f"{name}.log").open("wb") as errors:
            process = subprocess.Popen(
                list(map(str, command)), cwd=ROOT, env=env, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            )  # fmt: skip
        self._started.append(process)
        return process
