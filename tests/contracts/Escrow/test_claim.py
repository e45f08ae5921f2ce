"""claim(…): the provider names its pay when the oracles are silent; the lease leaves its group and waits a window."""

import pytest

from marketplace.protocol.enums import ClaimState, ExitKind
from tests.contracts.world import CLAIM_WINDOW, FREE, HOUR, PRICE, RESULT, event_of, now, reverts_with, statuses_at


def delegate(world, agent=None):
    """The stranger, or another, becomes the provider's agent."""
    world.escrow.setAgent(agent or world.stranger, True, {"from": world.provider})
    return agent or world.stranger


def evidence(world, lease, signer, **changes):
    """A signed attestation."""
    return world.sign(world.attestation(lease, **changes), signer)


def encoded(world, lease, pay=PRICE):
    """The provider's own call."""
    attestation = world.attestation(lease).as_tuple()
    return world.escrow.claim.encode_input(world.operator, lease.alone(), pay, attestation, world.provider, b"")


def test_a_claim_takes_the_lease_out_of_its_group_and_holds_everything(world):
    lease = world.open()
    tx = world.claim(lease, 300_000)
    until = tx.timestamp + CLAIM_WINDOW
    first, second = lease.terms.words()
    assert event_of(tx, "LeaseClaimed") == {
        "leaseId": lease.id,
        "renter": world.renter,
        "provider": world.provider,
        "pay": 300_000,
        "resultDigest": RESULT,
        "until": until,
        "first": first,
        "second": second,
    }
    claim = world.claim_of(lease)
    assert (claim["state"], claim["pay"], claim["until"], claim["bond"]) == (ClaimState.CLAIMED, 300_000, until, 0)
    assert not world.is_open(lease)
    assert (world.free(world.renter), world.free(world.provider)) == (FREE - PRICE, 0)
    assert world.provider_account()["openLeases"] == 1
    assert world.bond()["locked"] == PRICE


def test_a_claim_takes_one_lease_of_a_group(world):
    leases = world.open_all(*(world.match() for _ in range(3)))
    world.claim(leases[1])
    assert [world.is_open(lease) for lease in leases] == [True, False, True]


@pytest.mark.parametrize("pay", [1, PRICE])
def test_any_pay_up_to_the_lock_may_be_claimed(world, pay):
    lease = world.open()
    world.claim(lease, pay)
    assert world.claim_of(lease)["pay"] == pay


def test_a_claim_of_nothing_reverts(world):
    with reverts_with("ZeroAmount"):
        world.claim(world.open(), 0)


def test_a_lease_of_nothing_is_claimed_with_nothing(world):
    bid = world.bid(vcpus=0, memory_mb=0, fuel=0, egress_mb=0)
    lease = world.open(bid, world.ask(minimum_charge=0), price=0)
    world.claim(lease, 0)
    world.release(lease, sender=world.renter)
    assert world.provider_account()["openLeases"] == 0


def test_a_claim_above_the_lock_reverts(world):
    with reverts_with("PayAboveLock", PRICE + 1, PRICE):
        world.claim(world.open(), PRICE + 1)


@pytest.mark.parametrize("kind", [kind for kind in ExitKind if kind != ExitKind.EXITED])
def test_only_a_program_that_ended_by_itself_is_paid(world, kind):
    with reverts_with("NotCompleted", kind):
        world.claim(world.open(), exit_kind=int(kind))


def test_any_exit_code_of_the_programs_own_is_paid(world):
    world.claim(world.open(), exit_code=-1)


def test_a_lease_is_claimed_until_the_second_of_its_deadline(world):
    lease = world.open()
    deadline = lease.bid.deadline
    call = encoded(world, lease)
    assert statuses_at([deadline, deadline + 1], world.escrow, call, world.provider) == [1, 0]


def test_a_claim_after_the_deadline_reverts(world, chain):
    lease = world.open()
    chain.sleep(3 * HOUR)
    with reverts_with("DeadlinePassed", lease.bid.deadline, ...):
        world.claim(lease)


