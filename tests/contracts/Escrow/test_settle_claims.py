"""settleClaims(…): oracles decide claimed leases, disputed or not; the bond goes to who was right."""

import pytest

from marketplace.protocol.enums import ClaimState, Outcome
from marketplace.protocol.messages import VerdictBatch
from tests.contracts.world import (
    CLAIM_WINDOW,
    DISPUTE_WINDOW,
    FEE,
    FREE,
    PRICE,
    RESULT,
    STAKED,
    event_of,
    events_of,
    reverts_with,
)

BOND = PRICE // 10
CLAIM = 300_000


def claimed(world, pay=PRICE, disputed=False):
    """A lease claimed for `pay`."""
    lease = world.open()
    world.claim(lease, pay)
    if disputed:
        world.dispute(lease)
    return lease


# --- outcomes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pay", [0, 1, CLAIM, PRICE])
def test_the_oracles_word_stands_above_the_claim(world, pay):
    lease = claimed(world, CLAIM)
    tx = world.settle_claims(world.verdict(lease, pay=pay))
    fee = pay // 20
    assert event_of(tx, "LeaseClosed") == {
        "leaseId": lease.id,
        "renter": world.renter,
        "provider": world.provider,
        "outcome": Outcome.PAID,
        "paid": pay - fee,
        "fee": fee,
        "refund": PRICE - pay,
        "resultDigest": RESULT,
        "reason": 0,
    }
    assert (world.free(world.renter), world.free(world.provider)) == (FREE - pay, pay - fee)
    assert world.claim_of(lease)["state"] == ClaimState.CLOSED
    assert world.provider_account()["openLeases"] == world.bond()["locked"] == 0


def test_the_event_names_who_signed_and_the_fees_that_are_shared(world):
    first, second = claimed(world), claimed(world)
    tx = world.settle_claims(world.verdict(first, pay=PRICE), world.verdict(second, pay=PRICE))
    assert event_of(tx, "ClaimsSettled") == {"epoch": 1, "signers": 0b111, "fees": 2 * FEE}


def test_a_claim_found_failed_is_refunded_without_a_strike(world):
    world.settle_claims(world.verdict(claimed(world), Outcome.FAILED))
    assert (world.free(world.renter), world.free(world.provider)) == (FREE, 0)
    assert world.record() == {"failed": 1}


def test_a_claim_found_fraudulent_is_refunded_and_slashed(world):
    lease = claimed(world)
    tx = world.settle_claims(world.verdict(lease, Outcome.FRAUD))
    assert world.free(world.renter) == FREE + PRICE
    assert (world.bond()["active"], world.bond()["locked"]) == (STAKED - PRICE, 0)
    assert event_of(tx, "Slashed")["leaseId"] == lease.id
    assert event_of(tx, "PenaltiesSent") == {"amount": PRICE}
    world.escrow.withdraw(FREE + PRICE, {"from": world.renter})


@pytest.mark.parametrize(
    "outcome, pay, winner",
    [
        (Outcome.PAID, CLAIM, "provider"),
        (Outcome.PAID, PRICE, "provider"),
        (Outcome.PAID, CLAIM - 1, "renter"),
        (Outcome.PAID, 0, "renter"),
        (Outcome.FAILED, 0, "renter"),
        (Outcome.FRAUD, 0, "renter"),
    ],
)
def test_the_bond_goes_to_who_was_right(world, outcome, pay, winner):
    """Who claims more than is due cannot win the bond of who says so."""
    lease = claimed(world, CLAIM, disputed=True)
    tx = world.settle_claims(world.verdict(lease, outcome, pay))
    bond = CLAIM // 10
    assert event_of(tx, "BondReturned") == {"leaseId": lease.id, "to": getattr(world, winner), "bond": bond}
    penalty = PRICE if outcome == Outcome.FRAUD else 0
    lost = bond if winner == "provider" else 0
    assert world.free(world.renter) == FREE - pay + penalty - lost
    assert world.free(world.provider) == pay - pay // 20 + lost


def test_a_claim_that_was_not_disputed_has_no_bond_to_return(world):
    assert "BondReturned" not in world.settle_claims(world.verdict(claimed(world))).events


@pytest.mark.parametrize("disputed", [False, True])
def test_oracles_decide_as_long_as_nobody_else_has(world, chain, disputed):
    lease = claimed(world, disputed=disputed)
    chain.sleep(CLAIM_WINDOW + DISPUTE_WINDOW + 2)
    world.settle_claims(world.verdict(lease, pay=PRICE))
    assert world.free(world.provider) == PRICE - FEE + (BOND if disputed else 0)


def test_leases_of_several_groups_and_states_are_settled_in_one_call(world):
    plain, disputed = claimed(world), claimed(world, disputed=True)
    tx = world.settle_claims(world.verdict(disputed, Outcome.FRAUD), world.verdict(plain, pay=PRICE))
    assert [event["leaseId"] for event in events_of(tx, "LeaseClosed")] == [disputed.id, plain.id]


@pytest.mark.parametrize("count", [3, 4])
def test_outcomes_lie_three_a_word(world, count):
    leases = [claimed(world) for _ in range(count)]
    world.settle_claims(*(world.verdict(lease, pay=index + 1) for index, lease in enumerate(leases)))
    assert world.renter_account()["free"] == FREE - sum(range(count + 1))


