"""A lease that waits for its renter's key takes no place on the machine, and a provider may take none of that kind."""

import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from agent.bootstrap import describe_machine
from agent.fitting import FittingRunner, Machine
from agent.offer import Offer
from agent.private import NodeKeys
from agent.settings import ProviderSettings, load_settings
from agent.stated import Stated
from agent.work import Hooks, JobRunner
from marketplace.client.age import new_identity, recipient_of
from marketplace.client.private import JobKey
from marketplace.domain.chain import LeaseOpened
from marketplace.domain.fitness import OF_THE_MACHINE, find_misfits
from marketplace.errors import AgentError
from marketplace.protocol.enums import ExitKind
from tests.unit.agent.played_provider import RATES, make_provider, seen
from tests.unit.agent.private_jobs import NODE, Clock, Market, give, job, node, terms_of
from tests.unit.agent.test_fitting import PYTHON, said
from tests.unit.agent.test_work import ended, lease_event, lease_terms, script_spec
from tests.unit.clearing.market import NOW, profile

WAIT_SECONDS = 20
MACHINE = Machine(profile(runtimes=PYTHON, recipient=recipient_of(NODE)), 1)


@pytest.fixture
def key() -> JobKey:
    return JobKey.new()


@pytest.fixture
def market() -> Market:
    return Market()


def patient(market: Market) -> NodeKeys:
    """A node's keys whose clock stands: it waits until it is given one, or stopped."""
    return node(market, now=lambda: 1_000.0, pause=0.005)


def let_wait(keys: NodeKeys) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while keys.waiting == 0:
        assert time.monotonic() < until
        time.sleep(0.002)


def test_other_jobs_run_while_one_waits_for_its_key_and_it_runs_once_it_has_it(market, key):
    """On a machine of one unit, which the waiting job would take whole."""
    private, ran, keys = terms_of(job(key)), [], patient(market)

    def run(terms, hooks=None):
        ran.append(terms.job_spec.name)
        return ended()

    runner = FittingRunner(MACHINE, run, now=lambda: NOW, await_grant=keys.await_grant)
    waiting = threading.Thread(target=runner, args=(private,))
    waiting.start()
    let_wait(keys)
    assert runner(lease_terms(script_spec(name="open"))).exit_kind is ExitKind.EXITED
    assert ran == ["open"]
    give(market, private, key)
    waiting.join(WAIT_SECONDS)
    assert len(ran) == 2 and keys.waiting == 0


def test_job_whose_key_does_not_come_is_refused_without_having_had_room(market, key):
    runner = FittingRunner(MACHINE, JobRunner({}, None), now=lambda: NOW, await_grant=node(market).await_grant)
    refused = runner(terms_of(job(key)))
    assert refused.exit_kind is ExitKind.SANDBOX_ERROR and "has not granted it" in said(refused)


def test_job_that_is_stopped_while_it_waits_for_its_key_is_evicted(market, key):
    keys, stop, ends = patient(market), threading.Event(), []
    usual = JobRunner({}, None, keys=keys)
    runner = FittingRunner(MACHINE, usual, now=lambda: NOW, await_grant=keys.await_grant)
    waiting = threading.Thread(target=lambda: ends.append(runner(terms_of(job(key)), Hooks(stop))))
    waiting.start()
    let_wait(keys)
    stop.set()
    waiting.join(WAIT_SECONDS)
    assert [one.exit_kind for one in ends] == [ExitKind.EVICTED]


def test_daemon_starts_as_many_more_as_wait_for_keys(market, terms, tmp_path):
    """One unit, one lease that waits and two that would run: one of these is started beside it."""
    begun, end, waiting = [], threading.Event(), 0
    started = threading.Semaphore(0)

    def run_lease(event: LeaseOpened) -> None:
        begun.append(event.lease_id)
        started.release()
        assert end.wait(WAIT_SECONDS)

    offer = Offer(RATES, 1, 3600, profile())
    provider = make_provider(market, tmp_path, offer=offer, count_waiting=lambda: waiting)
    provider.run_lease = run_lease
    leases = ["0x" + f"{n:064x}" for n in (1, 2, 3)]
    for lease in leases:
        seen(provider, replace(lease_event(terms), lease_id=lease))
        provider.start_jobs()
        assert len(provider._running) == 1
    waiting = 1
    provider.start_jobs()
    assert started.acquire(timeout=WAIT_SECONDS) and started.acquire(timeout=WAIT_SECONDS)
    assert sorted(begun) == leases[:2]
    end.set()
    provider._pool.shutdown()


def test_provider_chooses_how_long_a_key_may_be_awaited(market, key):
    clock = Clock()
    terms = terms_of(job(key))
    long = terms.bid.model_copy(update={"deadline": 10**6})
    with pytest.raises(AgentError):
        node(market, now=clock, seconds=30).await_grant(replace(terms, bid=long))
    assert 30 < clock.now - 1_000 < 40


# --- none at all ------------------------------------------------------------------------------------------------------


def settings(folder, **given) -> SimpleNamespace:
    fields = {"region": "eu", "data": folder, "stated": Stated(), "preemptible_jobs": False, "tee_collateral": None}
    return SimpleNamespace(**fields | given)


def test_provider_that_takes_no_private_jobs_is_matched_with_none_and_refuses_one_of_an_older_ask(tmp_path, key):
    given = terms_of(job(key))
    for identity, misfits in ((new_identity(), set()), (None, {"privateJobs"})):
        made = describe_machine(settings(tmp_path), {}, identity)
        found = find_misfits(given.bid, given.job_spec, given.ask, made, OF_THE_MACHINE)
        assert found.keys() & {"privateJobs"} == misfits
    bare = Machine(profile(runtimes=PYTHON), 1)
    refused = FittingRunner(bare, JobRunner({}, None), now=lambda: NOW)(given)
    assert "a node with a key for private jobs needed" in said(refused)


def test_rule_about_private_jobs_is_a_key_of_the_file_that_a_variable_goes_before(tmp_path, monkeypatch):
    file = tmp_path / "config.toml"
    file.write_text("[rules]\nprivate_jobs = false\n[limits]\ngrant_seconds = 60\n")
    monkeypatch.setenv("COMPUTEHIVE_AGENT_CONFIG_FILE", str(file))
    needed = {"rpc_url": "http://127.0.0.1:1", "address_book": file, "keystore": file}
    said_in_file = load_settings(ProviderSettings, **needed)
    assert (said_in_file.private_jobs, said_in_file.grant_seconds) == (False, 60)
    monkeypatch.setenv("COMPUTEHIVE_AGENT_PRIVATE_JOBS", "true")
    assert load_settings(ProviderSettings, **needed).private_jobs
