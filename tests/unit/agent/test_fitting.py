"""What a machine is not fit for is refused with the reason, and no more of it is given to leases than there is."""

import threading
from dataclasses import replace

import pytest

from agent.fitting import FittingRunner, Machine, Room
from agent.verdict import decide
from agent.work import Hooks
from marketplace.protocol.enums import ExitKind, Outcome
from marketplace.protocol.jobspec import METERED_SANDBOX
from tests.unit.agent.played_provider import make_provider, seen
from tests.unit.agent.test_work import attest, ended, lease_event, lease_terms, script_spec
from tests.unit.clearing.market import NOW, profile

PYTHON = {"python": script_spec().program.digest}
GPU = {"model": "H100", "memoryMb": 80_000}
WAIT_SECONDS = 20


def node(**fields):
    return profile(**{"runtimes": PYTHON, "region": "eu-de"} | fields)


def terms_of(requirements=None, schedule=None, **bid):
    spec = script_spec(requirements=requirements or {}, schedule=schedule or {})
    given = lease_terms(spec)
    return replace(given, bid=given.bid.model_copy(update=bid))


def never(terms, hooks=None):
    raise AssertionError("ran")


def run(machine, terms, runner=None, now=NOW):
    return FittingRunner(machine, runner or (lambda given, hooks=None: ended()), now=lambda: now)(terms)


def said(execution):
    (text,) = execution.blobs.values()
    return text.decode()


# --- whether it fits --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requirements", "bid", "fields"),
    [
        ({}, {}, {}),
        ({"regions": ["eu-de", "eu-fr"]}, {}, {}),
        ({"privacyZones": ["eu-gdpr"]}, {}, {"privacyZones": ["hipaa", "eu-gdpr"]}),
        ({"zones": ["a"], "racks": ["r1"]}, {}, {"zone": "a", "rack": "r1"}),
        ({"tees": ["sgx", "tdx"]}, {}, {"tees": ["tdx"]}),
        ({"gpuModels": ["H100"]}, {"gpus": 2}, {"gpus": [GPU, GPU]}),
        ({"maxLatency": [{"fromRegion": "europe-west3", "maxMs": 40}]}, {}, {"region": "europe-west3"}),
        ({"minDiskMb": 500, "cpuFeatures": ["avx2"], "maxCarbonGramsPerKwh": 50}, {}, {"carbonGramsPerKwh": 50}),
        ({"minSettledLeases": 1_000}, {}, {}),
        ({}, {"vcpus": 64, "memory_mb": 100_000}, {}),
    ],
)
def test_job_runs_on_a_machine_that_is_what_it_needs(requirements, bid, fields):
    assert run(Machine(node(**fields), 1), terms_of(requirements, **bid)).exit_kind is ExitKind.EXITED


