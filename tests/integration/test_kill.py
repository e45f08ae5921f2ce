"""Killing any service at any moment of a job leaves the job finished after a restart, and the money whole."""

import random
import time

import pytest

from marketplace.cli.localmarket import LocalMarket
from tests.integration.local import (
    MARKET,
    ORACLES,
    PROVIDER,
    assert_every_micro_usdc_is_accounted_for,
    finish,
    is_open,
    plan,
    submit,
)

SECONDS_OF_A_JOB = 4.0
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
