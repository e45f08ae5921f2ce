"""settle(…): what refuses a whole batch: its form, the terms of its groups, and who signed it."""

import dataclasses

import pytest

from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import VerdictBatch
from tests.contracts.batch import Committee, compact_words
from tests.contracts.world import FREE, PRICE, STAKED, event_of, reverts_with

HALF = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


@pytest.fixture
def settlement(world):
    """A good settlement of one lease as paid."""
    return world.settlement(world.verdict(world.open(), Outcome.PAID, PRICE))


def send(world, settlement, **changes):
    """Send a settlement with changes."""
    return world.send_settle(dataclasses.replace(settlement, **changes))


# --- form --------------------------------------------------------------------------------------------------------


def test_settle_of_an_empty_batch_reverts(world):
    with reverts_with("EmptyBatch"):
        world.settle()


def test_settle_without_groups_reverts(world, settlement):
    with reverts_with("ArrayLengths", 1, 0):
        send(world, settlement, groups=[])


def test_settle_with_too_few_or_too_many_words_of_outcomes_reverts(world, settlement):
    with reverts_with("ArrayLengths", 1, 0):
        send(world, settlement, outcomes=[])
    with reverts_with("ArrayLengths", 1, 2):
        send(world, settlement, outcomes=[*settlement.outcomes, 0])


def test_settle_with_more_verdicts_than_leases_chosen_reverts(world, settlement):
    with reverts_with("ArrayLengths", 2, 1):
        send(world, settlement, result_digests=settlement.result_digests * 2)


def test_settle_with_fewer_verdicts_than_leases_chosen_reverts(world):
    leases = world.open_all(world.match(), world.match())
    settlement = world.settlement(*(world.verdict(lease) for lease in leases))
    with reverts_with("ArrayLengths", 1, 2):
        send(world, settlement, result_digests=settlement.result_digests[:1])


# --- terms -------------------------------------------------------------------------------------------------------


def test_settle_of_a_group_that_never_was_reverts(world, settlement):
    number, *rest = settlement.groups[0]
    with reverts_with("WrongGroup", world.operator, number + 1):
        send(world, settlement, groups=[(number + 1, *rest)])


def test_settle_of_a_group_that_never_was_with_no_terms_reverts(world, settlement):
    with reverts_with("WrongGroup", world.operator, 99):
        send(world, settlement, groups=[(99, 1, bytes(32), [])])


