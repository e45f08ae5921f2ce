"""Killing any service at any moment of a job leaves the job finished after a restart, and the money whole."""

import os
import random
import signal
import time
from dataclasses import replace

import pytest

from agent.journal import Journal, WorkState
from marketplace.cli.localmarket import LocalMarket
from marketplace.client.waiting import wait_until
from tests.integration.local import (
    MARKET,
    ORACLES,
    PROVIDER,
    RESOURCES,
    assert_every_micro_usdc_is_accounted_for,
    finish,
    is_open,
    plan,
    submit,
)

SECONDS_OF_A_JOB = 4.0
LONG = "total = 0\nfor i in range(3_000_000): total += i * i\nprint(total)"
SOURCE = "total = sum(i * i for i in range(2_000_000)); open('total.txt', 'w').write(str(total)); print({salt!r})"


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    with LocalMarket(plan(), tmp_path_factory.mktemp("market")) as market:
        market.start()
        yield market


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("victim", [PROVIDER, ORACLES[0], MARKET])
def test_job_survives_a_kill_at_a_random_moment(market, tmp_path, victim, seed):
    moment = random.Random(f"{victim} {seed}").uniform(0, SECONDS_OF_A_JOB)
    job_id = submit(market, tmp_path, SOURCE.format(salt=f"{victim} {seed}"))
    time.sleep(moment)
    market.process(victim).kill()
    market.process(victim).start()
    job = finish(market, job_id, timeout=90)
    assert job["state"] == "paid", f"killed {victim} after {moment:.2f} s"
    assert len(job["leases"]) == 1
    assert not is_open(market.reader(), job["leases"][0]["leaseId"])
    assert_every_micro_usdc_is_accounted_for(market)


@pytest.mark.timeout(180)
def test_job_survives_a_kill_of_everybody_at_once(market, tmp_path):
    job_id = submit(market, tmp_path, SOURCE.format(salt="all"))
    time.sleep(1.5)
    for victim in (MARKET, PROVIDER, *ORACLES):
        market.process(victim).kill()
    for victim in (MARKET, PROVIDER, *ORACLES):
        market.process(victim).start()
    assert finish(market, job_id, timeout=120)["state"] == "paid"
    assert_every_micro_usdc_is_accounted_for(market)


def states_of_work(market) -> set[WorkState]:
    """Of the provider's leases that are not closed."""
    journal = Journal(market.folder / "agents" / PROVIDER / "provider.sqlite")
    try:
        return {state for state in WorkState if state is not WorkState.CLOSED and journal.leases(state)}
    finally:
        journal.close()


@pytest.mark.timeout(240)
def test_stopped_provider_ends_at_once_and_leaves_its_running_job_to_the_next_start(market, tmp_path):
    """As systemd stops it: SIGTERM. Waiting for the job would end in a kill, and keep a machine from shutting down."""
    job_id = submit(market, tmp_path, LONG, resources=replace(RESOURCES, fuel=300_000_000_000, seconds=200))
    with market.client() as client:
        wait_until(lambda: client.job(job_id)["state"] == "running", timeout=60, what="The job's start")
    time.sleep(1.5)
    os.kill(market.process(PROVIDER).command_pid, signal.SIGTERM)
    assert market.process(PROVIDER).wait(60) == 0
    assert states_of_work(market) == {WorkState.SEEN}, "it did not wait for the job's end"
    market.process(PROVIDER).stop()
    market.process(PROVIDER).start()
    job = finish(market, job_id, timeout=180)
    assert (job["state"], len(job["leases"])) == ("paid", 1)
    assert_every_micro_usdc_is_accounted_for(market)