@pytest.mark.parametrize(
    ("requirements", "bid", "fields", "words"),
    [
        ({"regions": ["us-east"]}, {}, {}, "region: us-east needed, eu-de here"),
        ({"privacyZones": ["eu-gdpr", "hipaa"]}, {}, {"privacyZones": ["eu-gdpr"]}, "privacyZones: hipaa needed"),
        ({"zones": ["a"]}, {}, {"zone": "b"}, "zone: a needed, b here"),
        ({"racks": ["r1"]}, {}, {}, "rack: r1 needed, none here"),
        ({"tees": ["tdx"]}, {}, {}, "tee: tdx needed, none here"),
        ({"gpuModels": ["H100"]}, {"gpus": 1}, {"gpus": [GPU | {"model": "A100"}]}, "1 of H100 needed, A100 here"),
        (
            {"maxLatency": [{"fromRegion": "us-east-1", "maxMs": 5}]},
            {},
            {"region": "europe-west3"},
            "5 ms from",
        ),
        ({"cpuFeatures": ["avx512f"]}, {}, {}, "cpuFeatures: avx512f needed"),
        ({"architectures": ["aarch64"]}, {}, {}, "aarch64 needed, x86_64 here"),
        ({"minDiskMb": 1_001}, {}, {}, "diskMb: 1001 needed, 1000 here"),
        ({"maxCarbonGramsPerKwh": 50}, {}, {"carbonGramsPerKwh": 51}, "carbon: 50 needed, 51 here"),
        ({}, {"vcpus": 65}, {}, "vcpus: 65 needed, 64 here"),
        ({}, {"memory_mb": 100_001}, {}, "memoryMb: 100001 needed, 100000 here"),
        ({}, {"gpus": 2}, {"gpus": [GPU]}, "2 of any model needed, H100 here"),
        ({}, {}, {"runtimes": {}}, "runtime: python"),
        ({}, {}, {"sandboxes": ["docker"]}, f"sandbox: {METERED_SANDBOX} needed, docker here"),
    ],
)
def test_job_that_needs_another_machine_is_refused_with_what_is_missing(requirements, bid, fields, words):
    refused = run(Machine(node(**fields), 1), terms_of(requirements, **bid), never)
    assert refused.exit_kind is ExitKind.SANDBOX_ERROR
    assert words in said(refused)


def test_preemptible_job_is_refused_where_none_are_taken_any_more():
    terms = terms_of(schedule={"preemptionNoticeSeconds": 60})
    assert run(Machine(node(preemptibleJobs=True), 1), terms).exit_kind is ExitKind.EXITED
    assert "preemptible jobs needed, none of them here" in said(run(Machine(node(), 1), terms, never))


def test_what_counts_is_the_machine_now_and_not_what_the_ask_said():
    """Moved to another region, and offered as one unit of half the memory, since the ask was signed."""
    terms = terms_of({"regions": ["eu-de"]}, memory_mb=60_000)
    assert run(Machine(node(), 2), terms).exit_kind is ExitKind.EXITED
    moved = said(run(Machine(node(region="us-east", memoryMb=50_000), 1), terms, never))
    assert "region" in moved and "memoryMb" in moved


def test_refused_job_costs_its_renter_nothing_and_is_no_fraud():
    terms = terms_of({"regions": ["us-east"]})
    refused = run(Machine(node(), 1), terms, never)
    verdict = decide(attest(refused), None, terms.bid, terms.ask, terms.price)
    assert (verdict.outcome, verdict.pay) == (Outcome.FAILED, 0)


def test_refusal_reaches_the_market_as_evidence(market, terms, tmp_path):
    runner = FittingRunner(Machine(node(runtimes={}), 1), never, now=lambda: NOW)
    provider = make_provider(market, tmp_path, runner=runner)
    provider.run_lease(seen(provider, lease_event(terms)))
    provider.post_attestations()
    assert [each.exit_kind for each in market.posted] == [ExitKind.SANDBOX_ERROR]


# --- how much of it ---------------------------------------------------------------------------------------------------


class Jobs:
    """Jobs that run until they are let go, each in a thread, on one machine."""

    def __init__(self, machine):
        self.started, self.ends, self.results, self.threads, self.now = [], {}, {}, [], NOW
        self.runner = FittingRunner(machine, self._run, now=lambda: self.now)
        self.begun = threading.Semaphore(0)

    def _run(self, terms, hooks):
        self.started.append(terms.job_spec.name)
        self.begun.release()
        assert self.ends[terms.job_spec.name].wait(WAIT_SECONDS)
        return ended()

    def start(self, name, stop=None, **bid):
        given = lease_terms(script_spec(name=name))
        terms, self.ends[name] = replace(given, bid=given.bid.model_copy(update=bid)), threading.Event()

        def work():
            self.results[name] = self.runner(terms, Hooks(stop))

        self.threads.append(thread := threading.Thread(target=work))
        thread.start()
        return thread

    def let_begin(self):
        assert self.begun.acquire(timeout=WAIT_SECONDS)

    def waits(self, count):
        """Until so many stand in the queue."""
        room, rounds = self.runner._room, 0
        with room._changed:
            while len(room._waiting) < count and rounds < 100 * WAIT_SECONDS:
                room._changed.wait(0.01)
                rounds += 1
            return len(room._waiting) >= count

    def join(self):
        for end in self.ends.values():
            end.set()
        for thread in self.threads:
            thread.join(WAIT_SECONDS)
        return {name: result.exit_kind for name, result in self.results.items()}


