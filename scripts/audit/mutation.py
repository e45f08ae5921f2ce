"""Mutation testing: which mistakes in the contracts do their tests notice?

Each mutant meets the tests that run its place, until one fails and does not fail without it: the likeliest of them
first, and those that no likely test noticed at the end meet all the others. `docs/audit/kills.json` remembers which
one it was, so that the next time one test a mutant is enough; `docs/audit/survivors.json` says of those that nothing
noticed why that is right. A survivor that is explained there is not run again: it counts as a survivor.

With HIVE_AUDIT_MUTANTS only so many are run, the first by their names; names are hashes, so that this is a random
sample that is the same every time. The figures say how many were met, and what that tells about all.
"""

import hashlib
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from scripts.audit.baseline import FOLDERS, WORKERS, Baseline, fingerprint, instrumented, measured, write
from scripts.audit.bench import AUDIT, Bench, BenchDoubtful, BenchEnded
from scripts.audit.schema import Build, Mutant
from scripts.audit.scope import MONEY, MUTATED
from scripts.toolchain import ROOT

KILLS = ROOT / "docs" / "audit" / "kills.json"
SURVIVORS = ROOT / "docs" / "audit" / "survivors.json"
LIKELY = 25
"""Tests that a mutant meets before all other mutants have met as many."""
MOST_DOUBTS = 3
"""How often a test may fail without a mutant, each time on another bench, before it is left out."""
SLOW = 30
"""Seconds that a test gets besides ten times what it took with the original."""


def named(mutants: Sequence[Mutant]) -> dict[str, Mutant]:
    """Mutants by a name that a change elsewhere in their file leaves as it is."""
    seen: Counter[str] = Counter()
    names = {}
    for mutant in mutants:
        words = f"{mutant.file} {mutant.within} {mutant.operator} {mutant.original} {mutant.changed}"
        seen[words] += 1
        names[hashlib.sha256(f"{words} {seen[words]}".encode()).hexdigest()[:10]] = mutant
    return names


