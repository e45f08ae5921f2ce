"""Evidence that comes at the same time is written together, each lease's by itself."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from marketplace.domain.evidence import AttestationRecord
from marketplace.domain.jobs import JobState
from marketplace.errors import ConflictError, IllegalTransition, ServiceUnavailable
from marketplace.services import enter_evidence
from marketplace.services.enter_evidence import Checked, write_evidence
from tests.fakes.world import AGENT, DOMAIN


class Counting:
    """A store that counts its writes, and fails them if it is told to."""

    def __init__(self, store) -> None:
        self._store, self.writes, self.fails = store, 0, False

    def __getattr__(self, name):
        return getattr(self._store, name)

    @contextmanager
    def write(self):
        self.writes += 1
        with self._store.write() as tx:
            yield tx
            if self.fails:
                raise ServiceUnavailable("The database does not answer.")


@pytest.fixture
def market(world):
    return replace(world.market, store=Counting(world.market.store))


def checked(world, lease_id, **changes) -> Checked:
    with world.market.store.read() as tx:
        lease = tx.leases.get(lease_id)
    manifest, attestation = world.manifest(), world.attestation(lease_id, **changes)
    record = AttestationRecord(attestation, attestation.sign(DOMAIN, AGENT.key), manifest, 5)
    return Checked(lease, record, manifest, is_judged=True)


def attested(world, leases) -> list[bool]:
    with world.market.store.read() as tx:
        return [tx.evidence.attestation(one) is not None for one in leases]


def stages(world, leases) -> list[JobState]:
    with world.market.store.read() as tx:
        return [tx.leases.get(one).stage for one in leases]


def test_evidence_of_many_leases_takes_one_transaction_and_moves_all_their_jobs(world, market):
    leases = [world.open_lease() for _ in range(2)]
    assert write_evidence(market, [checked(world, one) for one in leases]) == [True] * 2
    assert market.store.writes == 1
    assert attested(world, leases) == [True] * 2 and set(stages(world, leases)) == {JobState.ATTESTED}


def test_the_same_evidence_twice_in_one_transaction_is_new_once(world, market):
    lease = world.open_lease()
    assert write_evidence(market, [checked(world, lease)] * 2) == [True, False]


def test_evidence_that_contradicts_what_is_there_is_refused_and_no_other(world, market):
    first, second = world.open_lease(), world.open_lease()
    outcomes = write_evidence(
        market, [checked(world, first), checked(world, first, exit_code=3), checked(world, second)]
    )
    assert [type(one) for one in outcomes] == [bool, ConflictError, bool]
    assert attested(world, [first, second]) == [True, True]


def test_a_lease_that_cannot_move_keeps_no_other_back(world, market, monkeypatch):
    good, bad = world.open_lease(), world.open_lease()
    refresh = enter_evidence.refresh_leases_and_jobs

    def strict(tx, lease_ids, now):
        if bad in lease_ids:
            raise IllegalTransition("It does not move.")
        refresh(tx, lease_ids, now)

    monkeypatch.setattr(enter_evidence, "refresh_leases_and_jobs", strict)
    outcomes = write_evidence(market, [checked(world, good), checked(world, bad)])
    assert outcomes[0] is True and isinstance(outcomes[1], IllegalTransition)
    assert attested(world, [good, bad]) == [True, False]


def test_nobody_is_told_of_evidence_that_is_not_stored(world, market):
    leases = [world.open_lease() for _ in range(2)]
    market.store.fails = True
    with pytest.raises(ServiceUnavailable):
        write_evidence(market, [checked(world, one) for one in leases])
    assert market.store.writes == 1 and attested(world, leases) == [False, False]
