"""Many leases at once: each is taken or refused by itself, and the database is asked hardly more often than for one."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import Engine, event

from marketplace.domain.rules import Rules
from marketplace.errors import ConflictError, InvalidSignature, NotFound, WrongSigner
from marketplace.services.clear_round import run_round
from marketplace.services.seal_verdicts import (
    SignedReveal,
    SignedSeal,
    advance_judgements,
    record_reveals,
    record_seals,
)
from marketplace.services.settle_batch import propose_batches
from marketplace.services.show_job import show_events
from marketplace.services.show_lease import list_claims, show_lease
from marketplace.services.show_market import show_cluster
from marketplace.services.show_oracles import show_seals
from tests.fakes.world import DOMAIN, ORACLES, World, key

FIRST, SECOND, _ = ORACLES


@contextmanager
def statements():
    """What the databases of this process are asked meanwhile."""
    asked: list[str] = []

    def note(connection, cursor, statement, *_) -> None:
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def open_leases(world: World, count: int) -> list[str]:
    world.offer(world.ask(units=count))
    jobs = [world.submit() for _ in range(count)]
    assert run_round(world.market) is not None
    world.drain()
    leases = [world.lease_of(job) for job in jobs]
    for lease in leases:
        world.attest(lease)
    return leases


def seal_of(world: World, oracle, lease: str, **changes) -> SignedSeal:
    seal = world.sealed(oracle, world.verdict(lease, **changes)).seal(oracle.address)
    return SignedSeal(seal, seal.sign(DOMAIN, oracle.key))


def reveal_of(world: World, oracle, lease: str, **changes) -> SignedReveal:
    reveal = world.sealed(oracle, world.verdict(lease, **changes))
    return SignedReveal(reveal, reveal.sign(DOMAIN, oracle.key))


def seal_all(world: World, leases: list[str]) -> None:
    for oracle in (FIRST, SECOND):
        assert record_seals(world.market, oracle.address, [seal_of(world, oracle, one) for one in leases]) == [
            True
        ] * len(leases)
    advance_judgements(world.market)


def reveal_all(world: World, leases: list[str]) -> None:
    for oracle in (FIRST, SECOND):
        record_reveals(world.market, oracle.address, [reveal_of(world, oracle, one) for one in leases])


def test_seals_that_come_together_are_taken_as_one_by_one(world):
    leases = open_leases(world, 3)
    given = [seal_of(world, FIRST, one) for one in leases]
    assert record_seals(world.market, FIRST.address, given) == [True] * 3
    assert record_seals(world.market, FIRST.address, given) == [False] * 3, "the very same again changes nothing"
    assert [show_lease(world.market, one)["state"] for one in leases] == ["verifying"] * 3
    assert [show_lease(world.market, one)["sealedBy"] for one in leases] == [[FIRST.address]] * 3
    assert list_claims(world.market, FIRST.address)["claims"] == []
    assert len(list_claims(world.market, SECOND.address)["claims"]) == 3


def test_a_seal_that_is_refused_keeps_no_other_out(world):
    first, second, third = open_leases(world, 3)
    unknown = seal_of(world, FIRST, first)
    unknown = replace(unknown, seal=unknown.seal.model_copy(update={"lease_id": "0x" + "77" * 32}))
    unknown = replace(unknown, signature=unknown.seal.sign(DOMAIN, FIRST.key))
    forged = replace(seal_of(world, FIRST, second), signature=seal_of(world, FIRST, first).signature)
    twice = seal_of(world, FIRST, first, outcome=3, pay=0)
    given = [seal_of(world, FIRST, first), unknown, forged, twice, seal_of(world, FIRST, third)]
    outcomes = record_seals(world.market, FIRST.address, given)
    assert [type(one) for one in outcomes] == [bool, NotFound, InvalidSignature, ConflictError, bool]
    sealed = [show_lease(world.market, one)["sealedBy"] for one in (first, second, third)]
    assert sealed == [[FIRST.address], [], [FIRST.address]]


def test_nobody_else_may_send_seals_or_reveals_of_many(world):
    leases = open_leases(world, 2)
    stranger = key(99)
    with pytest.raises(WrongSigner):
        record_seals(world.market, stranger.address, [seal_of(world, stranger, one) for one in leases])
    with pytest.raises(WrongSigner):
        record_reveals(world.market, stranger.address, [reveal_of(world, stranger, one) for one in leases])


def test_of_many_reveals_one_that_opens_nothing_is_kept_against_its_oracle_and_the_others_are_taken(world):
    first, second, third = open_leases(world, 3)
    seal_all(world, [first, second, third])
    given = [
        reveal_of(world, FIRST, first),
        reveal_of(world, FIRST, second, outcome=3, pay=0),
        reveal_of(world, FIRST, third),
    ]
    taken, refused, other = record_reveals(world.market, FIRST.address, given)
    assert (taken, other) == (True, True) and isinstance(refused, ConflictError)
    faults = {one: [fault["kind"] for fault in show_seals(world.market, one)["faults"]] for one in (first, second)}
    assert faults == {first: [], second: ["mismatched"]}
    assert record_reveals(world.market, FIRST.address, given[:1]) == [False]


def test_leases_that_are_settled_together_end_as_one_by_one(world):
    leases = open_leases(world, 4)
    seal_all(world, leases)
    reveal_all(world, leases)
    assert propose_batches(world.market) == 1
    assert [show_lease(world.market, one)["state"] for one in leases] == ["settling"] * 4
    world.sign_batches()
    world.drain()
    for lease in leases:
        shown = show_lease(world.market, lease)
        assert (shown["state"], len(shown["verdicts"])) == ("paid", 2)
        kinds = [one["event"] for one in show_events(world.market, shown["jobId"])["events"]]
        assert kinds[-5:] == ["verdict", "batch_proposed", "settling", "lease_closed", "paid"], kinds
        assert kinds.count("verdict") == 2, "each is told once"


@pytest.mark.parametrize("database", ["sqlite"])
def test_many_leases_cost_the_database_hardly_more_looks_than_few(tmp_path, database):
    """What each more lease may cost, from its seals to its pay: rows are written, but searched for together."""
    few, many = (_looks(World(tmp_path / str(count), database=database), count) for count in (3, 13))
    assert {step: (many[step] - few[step]) / 10 for step in few} == {
        step: pytest.approx(0, abs=limit) for step, limit in LIMITS.items()
    }


LIMITS = dict.fromkeys(("status", "claims", "seals", "reveals", "propose", "settle"), 0.5)
"""Looks a lease."""


def _looks(world: World, count: int) -> dict[str, int]:
    leases, looks = open_leases(world, count), {}
    with statements() as asked:
        assert show_cluster(world.market)["units"]["leased"] == count
    looks["status"] = len(asked)
    with statements() as asked:
        list_claims(world.market, FIRST.address)
    looks["claims"] = len(asked)
    given = {oracle.address: [seal_of(world, oracle, one) for one in leases] for oracle in (FIRST, SECOND)}
    with statements() as asked:
        record_seals(world.market, FIRST.address, given[FIRST.address])
    looks["seals"] = len(asked)
    record_seals(world.market, SECOND.address, given[SECOND.address])
    advance_judgements(world.market)
    reveals = {oracle.address: [reveal_of(world, oracle, one) for one in leases] for oracle in (FIRST, SECOND)}
    with statements() as asked:
        record_reveals(world.market, FIRST.address, reveals[FIRST.address])
    looks["reveals"] = len(asked)
    record_reveals(world.market, SECOND.address, reveals[SECOND.address])
    with statements() as asked:
        assert propose_batches(world.market) == 1
    looks["propose"] = len(asked)
    world.sign_batches()
    with statements() as asked:
        world.drain()
    looks["settle"] = len(asked)
    assert {show_lease(world.market, one)["state"] for one in leases} == {"paid"}
    return looks


@pytest.mark.parametrize("database", ["sqlite"])
def test_judgements_go_on_together_with_as_many_looks_as_for_one(tmp_path, database):
    few, many = (looks_of_judgements(tmp_path / str(count), database, count) for count in (1, 7))
    assert few == many and min(few) > 0


def looks_of_judgements(folder, database: str, count: int) -> tuple[int, ...]:
    """Statements of the look that opens nothing yet, and of the one that opens seals; the third notes failures."""
    world = World(folder, rules=Rules(max_blob_bytes=10_000, seal_seconds=5, reveal_seconds=5), database=database)
    leases = open_leases(world, count)
    for oracle in (FIRST, SECOND):
        record_seals(world.market, oracle.address, [seal_of(world, oracle, one) for one in leases])
    looks = []
    for seconds, advanced in ((0, 0), (6, count), (6, count)):
        world.chain.mine(seconds)
        with statements() as asked:
            assert advance_judgements(world.market) == advanced
        looks.append(len(asked))
    with world.market.store.read() as tx:
        assert all(tx.seals.judgement(one).concluded_at for one in leases)
        assert {fault.oracle for one in leases for fault in tx.seals.faults_of(one)} == {one.address for one in ORACLES}
    return tuple(looks[:2])
