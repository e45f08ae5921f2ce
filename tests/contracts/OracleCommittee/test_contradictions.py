"""reportContradiction: who signs two different ends for one lease loses its bond, a tenth of it to whoever shows it."""

import pytest

from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import Verdict, VerdictBatch
from tests.contracts.batch import compact_words
from tests.contracts.deployed import BOND_DELAY, ORACLE_BOND, create_hostile_world
from tests.contracts.world import PRICE, RESULT, event_of, events_of, reverts_anyhow, reverts_with

LEASE = "0x" + "12" * 32
PAID = Verdict(lease_id=LEASE, outcome=int(Outcome.PAID), pay=PRICE, result_digest=RESULT)
FAILED = Verdict(lease_id=LEASE, outcome=int(Outcome.FAILED), pay=0, result_digest="0x" + "00" * 32)
REWARD = ORACLE_BOND // 10


def signed(world, oracle, verdicts, domain=None):
    """`SignedBatch` of these verdicts."""
    batch = VerdictBatch.of(verdicts)
    halves = compact_words([world.sign(batch, oracle, domain)])
    return (batch.lease_ids, batch.outcomes, batch.result_digests, *halves)


def among(verdict, place, length):
    """Verdicts about other leases, and this one at a place."""
    others = [verdict.model_copy(update={"lease_id": "0x" + number.to_bytes(32).hex()}) for number in range(length)]
    return [*others[:place], verdict, *others[place + 1 :]]


def report(world, member, first, second, *, i=0, j=0, reporter=None, signers=None, **changes):
    """Report two batches; by default each holds one verdict."""
    of_first, of_second = signers or (member, member)
    first = first if isinstance(first, list) else [first]
    second = second if isinstance(second, list) else [second]
    a, b = signed(world, of_first, first), signed(world, of_second, second, changes.get("domain"))
    call = (member, a, i, b, j)
    return world.committee.reportContradiction(*call, {"from": reporter or world.stranger})


def bond_of(world, member):
    """Active and unbonding."""
    bond = world.committee.bondOf(member)
    return bond["active"], bond["unbonding"]


@pytest.fixture
def member(world):
    """A member of the committee."""
    return world.oracles[1]


# --- what is a contradiction -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [{"outcome": int(Outcome.FAILED)}, {"pay": PRICE - 1}, {"pay": 0}, {"result_digest": "0x" + "cd" * 32}],
)
def test_another_outcome_pay_or_result_for_one_lease_is_a_contradiction(world, member, change):
    tx = report(world, member, PAID, PAID.model_copy(update=change))
    expected = {
        "member": member,
        "leaseId": LEASE,
        "reporter": world.stranger,
        "slashed": ORACLE_BOND,
        "reward": REWARD,
    }
    assert event_of(tx, "ContradictionReported") == expected
    assert bond_of(world, member) == (0, 0)


@pytest.mark.parametrize("i, j", [(0, 1), (1, 0), (2, 3), (3, 2), (5, 7), (8, 0)])
def test_wherever_it_stands_in_the_batches(world, member, i, j):
    report(world, member, among(PAID, i, 9), among(FAILED, j, 8), i=i, j=j)
    assert bond_of(world, member) == (0, 0)


def test_within_one_batch_as_well(world, member):
    both = [PAID, FAILED]
    report(world, member, both, both, i=0, j=1)
    assert bond_of(world, member) == (0, 0)


@pytest.mark.parametrize("i, j", [(0, 0), (1, 2), (2, 5), (4, 3)])
def test_the_same_verdict_in_two_batches_is_none(world, member, i, j):
    with reverts_with("NotContradicting", LEASE):
        report(world, member, among(PAID, i, 6), among(PAID, j, 7), i=i, j=j)
    assert bond_of(world, member) == (ORACLE_BOND, 0)


def test_verdicts_about_two_leases_are_none(world, member):
    other = FAILED.model_copy(update={"lease_id": "0x" + "34" * 32})
    with reverts_with("NotContradicting", LEASE):
        report(world, member, PAID, other)