# --- verdicts that count for nothing -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outcome, pay",
    [(Outcome.PAID, PRICE + 1), (Outcome.FAILED, 1), (Outcome.FRAUD, 1), (0, 0), (0, 1), (4, 0), (255, 0)],
)
def test_a_verdict_that_cannot_be_counts_for_nothing_and_disturbs_no_other(world, outcome, pay):
    bad, good = claimed(world, disputed=True), claimed(world)
    tx = world.settle_claims(world.verdict(bad, outcome, pay), world.verdict(good, pay=PRICE))
    assert event_of(tx, "ClaimsSettled")["fees"] == FEE
    assert world.claim_of(bad)["state"] == ClaimState.DISPUTED
    assert world.claim_of(good)["state"] == ClaimState.CLOSED
    with reverts_with("NothingClosed"):
        world.settle_claims(world.verdict(bad, outcome, pay))


@pytest.mark.parametrize("end", ["released", "settled", "expired", "never claimed"])
def test_what_is_not_claimed_any_more_is_passed_over(world, chain, end):
    lease = claimed(world, disputed=end == "expired") if end != "never claimed" else world.open()
    if end == "released":
        world.release(lease, sender=world.renter)
    if end == "settled":
        world.settle_claims(world.verdict(lease))
    if end == "expired":
        chain.sleep(DISPUTE_WINDOW + 1)
        world.expire_dispute(lease)
    with reverts_with("NothingClosed"):
        world.settle_claims(world.verdict(lease, Outcome.FRAUD))


def test_invariant_2_a_claim_twice_in_a_batch_is_closed_once(world):
    lease = claimed(world)
    verdict = world.verdict(lease, pay=7)
    tx = world.settle_claims(verdict, verdict)
    assert len(events_of(tx, "LeaseClosed")) == 1
    assert world.renter_account()["free"] == FREE - 7


def test_other_terms_than_were_claimed_count_for_nothing(world):
    lease = claimed(world)
    first, second = lease.terms.words()
    mine = first - int(world.renter.address, 16) + int(world.stranger.address, 16)
    with reverts_with("NothingClosed"):
        world.settle_claims(world.verdict(lease, Outcome.FAILED), leases=[(lease.id, mine, second)])
    good = claimed(world)
    verdicts = world.verdict(lease, Outcome.FAILED), world.verdict(good, pay=PRICE)
    tx = world.settle_claims(*verdicts, leases=[(lease.id, mine, second), (good.id, *good.terms.words())])
    assert event_of(tx, "ClaimsSettled")["fees"] == FEE


# --- refusals ----------------------------------------------------------------------------------------------------


def test_an_empty_batch_reverts(world):
    with reverts_with("EmptyBatch"):
        world.settle_claims()


def test_lengths_that_do_not_agree_revert(world):
    lease = claimed(world)
    verdict = world.verdict(lease, pay=1)
    quorum, signatures = world.signed_batch([verdict])
    outcomes = list(VerdictBatch.of([verdict]).outcomes)

    def send(leases, outcomes, results):
        world.escrow.settleClaims(leases, outcomes, results, quorum, signatures, {"from": world.operator})

    with reverts_with("ArrayLengths", 2, 1):
        send([lease.claimed()] * 2, outcomes, [RESULT])
    with reverts_with("ArrayLengths", 1, 2):
        send([lease.claimed()], outcomes * 2, [RESULT])
    with reverts_with("ArrayLengths", 1, 0):
        send([lease.claimed()], [], [RESULT])


def test_fewer_signatures_than_the_threshold_settle_no_claim(world):
    with reverts_with("TooFewSignatures", 2, 3):
        world.settle_claims(world.verdict(claimed(world)), oracles=world.oracles[:2])


def test_a_retired_committee_settles_no_claim(world):
    lease = claimed(world)
    old = world.current_committee()
    verdict = world.verdict(lease)
    quorum, signatures = world.signed_batch([verdict], committee=old)
    world.rotate(world.candidates, 3)
    batch = VerdictBatch.of([verdict])
    call = ([lease.claimed()], list(batch.outcomes), list(batch.result_digests), quorum, signatures)
    with reverts_with("WrongCommittee"):
        world.escrow.settleClaims(*call, {"from": world.operator})


def test_other_verdicts_than_were_signed_settle_no_claim(world):
    lease = claimed(world)
    quorum, signatures = world.signed_batch([world.verdict(lease, pay=1)])
    batch = VerdictBatch.of([world.verdict(lease, pay=2)])
    call = ([lease.claimed()], list(batch.outcomes), list(batch.result_digests), quorum, signatures)
    with reverts_with("NotSigned", world.oracles[0]):
        world.escrow.settleClaims(*call, {"from": world.operator})


def test_a_batch_signed_for_open_leases_serves_for_claimed_ones(world):
    """It is the same message: a claim that comes first does not make the oracles sign again."""
    lease = world.open()
    settlement = world.settlement(world.verdict(lease, pay=PRICE))
    world.claim(lease)
    call = ([lease.claimed()], settlement.outcomes, settlement.result_digests, settlement.quorum)
    world.escrow.settleClaims(*call, settlement.signatures, {"from": world.stranger})
    assert world.free(world.provider) == PRICE - FEE