class Hunt:
    """The mutants still to be run, and what became of the others."""

    def __init__(self, made: Build, baseline: Baseline, kills: Mapping[str, str], before: Mapping[str, Any]):
        """`before` is what `remembered` gave at the end of an earlier hunt, or nothing."""
        self.fates: dict[str, str] = {}
        """Name of a mutant: the test that killed it, or nothing."""
        self._baseline, self._kills = baseline, kills
        self._near: list[tuple[str, int, str]] = []
        self._met: dict[str, set[str]] = {}
        self._ended: set[str] = set()
        self._doubts: Counter[str] = Counter()
        self._survived: dict[str, list[str]] = before.get("survived", {})
        for name, (test, version) in before.get("killed", {}).items():
            if baseline.versions.get(test) == version:
                self.fates[name] = test
        mutants = named(made.mutants)
        for name, test in {**kills, **self.fates}.items():
            if name in mutants and test in baseline.seconds:
                self._near.append((mutants[name].file, mutants[name].line, test))
        self._of_file: dict[str, dict[int, int]] = {}
        """The lines of each file's places, by number."""
        for each in [*made.probes, *made.mutants]:
            self._of_file.setdefault(each.file, {})[each.number] = each.line
        self._comers = Counter(number for test in baseline.ran for number in baseline.ran[test])
        """How many tests run each place."""

    def tests_for(self, name: str, mutant: Mutant) -> list[str]:
        """The tests that run its place, the likeliest to notice first."""
        ran = self._baseline.ran
        tests = [test for test in ran if mutant.number in ran[test]]
        if not tests and mutant.number in self._baseline.deploying:
            tests = [test for test in ran if not self._of_file[mutant.file].keys().isdisjoint(ran[test])]
        survived = set(self._survived.get(name, ()))
        tests = [test for test in tests if self._baseline.versions[test] not in survived]
        orders = self._by_kills(mutant, tests), self._by_rarity(mutant, tests)
        first = [test for test in (self._kills.get(name),) if test in tests]
        return list(dict.fromkeys([*first, *(test for pair in zip(*orders, strict=True) for test in pair)]))

    def _by_kills(self, mutant: Mutant, tests: list[str]) -> list[str]:
        """First the tests that killed most near by, for the time that they take."""
        score: Counter[str] = Counter()
        for file, line, test in self._near:
            if file == mutant.file:
                score[test] += 1 / (1 + abs(line - mutant.line))
        seconds, ran = self._baseline.seconds, self._baseline.ran
        return sorted(tests, key=lambda test: -(score[test] + 10 / (1 + len(ran[test]))) / (0.1 + seconds[test]))

    def _by_rarity(self, mutant: Mutant, tests: list[str]) -> list[str]:
        """First the tests that run places near by which few others run: they look at what is odd there."""
        lines = self._of_file[mutant.file]
        worth = {
            number: 1 / (1 + abs(line - mutant.line)) / self._comers[number]
            for number, line in lines.items()
            if self._comers[number]
        }
        ran = self._baseline.ran
        return sorted(tests, key=lambda test: -sum(worth[number] for number in worth.keys() & ran[test]))

    def meet(self, name: str, mutant: Mutant, bench: Bench) -> bool:
        """Run a mutant's likeliest tests, the second time all others; whether nothing is left to do with it."""
        again = name in self._met
        tests = [test for test in self.tests_for(name, mutant) if test not in self._met.get(name, ())]
        now, later = (tests, []) if again else (tests[:LIKELY], tests[LIKELY:])
        killer = self._killer(mutant, [test for test in now if self._doubts[test] < MOST_DOUBTS], bench)
        if later and not killer:
            self._met[name] = set(now)
            return False
        self.fates[name] = killer
        if killer in self._baseline.seconds:
            self._near.append((mutant.file, mutant.line, killer))
        return True

    def ended_again(self, name: str) -> bool:
        """Note that a mutant ended its bench; the second time it is killed by that."""
        if name in self._ended:
            self.fates[name] = "the chain or its client ended"
        self._ended.add(name)
        return name in self.fates

    def by_tests(self) -> dict[str, str]:
        """Fates without those that ended their bench: the next run has to see that for itself."""
        return {name: test for name, test in self.fates.copy().items() if not test or test in self._baseline.versions}

    def remembered(self) -> dict[str, Any]:
        """Mutants killed, by which version of which test; those that survived, and all versions that they met."""
        versions, fates = self._baseline.versions, self.fates.copy()
        everything = sorted(set(versions.values()))
        return {
            "killed": {name: (test, versions[test]) for name, test in fates.items() if test in versions},
            "survived": {**self._survived, **{name: everything for name, test in fates.items() if not test}},
        }

    def _killer(self, mutant: Mutant, tests: list[str], bench: Bench) -> str:
        anew = not any(mutant.number in self._baseline.ran[test] for test in tests)
        killer = self._killer_among(tests, mutant, bench, anew=anew)
        while killer in tests and self._killer_among([killer], None, bench, anew=anew):  # it is no news of the mutant
            if not anew:
                self._doubts[killer] += 1
                raise BenchDoubtful(killer)
            tests.remove(killer)
            killer = self._killer_among(tests, mutant, bench, anew=True)
        return killer

    def _killer_among(self, tests: Sequence[str], mutant: Mutant | None, bench: Bench, *, anew: bool) -> str:
        """The first test that fails; `anew` in a market that the mutant itself was deployed as."""
        if not tests:
            return ""
        limits = [SLOW + 10 * self._baseline.seconds[test] for test in tests]
        number = mutant.number if mutant else -1
        job = {"mutant": number, "tests": list(tests), "seconds": max(limits), "redeploy": anew}
        found = bench.run(at_most=60 + sum(limits), **job)
        return next((test for test, fate in found.items() if not fate["passed"]), "")