def test_bits_that_mean_nothing_make_no_contradiction(world, member):
    batch = VerdictBatch.of([PAID])
    odd = batch.model_copy(update={"outcomes": (batch.outcomes[0] | 7 << 72 | 9 << 80,)})
    halves = compact_words([world.sign(odd, member)])
    with reverts_with("NotContradicting", LEASE):
        call = (odd.lease_ids, odd.outcomes, odd.result_digests, *halves)
        world.committee.reportContradiction(member, signed(world, member, [PAID]), 0, call, 0, {"from": world.stranger})


@pytest.mark.parametrize("i, j", [(1, 0), (0, 1), (2**256 - 1, 0)])
def test_a_place_beyond_the_batch_reverts(world, member, i, j):
    with reverts_anyhow():
        report(world, member, PAID, FAILED, i=i, j=j)


# --- whose it is -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forged", [0, 1])
def test_both_must_be_signed_by_the_member(world, member, forged):
    signers = [member, member]
    signers[forged] = world.stranger
    with reverts_with("NotSigned", member):
        report(world, member, PAID, FAILED, signers=signers)


def test_another_members_contradiction_is_not_the_members(world, member):
    with reverts_with("NotSigned", member):
        report(world, member, PAID, FAILED, signers=(world.oracles[2], world.oracles[2]))


def test_two_members_that_disagree_contradict_nobody(world, member):
    with reverts_with("NotSigned", member):
        report(world, member, PAID, FAILED, signers=(member, world.oracles[2]))


@pytest.mark.parametrize("elsewhere", ["chain", "escrow"])
def test_what_was_signed_for_another_chain_or_escrow_is_no_contradiction(world, member, elsewhere):
    domain = (
        Domain(1, world.escrow.address) if elsewhere == "chain" else Domain(world.domain.chain_id, world.stake.address)
    )
    with reverts_with("NotSigned", member):
        report(world, member, PAID, FAILED, domain=domain)


def test_a_batch_altered_after_it_was_signed_is_no_evidence(world, member):
    a = signed(world, member, [PAID])
    altered = (*signed(world, member, [PAID])[:1], VerdictBatch.of([FAILED]).outcomes, *a[2:])
    with reverts_with("NotSigned", member):
        world.committee.reportContradiction(member, a, 0, altered, 0, {"from": world.stranger})


def test_a_settled_batch_and_another_signature_are_a_contradiction(world):
    lease = world.open()
    member = world.oracles[0]
    world.settle(world.verdict(lease, pay=PRICE), oracles=world.oracles[:3])
    report(world, member, world.verdict(lease, pay=PRICE), world.verdict(lease, Outcome.FRAUD))
    assert bond_of(world, member) == (0, 0)


# --- what it costs -----------------------------------------------------------------------------------------------


def test_a_tenth_goes_to_the_reporter_and_the_rest_waits_for_the_treasury(world, member):
    report(world, member, PAID, FAILED, reporter=world.renter)
    assert world.committee.slashed() == ORACLE_BOND - REWARD
    assert world.token.balanceOf(world.committee) == 5 * ORACLE_BOND - REWARD
    assert world.token.balanceOf(world.renter) == 1_000 * 10**6 + REWARD


def test_a_member_that_reports_itself_rescues_the_reporters_share_and_no_more(world, member):
    before = world.token.balanceOf(member)
    world.committee.bondFor(member, 100, {"from": member})
    world.committee.unbond(100, {"from": member})
    report(world, member, PAID, FAILED, reporter=member)
    assert world.token.balanceOf(member) == before - 100 + (ORACLE_BOND + 100) // 10
    with reverts_with("BondZeroAmount"):
        world.committee.withdrawBond({"from": member})


def test_what_is_unbonding_is_slashed_as_well(world, member):
    world.rotate([oracle for oracle in world.oracles if oracle != member], 3)
    world.committee.unbond(ORACLE_BOND - 1, {"from": member})
    tx = report(world, member, PAID, FAILED)
    assert event_of(tx, "ContradictionReported")["slashed"] == ORACLE_BOND
    assert bond_of(world, member) == (0, 0)
    assert not events_of(tx, "CommitteeChanged")


