"""Which tests a mutant meets, and in which order."""

import pytest

from scripts.audit.baseline import Baseline
from scripts.audit.bench import BenchDoubtful
from scripts.audit.mutation import LIKELY, MOST_DOUBTS, Hunt
from scripts.audit.schema import Build, Mutant, Probe

TESTS = [f"test_{number}" for number in range(LIKELY + 10)]
FILE = "contracts/Purse.sol"


def mutant(number):
    return Mutant(number, FILE, number, 0, "take", "operator", "a", "b")


class PlayedBench:
    """Fails the test that notices the mutant, and those that are broken."""

    def __init__(self, *broken, **noticed):
        self.noticed, self.jobs, self.broken = {int(name[1:]): test for name, test in noticed.items()}, [], broken

    def run(self, *, at_most, mutant, tests, seconds, redeploy):
        self.jobs.append((mutant, tests, redeploy))
        fates = {}
        for test in tests:
            fates[test] = {"passed": self.noticed.get(mutant) != test and test not in self.broken}
            if not fates[test]["passed"]:
                break
        return fates


@pytest.fixture
def hunt():
    return begun()


def begun(before=None, **changed):
    """All tests come through place 1; through 2 comes deploying alone; through 3 comes nobody."""
    versions = dict.fromkeys(TESTS, "1") | changed
    baseline = Baseline(
        frozenset({2}), dict.fromkeys(TESTS, 1.0), dict.fromkeys(TESTS, frozenset({1, 9})), [], versions
    )
    made = Build({}, [mutant(number) for number in (1, 2, 3)], [], [Probe(9, FILE, 1, "x", None)])
    return Hunt(made, baseline, {"known": TESTS[-1]}, before or {})


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


def test_a_test_that_alone_runs_a_place_near_by_is_among_the_first():
    ran = dict.fromkeys(TESTS, frozenset({1})) | {"test_20": frozenset({1, 9})}
    baseline = Baseline(frozenset(), dict.fromkeys(TESTS, 1.0) | {"test_20": 60.0}, ran, [], dict.fromkeys(TESTS, "1"))
    hunt = Hunt(Build({}, [mutant(1)], [], [Probe(9, FILE, 3, "x", None)]), baseline, {}, {})
    assert "test_20" in hunt.tests_for("a", mutant(1))[:2]


def test_what_only_deploying_comes_through_meets_its_files_tests_in_a_market_of_its_own(hunt):
    bench = PlayedBench(_2="test_0")
    assert hunt.meet("a", mutant(2), bench)
    assert [(number, redeploy) for number, _, redeploy in bench.jobs] == [(2, True), (-1, True)]


def test_what_nobody_comes_through_survives_without_a_test(hunt):
    bench = PlayedBench()
    assert hunt.meet("a", mutant(3), bench)
    assert (hunt.fates, bench.jobs) == ({"a": ""}, [])


def test_who_was_killed_stays_so_while_the_test_is_the_same(hunt):
    hunt.meet("a", mutant(1), PlayedBench(_1="test_3"))
    assert begun(hunt.remembered()).fates == {"a": "test_3"}
    assert begun(hunt.remembered(), test_3="2").fates == {}


def test_who_survived_meets_only_tests_that_are_new_or_changed(hunt):
    while not hunt.meet("a", mutant(1), PlayedBench()):
        pass
    assert begun(hunt.remembered()).tests_for("a", mutant(1)) == []
    assert begun(hunt.remembered(), test_5="2").tests_for("a", mutant(1)) == ["test_5"]


def test_a_kill_counts_only_if_the_test_passes_without_the_mutant(hunt):
    with pytest.raises(BenchDoubtful):
        hunt.meet("a", mutant(1), PlayedBench("test_0"))
    assert hunt.fates == {}


def test_a_test_that_fails_without_a_mutant_on_one_bench_after_the_other_is_left_out(hunt):
    for _ in range(MOST_DOUBTS):
        with pytest.raises(BenchDoubtful):
            hunt.meet("a", mutant(1), PlayedBench("test_0"))
    assert hunt.meet("a", mutant(1), PlayedBench("test_0", _1="test_1"))
    assert hunt.fates == {"a": "test_1"}


def test_a_mutant_that_ends_its_bench_twice_is_killed_by_that_and_not_remembered_so(hunt):
    assert [hunt.ended_again("a"), hunt.ended_again("a")] == [False, True]
    assert hunt.fates and not hunt.remembered()["killed"]