def run() -> dict[str, Any]:
    """The figures. Raises RuntimeError if not all mutants that were to be met could be.

    What is known is kept under build/audit every minute, so that a run that was interrupted goes on where it was.
    """
    made = instrumented()
    baseline = measured(made)
    explained, mutants = explanations(), named(made.mutants)
    kills = {name: test for name, test in known_kills().items() if name in mutants}
    memory = AUDIT / f"fates-{fingerprint([], made.bytecode)}.json"
    hunt = Hunt(made, baseline, kills, _read(memory, {}))
    chosen = sorted(mutants)[: int(os.environ.get("HIVE_AUDIT_MUTANTS", "0")) or None]
    waiting: Queue[tuple[str, Mutant]] = Queue()
    for name in chosen:
        if name not in explained and name not in hunt.fates:
            waiting.put((name, mutants[name]))
    workers = [threading.Thread(target=_work, args=(n, made, hunt, waiting), daemon=True) for n in range(WORKERS)]
    for worker in workers:
        worker.start()
    try:
        _follow(workers, hunt, mutants, memory)
    finally:
        keep_kills(kills | hunt.by_tests())
    fates = hunt.fates | dict.fromkeys(explained, "")
    if not fates.keys() >= set(chosen):
        raise RuntimeError(f"{len(set(chosen) - fates.keys())} mutants could not be met; see build/audit/mutants-0")
    return figures(made, mutants, {name: fates[name] for name in chosen}, explained)


def _work(number: int, made: Build, hunt: Hunt, waiting: "Queue[tuple[str, Mutant]]") -> None:
    """Take mutants until there is none. One that brings the bench down twice is noticed, too."""
    while not waiting.empty():
        with Bench(f"mutants-{number}", made.bytecode, FOLDERS) as bench:
            while True:
                try:
                    name, mutant = waiting.get_nowait()
                except Empty:
                    return
                try:
                    if not hunt.meet(name, mutant, bench):
                        waiting.put((name, mutant))
                except (BenchEnded, BenchDoubtful) as error:
                    if not isinstance(error, BenchEnded) or not hunt.ended_again(name):
                        waiting.put((name, mutant))
                    break


def _follow(workers: Sequence[threading.Thread], hunt: Hunt, mutants: Mapping[str, Mutant], memory: Path) -> None:
    """Say how far it is, and write down what is known, every minute and when all is done."""
    started = said = time.monotonic()
    while True:
        is_over = not any(worker.is_alive() for worker in workers)
        if is_over or time.monotonic() - said > 60:
            said, fates = time.monotonic(), hunt.fates.copy()
            killed = sum(map(bool, fates.values()))
            print(
                f"mutation: {len(fates)} of {len(mutants)} mutants in {said - started:.0f} s, {killed} killed",
                flush=True,
            )
            write(memory, hunt.remembered())
            survivors = {name: str(mutants[name]) for name, killer in fates.items() if not killer}
            write(AUDIT / "mutation.json", {"fates": fates, "survivors": survivors})
        if is_over:
            return
        time.sleep(1)


def figures(
    made: Build, mutants: Mapping[str, Mutant], fates: Mapping[str, str], explained: Mapping[str, str]
) -> dict[str, Any]:
    """What the table says, by contract, and what is wrong: survivors without a reason, reasons without a survivor."""
    survivors = {name for name, killer in fates.items() if not killer}
    contracts = {}
    for contract in MUTATED:
        mine = {name for name, mutant in mutants.items() if mutant.file in MONEY[contract]}
        met = mine & fates.keys()
        contracts[contract] = {
            "generated": len(mine) + sum(mutant.file in MONEY[contract] for mutant in made.invalid),
            "valid": len(mine),
            "met": len(met),
            "killed": len(met - survivors),
        }
    return {
        "contracts": contracts,
        "unexplained": sorted(f"{name} {mutants[name]}" for name in survivors - explained.keys()),
        "stale": sorted(explained.keys() - mutants.keys()),
    }


def known_kills() -> dict[str, str]:
    """Which test killed each mutant the last time."""
    by_test = _read(KILLS, {})
    return {name: test for test, names in by_test.items() for name in names}


def keep_kills(fates: Mapping[str, str]) -> None:
    """Write them for the next time: a line a test."""
    by_test: dict[str, list[str]] = {}
    for name, test in fates.items():
        if test:
            by_test.setdefault(test, []).append(name)
    lines = [f"{json.dumps(test)}: {json.dumps(sorted(names))}" for test, names in sorted(by_test.items())]
    KILLS.parent.mkdir(parents=True, exist_ok=True)
    KILLS.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def explanations() -> dict[str, str]:
    """Why mutants may survive, by their names."""
    return {each["name"]: group["why"] for group in _read(SURVIVORS, []) for each in group["mutants"]}


def _read(path: Path, default: Any) -> Any:
    return json.loads(path.read_text()) if path.exists() else default
