"""A canary's provider lies where that was planted, in a way that only running the job shows, and nowhere else."""

from dataclasses import replace

import pytest

from agent.canary import CanaryRunner, falsify
from agent.sandbox import sandbox_digest
from agent.verdict import decide
from marketplace.errors import InputError
from marketplace.protocol.canaries import canary_seed
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import ExitKind, Outcome
from marketplace.protocol.jobspec import Determinism
from marketplace.protocol.manifest import STDOUT_PATH, Manifest, ManifestEntry
from tests.unit.agent.test_work import attest, lease_terms, runner, script_spec

SALT, OTHER_SALT = "0x" + "5a" * 32, "0x" + "5b" * 32


def salts():
    return [SALT]


def planted(terms, salt=SALT, agent=None, renter=None):
    """The same lease for a job whose seed commits `agent` (its own) to a lie."""
    seed = canary_seed(agent or terms.ask.agent, renter or terms.bid.renter, salt)
    return replace(terms, job_spec=terms.job_spec.model_copy(update={"determinism": Determinism(seed=seed)}))


@pytest.fixture
def terms():
    return lease_terms()


def test_the_lie_differs_in_one_bit_and_in_nothing_that_is_seen_without_running_the_job(terms):
    terms = planted(terms)
    true, false = runner()(terms), CanaryRunner(runner(), salts)(terms)
    assert true.result_digest != false.result_digest
    shape = [(one.path, one.size) for one in true.manifest.entries]
    assert [(one.path, one.size) for one in false.manifest.entries] == shape
    assert (false.fuel_used, false.exit_kind, false.exit_code) == (true.fuel_used, true.exit_kind, true.exit_code)
    changed = [
        (true.blobs[one.digest], false.blobs[other.digest])
        for one, other in zip(true.manifest.entries, false.manifest.entries, strict=True)
        if one != other
    ]
    ((before, after),) = changed
    assert sum((a ^ b).bit_count() for a, b in zip(before, after, strict=True)) == 1
    assert all(sha256_digest(data) == digest for digest, data in false.blobs.items())


def test_an_oracle_that_runs_the_job_calls_the_planted_lie_a_fraud(terms):
    terms = planted(terms)
    false = CanaryRunner(runner(), salts)(terms)
    attestation = attest(false, sandbox_digest=sandbox_digest())
    verdict = decide(attestation, runner()(terms), terms.bid, terms.ask, terms.price)
    assert verdict.outcome == Outcome.FRAUD


@pytest.mark.parametrize(
    "change",
    [
        lambda terms: terms,
        lambda terms: planted(terms, OTHER_SALT),
        lambda terms: planted(terms, agent="0x" + "77" * 20),
        lambda terms: planted(terms, renter="0x" + "77" * 20),
    ],
    ids=["no seed", "another salt", "another agent", "a seed copied from another renter"],
)
def test_everybody_elses_job_is_run_honestly(terms, change):
    terms = change(terms)
    assert CanaryRunner(runner(), salts)(terms).result_digest == runner()(terms).result_digest


def test_a_run_that_oracles_would_not_repeat_is_not_lied_about(terms):
    evicted = replace(runner()(terms), exit_kind=ExitKind.EVICTED)
    assert CanaryRunner(lambda terms, hooks=None: evicted, salts)(planted(terms)) is evicted


def test_a_job_that_writes_nothing_cannot_be_falsified(terms):
    silent = replace(runner()(terms), manifest=Manifest.build([ManifestEntry.of(STDOUT_PATH, b"")]))
    with pytest.raises(InputError, match="nothing that could be falsified"):
        falsify(silent)
    assert CanaryRunner(lambda terms, hooks=None: silent, salts)(planted(terms)) is silent


def test_a_seed_binds_agent_renter_and_salt(terms):
    agent, renter, other = terms.ask.agent, terms.bid.renter, "0x" + "77" * 20
    given = [(agent, renter, SALT), (agent, renter, OTHER_SALT), (other, renter, SALT), (agent, other, SALT)]
    seeds = {canary_seed(*one) for one in given}
    assert len(seeds) == len(given)
    assert all(script_spec(determinism={"seed": seed}).determinism.seed == seed for seed in seeds)
