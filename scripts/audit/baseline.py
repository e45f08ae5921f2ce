"""The instrumented contracts under all their tests once, with no mutant: what each test runs.

Coverage and mutation begin here. Both steps are kept in build/audit until what they depend on changes.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from scripts.audit.bench import AUDIT, Bench
from scripts.audit.schema import Build, Mutant, Probe, build
from scripts.audit.scope import MONEY, MUTATED, TESTS, file_of, files_of
from scripts.toolchain import ROOT

FOLDERS = [f"tests/contracts/{name}" for name in TESTS]
MOST_SECONDS = 1_800
WORKERS = int(os.environ.get("HIVE_AUDIT_WORKERS", "2"))
"""Benches at once: each is a chain and a client that wait for each other."""


@dataclass(frozen=True)
class Baseline:
    """What all tests did with the original."""

    deploying: frozenset[int]
    """Places that deploying the market came through."""
    seconds: dict[str, float]
    """Of each test that passed."""
    ran: dict[str, frozenset[int]]
    """Places that each of them came through."""
    failed: list[str]
    """Tests that the instrumented contracts fail, by their gas: they take no part in mutation."""

    def reached(self) -> set[int]:
        """Places that anything came through."""
        return set(self.deploying).union(*self.ran.values())


def fingerprint(paths: Iterable[Path], *others: object) -> str:
    """One hash over the names and contents of files, and over what else there is."""
    digest = hashlib.sha256(repr(others).encode())
    for path in sorted(paths):
        digest.update(f"{path.relative_to(ROOT)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


def sources() -> list[Path]:
    """The contracts that are audited, and what they import of ours."""
    return [path for path in (ROOT / "contracts").rglob("*.sol") if "mocks" not in path.parts]


def instrumented() -> Build:
    """The instrumented contracts; minutes, if they are not at hand."""
    tools = [ROOT / "scripts" / "audit" / f"{name}.py" for name in _TOOLS]
    kept = AUDIT / f"build-{fingerprint([*sources(), *tools], MONEY, MUTATED)}.json"
    if not kept.exists():
        AUDIT.mkdir(parents=True, exist_ok=True)
        found = build(files_of(MUTATED), files_of(), {name: file_of(name) for name in MONEY})
        _write(kept, asdict(found))
    raw = json.loads(kept.read_text())
    return Build(
        raw["bytecode"],
        [Mutant(**each) for each in raw["mutants"]],
        [Mutant(**each) for each in raw["invalid"]],
        [Probe(**each) for each in raw["probes"]],
    )


_TOOLS = ("compiler", "guilt", "operators", "places", "schema")


def tests_now() -> list[Path]:
    """The files that tests are made of, and what runs them."""
    return [*(ROOT / "tests" / "contracts").rglob("*.py"), ROOT / "scripts" / "audit" / "testbed.py"]


def measured(made: Build) -> Baseline:
    """All tests once; minutes, if their results are not at hand. What was run stays, if it is interrupted."""
    kept = AUDIT / f"baseline-{fingerprint(tests_now(), made.bytecode, TESTS)}"
    kept.mkdir(parents=True, exist_ok=True)
    waiting: Queue[Path] = Queue()
    for folder in FOLDERS:
        found = sorted((ROOT / folder).glob("test_*.py")) if (ROOT / folder).is_dir() else [ROOT / folder]
        for path in found:
            if not (kept / f"{path.parent.name}.{path.stem}.json").exists():
                waiting.put(path)
    with ThreadPoolExecutor(WORKERS) as pool:
        for done in [pool.submit(_measure, n, made, waiting, kept) for n in range(WORKERS)]:
            done.result()
    files = [json.loads(path.read_text()) for path in sorted(kept.glob("*.json"))]
    ended = {name: test for each in files for name, test in each["tests"].items()}
    passed = {name: test for name, test in ended.items() if test["passed"]}
    if not any(test["ran"] for test in passed.values()):
        raise RuntimeError("no test came through a probe: these are not the instrumented contracts")
    return Baseline(
        frozenset(place for each in files for place in each["deploying"]),
        {name: test["seconds"] for name, test in passed.items()},
        {name: frozenset(test["ran"]) for name, test in passed.items()},
        sorted(ended.keys() - passed.keys()),
    )


def _measure(number: int, made: Build, waiting: "Queue[Path]", kept: Path) -> None:
    """Run one file of tests after the other until there is none."""
    if waiting.empty():
        return
    with Bench(f"baseline-{number}", made.bytecode, FOLDERS) as bench:
        while True:
            try:
                path = waiting.get_nowait()
            except Empty:
                return
            mine = [name for name in bench.collected if name.startswith(f"{path.relative_to(ROOT)}::")]
            job = {"mutant": -1, "tests": mine, "seconds": 600, "keep_going": True, "trace": True}
            tests = bench.run(at_most=MOST_SECONDS, **job)
            _write(kept / f"{path.parent.name}.{path.stem}.json", {"deploying": bench.deploying, "tests": tests})


def _write(path: Path, content: Any) -> None:
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(json.dumps(content))
    unfinished.replace(path)