def test_what_has_finished_unbonding_is_slashed_until_it_is_withdrawn(world, chain):
    former = world.oracles[4]
    world.rotate(world.oracles[:4], 3)
    world.committee.unbond(ORACLE_BOND, {"from": former})
    chain.sleep(BOND_DELAY + 1)
    report(world, former, PAID, FAILED)
    with reverts_with("BondZeroAmount"):
        world.committee.withdrawBond({"from": former})


def test_who_has_withdrawn_has_nothing_to_lose(world, chain):
    former = world.oracles[4]
    world.rotate(world.oracles[:4], 3)
    world.committee.unbond(ORACLE_BOND, {"from": former})
    chain.sleep(BOND_DELAY + 1)
    world.committee.withdrawBond({"from": former})
    with reverts_with("NothingToSlash", former):
        report(world, former, PAID, FAILED)


def test_a_contradiction_is_paid_for_once(world, member):
    report(world, member, PAID, FAILED)
    with reverts_with("NothingToSlash", member):
        report(world, member, PAID, FAILED)


def test_the_bond_of_the_others_is_untouched(world, member):
    report(world, member, PAID, FAILED)
    assert {bond_of(world, other) for other in world.oracles if other != member} == {(ORACLE_BOND, 0)}


# --- the committee afterwards ------------------------------------------------------------------------------------


def test_the_member_is_expelled_and_the_committee_formed_again_without_it(world, member):
    tx = report(world, member, PAID, FAILED)
    rest = [oracle for oracle in world.oracles if oracle != member]
    assert event_of(tx, "CommitteeChanged") == {"epoch": 2, "members": tuple(rest), "threshold": 3}
    assert list(world.committee.members()) == rest
    assert not world.committee.isMember(member)


def test_the_rest_settles_what_was_open(world, member):
    lease = world.open()
    former = world.current_committee()
    report(world, member, PAID, FAILED)
    verdict = world.verdict(lease, pay=PRICE)
    with reverts_with("WrongCommittee"):
        world.send_settle(world.settlement(verdict, oracles=world.oracles[:3], committee=former))
    world.settle(verdict, oracles=[oracle for oracle in world.oracles if oracle != member][:3])
    assert not world.is_open(lease)


def test_a_member_that_the_threshold_needs_stays_without_a_bond_until_it_is_rotated_out(world, member):
    world.rotate(world.oracles[:3], 3)
    tx = report(world, member, PAID, FAILED)
    assert not events_of(tx, "CommitteeChanged")
    assert (world.committee.epoch(), world.committee.isMember(member)) == (2, True)
    with reverts_with("BondInsufficient", member, 0, 1):
        world.committee.unbond(1, {"from": member})
    world.rotate(world.oracles[2:], 3)
    assert not world.committee.isMember(member)


def test_an_expelled_member_returns_only_with_a_new_bond(world, member):
    report(world, member, PAID, FAILED)
    members = [oracle.address for oracle in world.oracles]
    call = world.committee.setCommittee.encode_input(members, 3)
    with reverts_with("BondTooSmall", member, 0, ORACLE_BOND):
        world.govern(world.committee, call)
    world.committee.bondFor(member, ORACLE_BOND, {"from": member})
    world.govern(world.committee, call)
    assert world.committee.isMember(member)


def test_members_can_be_expelled_down_to_the_threshold(world):
    for member in world.oracles[:3]:
        report(world, member, PAID, FAILED)
    assert list(world.committee.members()) == world.oracles[2:]


def test_reporting_cannot_be_entered_from_its_own_transfer(world):
    hostile = create_hostile_world(world, "TokenReentering")
    member = hostile.oracles[0]
    hostile.committee.bondFor(member, ORACLE_BOND, {"from": member})
    call = (member, signed(hostile, member, [PAID]), 0, signed(hostile, member, [FAILED]), 0)
    inner = hostile.committee.reportContradiction.encode_input(*call)
    hostile.token.arm(hostile.committee, inner, {"from": world.stranger})
    hostile.committee.reportContradiction(*call, {"from": world.stranger})
    assert hostile.token.attempted()
    assert str(hostile.token.lastError()).startswith("0x3ee5aeb5")  # ReentrancyGuardReentrantCall()
    assert hostile.token.balanceOf(world.stranger) == REWARD