@pytest.mark.parametrize("bit", [0, 160, 200, 256, 256 + 160, 256 + 224])
def test_settle_with_other_terms_than_the_group_was_opened_with_reverts(world, settlement, bit):
    number, chosen, digest, terms = settlement.groups[0]
    altered = list(terms)
    altered[bit // 256] ^= 1 << bit % 256
    with reverts_with("WrongGroup", world.operator, number):
        send(world, settlement, groups=[(number, chosen, digest, altered)])


def test_settle_with_another_bids_digest_reverts(world, settlement):
    number, chosen, _, terms = settlement.groups[0]
    with reverts_with("WrongGroup", world.operator, number):
        send(world, settlement, groups=[(number, chosen, bytes(32), terms)])


@pytest.mark.parametrize("extra", [[0], [0, 0]])
def test_settle_with_more_terms_than_the_group_has_reverts(world, settlement, extra):
    number, chosen, digest, terms = settlement.groups[0]
    with reverts_with("WrongGroup", world.operator, number):
        send(world, settlement, groups=[(number, chosen, digest, [*terms, *extra])])


def test_bits_beyond_the_leases_of_a_group_choose_nothing_and_are_not_told(world, settlement):
    number, chosen, digest, terms = settlement.groups[0]
    tx = send(world, settlement, groups=[(number, chosen | 0b10 | 1 << 32 | 1 << 255, digest, terms)])
    assert event_of(tx, "LeasesSettled")["chosen"] == event_of(tx, "LeasesSettled")["closed"] == (1 << 32 | 1,)


# --- the quorum --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_signatures_than_the_threshold_do_not_settle(world, count):
    with reverts_with("TooFewSignatures", count, 3):
        world.settle(world.verdict(world.open()), oracles=world.oracles[:count])


@pytest.mark.parametrize("signers", [(0, 1, 2), (2, 3, 4), (0, 2, 4), (0, 1, 2, 3, 4)])
def test_any_three_members_settle_and_the_event_names_them(world, signers):
    tx = world.settle(world.verdict(world.open()), oracles=[world.oracles[index] for index in signers])
    assert event_of(tx, "LeasesSettled")["signers"] == sum(1 << index for index in signers)


def test_one_member_twice_counts_once(world, settlement):
    epoch, threshold, members, _ = settlement.quorum
    r, vs = settlement.signatures[:2]
    with reverts_with("NotSigned", members[1]):
        send(world, settlement, signatures=[r, vs] * 3)
    with reverts_with("TooFewSignatures", 1, 3):
        send(world, settlement, quorum=(epoch, threshold, members, 0b1), signatures=[r, vs] * 3)


def test_signatures_out_of_order_do_not_settle(world, settlement):
    first, second, third = (settlement.signatures[index : index + 2] for index in (0, 2, 4))
    with reverts_with("NotSigned", world.oracles[0]):
        send(world, settlement, signatures=[*second, *first, *third])


def test_a_signature_that_is_missing_reverts(world, settlement):
    with reverts_with("TooFewSignatures", 2, 3):
        send(world, settlement, signatures=settlement.signatures[:4])


@pytest.mark.parametrize("bit", [5, 32, 255])
def test_a_signer_beyond_the_members_is_refused(world, settlement, bit):
    epoch, threshold, members, signers = settlement.quorum
    with reverts_with("UnknownSigners", signers | 1 << bit):
        send(world, settlement, quorum=(epoch, threshold, members, signers | 1 << bit))


def test_a_signer_who_is_no_member_does_not_count(world, settlement):
    batch = VerdictBatch(
        lease_ids=tuple(world.opened),
        outcomes=tuple(settlement.outcomes),
        result_digests=tuple(settlement.result_digests),
    )
    foreign = compact_words([world.sign(batch, world.stranger)])
    with reverts_with("NotSigned", world.oracles[0]):
        send(world, settlement, signatures=foreign + settlement.signatures[2:])


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": 2},
        {"threshold": 0},
        {"epoch": 0},
        {"epoch": 2},
        {"members": "fewer"},
        {"members": "another"},
        {"members": "reversed"},
    ],
)
def test_another_committee_than_the_current_one_is_refused(world, settlement, change):
    now = world.current_committee()
    members = {
        "fewer": now.members[:3],
        "another": (*now.members[:4], world.stranger.address),
        "reversed": now.members[::-1],
    }
    given = dataclasses.replace(
        now, **{**change, **({"members": members[change["members"]]} if "members" in change else {})}
    )
    with reverts_with("WrongCommittee", world.committee.quorumHash(), ...):
        send(world, settlement, quorum=given.quorum([0, 1, 2]))


def test_a_retired_committee_settles_nothing(world):
    lease = world.open()
    old = world.current_committee()
    settlement = world.settlement(world.verdict(lease))
    world.rotate([*world.oracles[1:], world.candidates[0]], 3)
    with reverts_with("WrongCommittee"):
        world.send_settle(settlement)
    assert old.epoch == 1
    world.settle(world.verdict(lease))


def test_the_same_members_in_a_new_epoch_sign_for_the_new_epoch(world):
    """What they signed stays good: the message names no epoch, the call does."""
    lease = world.open()
    settlement = world.settlement(world.verdict(lease))
    now = world.rotate(world.oracles, 3)
    tx = send(world, settlement, quorum=now.quorum([0, 1, 2]))
    assert (now.epoch, event_of(tx, "LeasesSettled")["epoch"]) == (2, 2)


def test_nobody_is_a_committee_of_none(world, settlement):
    with reverts_with("WrongCommittee"):
        send(world, settlement, quorum=Committee(1, 0, ()).quorum([]), signatures=[])


