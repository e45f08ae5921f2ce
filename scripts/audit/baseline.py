"""The instrumented contracts under all their tests once, with no mutant: what each test runs.

Coverage and mutation begin here. Both steps are kept in build/audit until what they depend on changes.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
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
    versions: dict[str, str]
    """Of each test: changes with the file that it stands in, and with what it uses."""

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
        write(kept, asdict(found))
    raw = json.loads(kept.read_text())
    return Build(
        raw["bytecode"],
        [Mutant(**each) for each in raw["mutants"]],
        [Mutant(**each) for each in raw["invalid"]],
        [Probe(**each) for each in raw["probes"]],
    )


_TOOLS = ("compiler", "guilt", "operators", "places", "schema")


def measured(made: Build) -> Baseline:
    """All tests once: minutes, if their results are not at hand. They stay until a test, or what it uses, changes."""
    kept = _kept(made)
    waiting: Queue[Path] = Queue()
    for path in kept:
        if not kept[path].exists():
            waiting.put(path)
    with ThreadPoolExecutor(WORKERS) as pool:
        for done in [pool.submit(_measure, n, made, waiting, kept) for n in range(WORKERS)]:
            done.result()
    files = {path: json.loads(kept[path].read_text()) for path in kept}
    ended = {name: test for each in files.values() for name, test in each["tests"].items()}
    passed = {name: test for name, test in ended.items() if test["passed"]}
    if not any(test["ran"] for test in passed.values()):
        raise RuntimeError("no test came through a probe: these are not the instrumented contracts")
    return Baseline(
        frozenset(place for each in files.values() for place in each["deploying"]),
        {name: test["seconds"] for name, test in passed.items()},
        {name: frozenset(test["ran"]) for name, test in passed.items()},
        sorted(ended.keys() - passed.keys()),
        {name: f"{kept[path].parent.name}/{kept[path].name}" for path, each in files.items() for name in each["tests"]},
    )


def _kept(made: Build) -> dict[Path, Path]:
    """For each file of tests, where its results are: a name for what it says, in a folder for what all of them use."""
    files = [path for folder in FOLDERS for path in _tests_in(ROOT / folder)]
    shared = [path for path in (ROOT / "tests" / "contracts").rglob("*.py") if not path.name.startswith("test_")]
    shared += [*(ROOT / "marketplace" / "protocol").rglob("*.py"), ROOT / "scripts" / "testchain.js"]
    shared += [ROOT / "scripts" / "audit" / name for name in ("testbed.py", "bench.py", "chain.js")]
    folder = AUDIT / f"baseline-{fingerprint(shared, made.bytecode)}"
    folder.mkdir(parents=True, exist_ok=True)
    return {path: folder / f"{path.parent.name}.{path.stem}-{fingerprint([path])}.json" for path in files}


def _tests_in(place: Path) -> list[Path]:
    return sorted(place.glob("test_*.py")) if place.is_dir() else [place]


def _measure(number: int, made: Build, waiting: "Queue[Path]", kept: Mapping[Path, Path]) -> None:
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
            write(kept[path], {"deploying": bench.deploying, "tests": tests})


def write(path: Path, content: Any) -> None:
    """Write JSON whole or not at all."""
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(json.dumps(content))
    unfinished.replace(path)