HALF, MOST, ALL = 50_000, 75_000, 100_000
"""MB of memory: two, three and four of four units."""


def test_leases_that_need_more_together_than_the_machine_has_run_one_after_the_other():
    jobs = Jobs(Machine(node(), 4))
    jobs.start("first", memory_mb=MOST)
    jobs.let_begin()
    jobs.start("second", memory_mb=HALF)
    assert jobs.waits(1) and jobs.started == ["first"]
    jobs.ends["first"].set()
    jobs.let_begin()
    assert jobs.started == ["first", "second"]
    assert set(jobs.join().values()) == {ExitKind.EXITED}


def test_leases_that_fit_together_run_at_once():
    jobs = Jobs(Machine(node(), 4))
    for name in ("one", "two"):
        jobs.start(name, memory_mb=HALF)
        jobs.let_begin()
    assert jobs.started == ["one", "two"]
    assert set(jobs.join().values()) == {ExitKind.EXITED}


def test_small_lease_does_not_overtake_a_big_one_that_waits():
    jobs = Jobs(Machine(node(), 4))
    jobs.start("first", memory_mb=MOST)
    jobs.let_begin()
    jobs.start("big", memory_mb=ALL)
    assert jobs.waits(1)
    jobs.start("small", memory_mb=1)
    assert jobs.waits(2) and jobs.started == ["first"]
    jobs.ends["first"].set()
    jobs.let_begin()
    assert jobs.started == ["first", "big"]
    jobs.join()
    assert jobs.started == ["first", "big", "small"]


def test_lease_without_room_is_refused_once_it_cannot_have_its_seconds_and_is_no_strike():
    jobs = Jobs(Machine(node(), 1))
    jobs.start("first")
    jobs.let_begin()
    late = jobs.start("late", deadline=NOW + 500, duration_seconds=100)
    assert jobs.waits(1)
    jobs.now = NOW + 401
    late.join(WAIT_SECONDS)
    assert jobs.results["late"].exit_kind is ExitKind.SANDBOX_ERROR and "too late" in said(jobs.results["late"])
    jobs.join()
    assert jobs.started == ["first"]


def test_lease_that_finds_room_begins_however_late_it_is():
    assert run(Machine(node(), 1), terms_of(), now=10**12).exit_kind is ExitKind.EXITED


def test_lease_that_is_stopped_while_it_waits_never_begins_and_blocks_nobody():
    jobs, stop = Jobs(Machine(node(), 1)), threading.Event()
    jobs.start("first")
    jobs.let_begin()
    stopped = jobs.start("stopped", stop)
    stop.set()
    stopped.join(WAIT_SECONDS)
    jobs.start("next")
    assert jobs.waits(1)
    assert jobs.join() == {
        "first": ExitKind.EXITED, "stopped": ExitKind.EVICTED, "next": ExitKind.EXITED,
    }  # fmt: skip
    assert jobs.started == ["first", "next"]


def test_room_of_a_job_that_fails_is_given_back():
    runner = FittingRunner(Machine(node(), 1), never, now=lambda: NOW)
    for _ in range(2):
        with pytest.raises(AssertionError, match="ran"):
            runner(terms_of(deadline=NOW + 10**6))


def test_room_is_given_out_to_the_unit():
    room = Room(3)
    assert room.take(2, lambda: True) and room.take(1, lambda: True)
    assert not room.take(1, lambda: True)
    room.give_back(2)
    assert room.take(2, lambda: True)
