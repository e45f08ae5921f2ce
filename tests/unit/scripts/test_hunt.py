"""Which tests a mutant meets, and in which order."""

import pytest

from scripts.audit.baseline import Baseline
from scripts.audit.mutation import LIKELY, Hunt
from scripts.audit.schema import Build, Mutant, Probe

TESTS = [f"test_{number}" for number in range(LIKELY + 10)]
FILE = "contracts/Purse.sol"


def mutant(number):
    return Mutant(number, FILE, number, 0, "take", "operator", "a", "b")


class PlayedBench:
    """Fails the test that notices the mutant."""

    def __init__(self, **noticed):
        self.noticed, self.jobs = {int(name[1:]): test for name, test in noticed.items()}, []

    def run(self, *, at_most, mutant, tests, seconds, redeploy):
        self.jobs.append((mutant, tests, redeploy))
        fates = {}
        for test in tests:
            fates[test] = {"passed": self.noticed.get(mutant) != test}
            if not fates[test]["passed"]:
                break
        return fates


@pytest.fixture
def hunt():
    """All tests come through place 1; through 2 comes deploying alone; through 3 comes nobody."""
    baseline = Baseline(frozenset({2}), dict.fromkeys(TESTS, 1.0), dict.fromkeys(TESTS, frozenset({1, 9})), [])
    made = Build({}, [mutant(number) for number in (1, 2, 3)], [], [Probe(9, FILE, 1, "x", None)])
    return Hunt(made, baseline, {"known": TESTS[-1]})


def test_a_mutant_is_done_with_when_a_likely_test_notices_it(hunt):
    assert hunt.meet("a", mutant(1), PlayedBench(_1="test_3"))
    assert hunt.fates == {"a": "test_3"}


def test_one_that_no_likely_test_notices_comes_back_for_all_others_and_each_once(hunt):
    bench = PlayedBench(_1=TESTS[-1])
    assert not hunt.meet("a", mutant(1), bench)
    assert hunt.fates == {}
    assert hunt.meet("a", mutant(1), bench)
    assert hunt.fates == {"a": TESTS[-1]}
    assert sorted(bench.jobs[0][1] + bench.jobs[1][1]) == sorted(TESTS)


def test_one_that_no_test_notices_survives_after_it_met_all(hunt):
    assert not hunt.meet("a", mutant(1), PlayedBench())
    assert hunt.meet("a", mutant(1), PlayedBench())
    assert hunt.fates == {"a": ""}


def test_the_test_that_killed_it_the_last_time_comes_first(hunt):
    assert hunt.tests_for("known", mutant(1))[0] == TESTS[-1]


def test_a_test_that_killed_its_neighbour_comes_before_others(hunt):
    hunt.meet("a", mutant(1), PlayedBench(_1="test_7"))
    assert hunt.tests_for("b", mutant(1))[0] == "test_7"


def test_what_only_deploying_comes_through_meets_its_files_tests_in_a_market_of_its_own(hunt):
    bench = PlayedBench(_2="test_0")
    assert hunt.meet("a", mutant(2), bench)
    assert [(number, redeploy) for number, _, redeploy in bench.jobs] == [(2, True), (-1, True)]


def test_what_nobody_comes_through_survives_without_a_test(hunt):
    bench = PlayedBench()
    assert hunt.meet("a", mutant(3), bench)
    assert (hunt.fates, bench.jobs) == ({"a": ""}, [])
