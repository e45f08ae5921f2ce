"""reportBrokenSeal: who seals one end of a lease and signs a batch that says another loses its bond."""

import pytest

from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import VerdictReveal
from tests.contracts.batch import compact_words
from tests.contracts.deployed import ORACLE_BOND
from tests.contracts.OracleCommittee.test_contradictions import FAILED, LEASE, PAID, REWARD, among, bond_of, signed
from tests.contracts.world import PRICE, event_of, reverts_anyhow, reverts_with

SECRET = "0x" + "5e" * 32


def opened(world, oracle, verdict, *, signer=None, domain=None, sealed_by=None, **changes):
    """`OpenedSeal`: what the oracle sealed, signed, and what is said to open it."""
    reveal = VerdictReveal.of(verdict, SECRET)
    seal = reveal.seal(sealed_by or str(oracle))
    halves = compact_words([world.sign(seal, signer or oracle, domain)])
    return (*reveal.model_copy(update=changes).as_tuple(), *halves)


def report(world, member, seal, batch, index=0):
    return world.committee.reportBrokenSeal(member, seal, batch, index, {"from": world.stranger})


@pytest.fixture
def member(world):
    """A member of the committee."""
    return world.oracles[1]


@pytest.mark.parametrize(
    "change",
    [{"outcome": int(Outcome.FAILED)}, {"pay": PRICE - 1}, {"pay": 0}, {"result_digest": "0x" + "cd" * 32}],
)
def test_a_batch_that_says_another_outcome_pay_or_result_than_was_sealed_costs_the_bond(world, member, change):
    tx = report(world, member, opened(world, member, PAID), signed(world, member, [PAID.model_copy(update=change)]))
    expected = {
        "member": member,
        "leaseId": LEASE,
        "reporter": world.stranger,
        "slashed": ORACLE_BOND,
        "reward": REWARD,
    }
    assert event_of(tx, "ContradictionReported") == expected
    assert (bond_of(world, member), world.committee.isMember(member)) == ((0, 0), False)
    assert world.committee.slashed() == ORACLE_BOND - REWARD


@pytest.mark.parametrize("place, length", [(0, 1), (1, 3), (4, 5), (6, 7)])
def test_wherever_the_lease_stands_in_the_batch(world, member, place, length):
    report(world, member, opened(world, member, PAID), signed(world, member, among(FAILED, place, length)), place)
    assert bond_of(world, member) == (0, 0)


def test_who_signs_what_it_sealed_breaks_nothing(world, member):
    with reverts_with("NotContradicting", LEASE):
        report(world, member, opened(world, member, PAID), signed(world, member, among(PAID, 1, 3)), 1)
    assert bond_of(world, member) == (ORACLE_BOND, 0)


def test_a_batch_about_another_lease_breaks_nothing(world, member):
    other = FAILED.model_copy(update={"lease_id": "0x" + "34" * 32})
    with reverts_with("NotContradicting", LEASE):
        report(world, member, opened(world, member, PAID), signed(world, member, [other]))


@pytest.mark.parametrize("change", [{"secret": "0x" + "5f" * 32}, {"pay": PRICE - 1}, {"outcome": 3}])
def test_what_does_not_open_the_seal_proves_nothing(world, member, change):
    """Only what the member sealed opens it: nobody can put other words into its mouth."""
    with reverts_with("NotSigned", member):
        report(world, member, opened(world, member, PAID, **change), signed(world, member, [FAILED]))


def test_a_seal_over_another_members_commitment_is_no_seal_of_this_verdict(world, member):
    """Whoever signs a copy of another's commitment cannot open it, and cannot be blamed for what is in it."""
    other = str(world.oracles[2])
    with reverts_with("NotSigned", member):
        report(world, member, opened(world, member, PAID, sealed_by=other), signed(world, member, [FAILED]))


@pytest.mark.parametrize("forged", ["seal", "batch"])
def test_seal_and_batch_must_be_signed_by_the_member(world, member, forged):
    by_seal, by_batch = (world.stranger if forged == one else member for one in ("seal", "batch"))
    seal, batch = opened(world, member, PAID, signer=by_seal), signed(world, by_batch, [FAILED])
    with reverts_with("NotSigned", member):
        report(world, member, seal, batch)


def test_a_seal_for_another_escrow_is_none_here(world, member):
    elsewhere = Domain(world.domain.chain_id, world.stake.address)
    with reverts_with("NotSigned", member):
        report(world, member, opened(world, member, PAID, domain=elsewhere), signed(world, member, [FAILED]))


def test_a_place_beyond_the_batch_reverts(world, member):
    with reverts_anyhow():
        report(world, member, opened(world, member, PAID), signed(world, member, [FAILED]), 1)


def test_a_broken_seal_is_paid_for_once(world, member):
    evidence = opened(world, member, PAID), signed(world, member, [FAILED])
    report(world, member, *evidence)
    with reverts_with("NothingToSlash", member):
        report(world, member, *evidence)
