"""What is forgotten, and when: never what an open job, the next salt, or a rebuild needs."""

import os
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.adapters.blobs import FolderBlobs
from marketplace.domain.jobs import JobState
from marketplace.domain.retention import DAY, Kept, Retention
from marketplace.errors import InputError, ServiceUnavailable
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import CancelKind, Outcome
from marketplace.protocol.messages import Cancel
from marketplace.services import prune as pruning
from marketplace.services.cancel_order import cancel_order
from marketplace.services.clear_round import run_round
from marketplace.services.follow_chain import rebuild
from marketplace.services.prune import Pruned, plan_prune, prune, prune_all, require_kept, welcome_back
from marketplace.services.verify_ledger import verify_ledger
from tests.fakes.databases import BOTH, close_databases
from tests.fakes.world import DOMAIN, RENTER, SCRIPT, World

EVERYTHING = Retention(**{f"{kind}_days": 1 for kind in (*Kept, "blobs", "logs")})
OUTPUT = b"hello\n"


@pytest.fixture(params=BOTH)
def world(request, tmp_path) -> World:
    return World(tmp_path, database=request.param)


def keeping(world, retention=EVERYTHING):
    world.market = replace(world.market, rules=replace(world.market.rules, retention=retention))
    return world.market


def age(world, days: int) -> None:
    """So long goes by for everything that is there."""
    world.chain.mine(days * DAY)
    world.drain()
    for one in world.market.blobs.all():
        path = world.folder / "blobs" / one.digest[2:4] / one.digest[4:]
        os.utime(path, (world.chain.time - days * DAY,) * 2)


def paid_lease(world) -> str:
    lease_id = world.open_lease()
    world.attest(lease_id, OUTPUT)
    world.judge(lease_id, outcome=int(Outcome.PAID))
    world.sign_batches()
    world.drain()
    return lease_id


def test_by_default_only_logs_and_silent_nodes_are_forgotten(world):
    lease_id = paid_lease(world)
    age(world, 400)
    keeping(world, Retention())
    assert prune_all(world.market).rows.keys() <= {"nodes"}
    assert not world.market.blobs.has(sha256_digest(OUTPUT))
    assert world.market.blobs.has(sha256_digest(SCRIPT))
    with world.market.store.read() as tx:
        assert tx.evidence.attestation(lease_id) and tx.leases.get(lease_id)


def test_everything_of_an_ended_job_goes_but_what_its_money_depends_on(world):
    lease_id = paid_lease(world)
    age(world, 40)
    keeping(world)
    planned = plan_prune(world.market)
    assert plan_prune(world.market) == planned, "a dry run changes nothing"
    done = prune_all(world.market)
    assert (done.blobs, done.blob_bytes) == (planned.blobs, planned.blob_bytes)
    assert done.rows.items() <= planned.rows.items()
    assert list(world.market.blobs.all()) == []
    with world.market.store.read() as tx:
        lease = tx.leases.get(lease_id)
        assert tx.evidence.attestation(lease_id) is None
        assert tx.bids.get(lease.bid_hash) and tx.asks.get(lease.ask_hash) and tx.rounds.last()
        assert lease.stage is JobState.PAID
    assert prune_all(world.market) == Pruned()


def test_nothing_of_an_open_job_goes_however_old_it_is(world):
    lease_id = world.open_lease()
    world.attest(lease_id, OUTPUT)
    waiting = world.submit(world.bid(duration_seconds=61, replicas=2))
    age(world, 400)
    before = {one.digest for one in world.market.blobs.all()}
    keeping(world)
    prune_all(world.market)
    assert {one.digest for one in world.market.blobs.all()} == before
    with world.market.store.read() as tx:
        assert tx.evidence.attestation(lease_id) and tx.bids.get(waiting)
        assert len(tx.timeline.of(tx.leases.get(lease_id).bid_hash)) > 2