@pytest.mark.parametrize("change", ["pay", "outcome", "result", "lease"])
def test_other_verdicts_than_were_signed_do_not_settle(world, change):
    first, second = world.open_all(world.match(), world.match())
    signed = world.settlement(world.verdict(first, Outcome.PAID, 1))
    other = {
        "pay": world.verdict(first, Outcome.PAID, 2),
        "outcome": world.verdict(first, Outcome.FRAUD),
        "result": world.verdict(first, Outcome.PAID, 1, "0x" + "cd" * 32),
        "lease": world.verdict(second, Outcome.PAID, 1),
    }[change]
    with reverts_with("NotSigned", world.oracles[0]):
        send(world, world.settlement(other), signatures=signed.signatures)


def test_a_part_of_what_was_signed_does_not_settle(world):
    leases = world.open_all(world.match(), world.match())
    signed = world.settlement(*(world.verdict(lease) for lease in leases))
    with reverts_with("NotSigned", world.oracles[0]):
        send(world, world.settlement(world.verdict(leases[0])), signatures=signed.signatures)


@pytest.mark.parametrize("elsewhere", ["another chain", "another contract"])
def test_signatures_for_elsewhere_do_not_settle(world, settlement, elsewhere):
    contract = world.escrow if elsewhere == "another chain" else world.committee
    domain = Domain(1 if elsewhere == "another chain" else world.domain.chain_id, contract.address)
    batch = VerdictBatch.of([world.verdict(next(iter(world.opened)), Outcome.PAID, PRICE)])
    signatures = compact_words(world.sign(batch, oracle, domain) for oracle in world.oracles[:3])
    with reverts_with("NotSigned", world.oracles[0]):
        send(world, settlement, signatures=signatures)


@pytest.mark.parametrize("forgery", ["high s", "another parity", "zero"])
def test_forged_signatures_do_not_settle(world, settlement, forgery):
    r, vs = settlement.signatures[:2]
    word = int.from_bytes(vs)
    forged = {
        "high s": (r, (HALF + 1 | word & 1 << 255).to_bytes(32)),
        "another parity": (r, (word ^ 1 << 255).to_bytes(32)),
        "zero": (bytes(32), bytes(32)),
    }[forgery]
    with reverts_with("NotSigned", world.oracles[0]):
        send(world, settlement, signatures=[*forged, *settlement.signatures[2:]])


# --- nobody can block a settlement -------------------------------------------------------------------------------


def test_a_blacklisted_payee_does_not_block_the_batch(world):
    leases = world.open_all(world.match(), world.match(ask=world.ask(world.providers[1])))
    for party in (world.provider, world.renter):
        world.token.setBlacklisted(party, True, {"from": world.deployer})
    world.settle(*(world.verdict(lease, pay=PRICE) for lease in leases))
    assert [world.free(provider) for provider in world.providers[:2]] == [PRICE - PRICE // 20] * 2


def test_a_blacklisted_party_does_not_block_a_slash(world):
    lease = world.open()
    for party in (world.provider, world.renter):
        world.token.setBlacklisted(party, True, {"from": world.deployer})
    world.settle(world.verdict(lease, Outcome.FRAUD))
    assert world.free(world.renter) == FREE + PRICE


def test_a_paused_token_blocks_no_settlement_but_fraud(world):
    paid, failed, fraudulent = world.open_all(*(world.match() for _ in range(3)))
    world.token.setPaused(True, {"from": world.deployer})
    world.settle(world.verdict(paid, pay=PRICE), world.verdict(failed, Outcome.FAILED))
    with reverts_with("TokenPaused"):
        world.settle(world.verdict(fraudulent, Outcome.FRAUD))
    assert world.bond()["active"] == STAKED
    world.token.setPaused(False, {"from": world.deployer})
    world.settle(world.verdict(fraudulent, Outcome.FRAUD))
    assert world.bond()["active"] == STAKED - PRICE


def test_settle_goes_on_while_opening_is_paused(world):
    lease = world.open()
    world.govern(world.escrow, world.escrow.setOpeningPaused.encode_input(True))
    world.settle(world.verdict(lease))
    assert not world.is_open(lease)