# --- who claims --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("caller", ["renter", "operator", "stranger"])
def test_nobody_claims_for_a_provider_even_with_its_signed_evidence(world, caller):
    """The pay is the caller's word, not the evidence's: a renter would claim next to nothing and release it."""
    lease, sender = world.open(), getattr(world, caller)
    with reverts_with("NotProvider", sender, world.provider):
        world.claim(lease, 1, sender=sender, signature=evidence(world, lease, world.provider))


def test_a_delegated_agent_claims_with_its_own_evidence(world):
    lease, agent = world.open(), delegate(world)
    world.claim(lease, sender=agent, agent=agent, signature=evidence(world, lease, agent))
    assert world.claim_of(lease)["state"] == ClaimState.CLAIMED


def test_a_delegated_agent_claims_with_evidence_of_the_provider_or_another_agent(world):
    first, second = world.open_all(world.match(), world.match())
    agent, other = delegate(world), delegate(world, world.candidates[0])
    world.claim(first, sender=agent, signature=evidence(world, first, world.provider))
    world.claim(second, sender=agent, agent=other, signature=evidence(world, second, other))


def test_a_delegated_agent_without_evidence_claims_nothing(world):
    lease, agent = world.open(), delegate(world)
    with reverts_with("InvalidSignature", agent):
        world.claim(lease, sender=agent, agent=agent)


def test_evidence_of_somebody_who_is_no_agent_serves_nothing(world):
    lease, agent, other = world.open(), delegate(world), world.candidates[0]
    with reverts_with("InvalidSignature", other):
        world.claim(lease, sender=agent, agent=other, signature=evidence(world, lease, other))


@pytest.mark.parametrize("change", [{"fuel": 1}, {"result_digest": "0x" + "cd" * 32}, {"exit_code": 1}])
def test_evidence_cannot_be_altered_after_it_was_signed(world, change):
    lease, agent = world.open(), delegate(world)
    signature = evidence(world, lease, agent)
    with reverts_with("InvalidSignature", agent):
        world.claim(lease, sender=agent, agent=agent, signature=signature, **change)


def test_a_revoked_agent_claims_nothing(world):
    lease, agent = world.open(), delegate(world)
    world.escrow.setAgent(agent, False, {"from": world.provider})
    with reverts_with("NotProvider", agent, world.provider):
        world.claim(lease, sender=agent, agent=agent, signature=evidence(world, lease, agent))


# --- which lease -------------------------------------------------------------------------------------------------


def test_evidence_about_another_lease_reverts(world):
    first, second = world.open_all(world.match(), world.match())
    with reverts_with("LeaseNotOpen", first.id):
        world.claim(second, lease_id=first.id)


def test_a_lease_is_claimed_once(world):
    lease = world.open_all(world.match(), world.match())[0]
    world.claim(lease)
    with reverts_with("LeaseNotOpen", lease.id):
        world.claim(lease)


def test_a_closed_lease_is_not_claimed(world):
    lease = world.open()
    world.settle(world.verdict(lease))
    with reverts_with("LeaseNotOpen", lease.id):
        world.claim(lease)


@pytest.mark.parametrize("chosen", [0, 0b11, 0b100, 1 << 32])
def test_a_claim_that_does_not_choose_one_lease_reverts(world, chosen):
    lease = world.open_all(world.match(), world.match())[0]
    number, _, *rest = lease.alone()
    attestation = world.attestation(lease).as_tuple()
    call = (world.operator, (number, chosen, *rest), PRICE, attestation, world.provider, b"")
    with reverts_with("NotOneLease", chosen):
        world.escrow.claim(*call, {"from": world.provider})


def test_a_claim_goes_on_while_opening_is_paused_and_the_token_is_paused(world, chain):
    lease = world.open(world.bid(deadline=now() + 100 * HOUR))
    world.govern(world.escrow, world.escrow.setOpeningPaused.encode_input(True))
    world.token.setPaused(True, {"from": world.deployer})
    world.claim(lease)