def test_an_order_that_was_never_matched_goes_once_it_cannot_come_again(world):
    jobs = [world.submit() for _ in range(3)]
    cancel = Cancel(signer=RENTER.address, kind=int(CancelKind.BIDS_BEFORE), salt=world.salts[RENTER.address] + 1)
    cancel_order(world.market, cancel, cancel.sign(DOMAIN, RENTER.key))
    keeping(world)
    age(world, 20)
    assert "orders" not in prune_all(world.market).rows, "its deadline could lie as far ahead as this"
    age(world, 20)
    assert prune_all(world.market).rows["orders"] == 2
    with world.market.store.read() as tx:
        assert [tx.bids.get(one) is not None for one in jobs] == [False, False, True], "the last has the highest salt"
        assert tx.bids.highest_salt(RENTER.address) == world.salts[RENTER.address]


def test_a_blob_that_a_kept_job_shares_with_a_forgotten_one_stays(world):
    paid_lease(world)
    age(world, 40)
    second = world.open_lease()
    world.attest(second, OUTPUT)
    keeping(world)
    prune_all(world.market)
    assert world.market.blobs.has(sha256_digest(OUTPUT)) and world.market.blobs.has(sha256_digest(SCRIPT))


def test_what_no_job_names_goes_by_its_age(world):
    old, new = sha256_digest(b"old"), sha256_digest(b"new")
    world.market.blobs.put(old, b"old")
    age(world, 2)
    world.market.blobs.put(new, b"new")
    os.utime(world.folder / "blobs" / new[2:4] / new[4:], (world.chain.time,) * 2)
    keeping(world)
    prune_all(world.market)
    assert not world.market.blobs.has(old) and world.market.blobs.has(new)


def test_an_order_that_comes_between_the_look_and_the_deletion_keeps_its_blobs(world, monkeypatch):
    world.job_spec()
    age(world, 2)
    market, look = keeping(world), pruning._unneeded

    def look_and_then_somebody_bids(*args):
        found = look(*args)
        world.submit()
        return found

    monkeypatch.setattr(pruning, "_unneeded", look_and_then_somebody_bids)
    assert prune_all(market).blobs == 0
    assert market.blobs.has(sha256_digest(SCRIPT))


def test_an_order_whose_blob_was_deleted_while_it_was_checked_is_refused(world, monkeypatch):
    bid = world.bid()
    age(world, 2)
    market = keeping(world)
    from marketplace.services import place_order

    check = place_order.require_blobs

    def check_and_then_it_is_deleted(*args):
        check(*args)
        assert prune_all(market).blobs == 1

    monkeypatch.setattr(place_order, "require_blobs", check_and_then_it_is_deleted)
    bid = world.bid(deadline=world.chain.time + 3600, valid_until=world.chain.time + 600, salt=bid.salt)
    with pytest.raises(InputError, match="just deleted") as caught:
        place_order.place_bid(market, bid, bid.sign(DOMAIN, RENTER.key), job_spec_of(world))
    assert caught.value.values["missing"] == [sha256_digest(SCRIPT)]


def job_spec_of(world):
    spec = world.job_spec()
    for one in list(world.market.blobs.all()):
        os.utime(world.folder / "blobs" / one.digest[2:4] / one.digest[4:], (0, 0))
    return spec


def test_a_blob_that_is_uploaded_again_counts_again(world):
    world.job_spec()
    age(world, 2)
    market, digest = keeping(world), sha256_digest(SCRIPT)
    prune_all(market)
    with market.store.read() as tx, pytest.raises(InputError):
        require_kept(tx, [digest])
    market.blobs.put(digest, SCRIPT)
    welcome_back(market, digest)
    with market.store.read() as tx:
        require_kept(tx, [digest])
    world.submit()


def test_a_blob_that_comes_while_it_is_deleted_has_to_come_once_more(world):
    digest = sha256_digest(SCRIPT)
    world.job_spec()
    with world.market.store.write() as tx:
        tx.forgetting.doom([digest])
    with pytest.raises(ServiceUnavailable, match="being deleted"):
        welcome_back(world.market, digest)


def test_a_sweep_that_was_killed_is_brought_to_its_end_by_the_next(world, monkeypatch):
    world.job_spec()
    age(world, 2)
    market = keeping(world)
    monkeypatch.setattr(FolderBlobs, "delete", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        prune_all(market)
    monkeypatch.undo()
    with market.store.read() as tx:
        assert tx.forgetting.doomed() == [sha256_digest(SCRIPT)]
    prune_all(market)
    with market.store.read() as tx:
        assert tx.forgetting.doomed() == []
    assert not market.blobs.has(sha256_digest(SCRIPT))


def test_the_worker_forgets_a_bounded_number_at_a_time_and_sweeps_once_an_hour(world, monkeypatch):
    monkeypatch.setattr(pruning, "ROWS", 2)
    paid_lease(world)
    age(world, 40)
    market, steps = keeping(world), 0
    while prune(market):
        steps += 1
    assert steps >= 3
    assert list(market.blobs.all()) == [], "the last step swept"
    market.blobs.put(sha256_digest(b"late"), b"late")
    os.utime(world.folder / "blobs" / sha256_digest(b"late")[2:4] / sha256_digest(b"late")[4:], (0, 0))
    assert prune(market) is False and market.blobs.has(sha256_digest(b"late"))
    world.chain.mine(pruning.SWEEP_SECONDS)
    assert prune(market) is False and not market.blobs.has(sha256_digest(b"late"))


STEPS = st.lists(st.sampled_from(["open", "attest", "pay", "bid", "cancel", "age", "prune"]), max_size=10)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_was_forgotten_a_rebuild_is_equal_to_the_chain_and_open_jobs_have_all_they_had(
    steps, tmp_path_factory
):
    world = World(tmp_path_factory.mktemp("world"))
    keeping(world)
    for step in [*steps, "age", "prune"]:
        if step == "open":
            world.offer()
            world.submit()
            run_round(world.market)
            world.drain()
        elif step == "attest":
            for lease in leases_at(world, JobState.RUNNING)[:1]:
                world.attest(lease.lease_id, b"%d" % lease.salt)
        elif step == "pay":
            for lease in leases_at(world, JobState.ATTESTED)[:1]:
                world.judge(lease.lease_id, outcome=int(Outcome.PAID))
                world.sign_batches()
                world.drain()
        elif step == "bid":
            world.submit(world.bid(replicas=16))
        elif step == "cancel":
            salt = world.next_salt(RENTER.address)
            cancel = Cancel(signer=RENTER.address, kind=int(CancelKind.BIDS_BEFORE), salt=salt)
            cancel_order(world.market, cancel, cancel.sign(DOMAIN, RENTER.key))
        elif step == "age":
            age(world, 35)
        elif step == "prune":
            needed = kept_of(world)
            prune_all(world.market)
            assert kept_of(world) == needed
    rebuild(world.market)
    world.drain()
    found = verify_ledger(world.market)
    assert found.is_equal, found.differences
    close_databases()


def leases_at(world, stage: JobState) -> list:
    """Those that stand there, and can still be settled."""
    with world.market.store.read() as tx:
        return [lease for lease in tx.leases.open() if lease.stage is stage and lease.deadline > world.chain.time + 60]


def kept_of(world) -> list:
    """All that open leases and live bids have: rows, timelines, bytes."""
    with world.market.store.read() as tx:
        leases, live = tx.leases.open(), tx.bids.live()
        jobs = {lease.bid_hash for lease in leases} | {one.bid_hash for one in live}
        records = [tx.bids.get(one) for one in sorted(jobs)]
        digests = {digest for one in records for digest in one.job_spec.blob_digests()}
        evidence = [tx.evidence.attestation(lease.lease_id) for lease in leases]
        digests |= {entry.digest for one in evidence if one for entry in one.manifest.entries}
        timelines = [tx.timeline.of(one) for one in sorted(jobs)]
    return [leases, records, evidence, timelines, sorted(one for one in digests if world.market.blobs.has(one))]
