"""accept(…): the renter's own word closes a lease as paid."""

import pytest

from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import Outcome
from tests.contracts.world import FEE, FREE, PRICE, RESULT, USDC, event_of, project, reverts_with


def submit(world, lease, receipt, signature, sender=None, terms=None):
    """Submit a receipt, by default as the provider who is paid by it."""
    call = (lease.group.market, terms or lease.alone(), receipt.as_tuple(), signature)
    return world.escrow.accept(*call, {"from": sender or world.provider})


def test_accept_pays_takes_the_fee_and_refunds_without_any_oracle(world):
    lease = world.open()
    tx = world.accept(lease, 300_000)
    assert world.free(world.provider) == 285_000
    assert world.escrow.fees(0) == 15_000
    assert world.free(world.renter) == FREE - 300_000
    assert world.bond()["locked"] == 0
    assert world.record() == {"settled": 1, "volume": 285_000}
    assert not world.is_open(lease)
    assert event_of(tx, "LeaseClosed") == {
        "leaseId": lease.id,
        "renter": world.renter,
        "provider": world.provider,
        "outcome": Outcome.PAID,
        "paid": 285_000,
        "fee": 15_000,
        "refund": 100_000,
        "resultDigest": RESULT,
        "reason": 1,
    }


def test_accept_closes_one_lease_of_a_group(world):
    leases = world.open_all(*(world.match() for _ in range(3)))
    world.accept(leases[1], PRICE)
    assert [world.is_open(lease) for lease in leases] == [True, False, True]


@pytest.mark.parametrize("submitter", ["operator", "renter", "stranger", "provider"])
def test_accept_of_the_whole_price_may_be_submitted_by_anybody(world, submitter):
    lease = world.open()
    world.accept(lease, PRICE, sender=getattr(world, submitter))
    assert world.free(world.provider) == PRICE - FEE


@pytest.mark.parametrize("submitter", ["renter", "operator", "stranger"])
@pytest.mark.parametrize("pay", [0, PRICE - 1])
def test_accept_for_less_than_the_lock_by_another_than_the_provider_reverts(world, submitter, pay):
    """A renter who has seen the result cannot sign for nothing and take the lock back."""
    lease, sender = world.open(), getattr(world, submitter)
    with reverts_with("ReceiptNeedsProvider", sender, world.provider):
        world.accept(lease, pay, sender=sender)
    assert world.is_open(lease)


def test_a_provider_may_take_a_receipt_for_nothing(world):
    world.accept(world.open(), 0)
    assert world.free(world.renter) == FREE
    assert world.record() == {"settled": 1}


def test_a_delegated_agent_is_not_the_provider_here(world):
    lease = world.open()
    world.escrow.setAgent(world.stranger, True, {"from": world.provider})
    with reverts_with("ReceiptNeedsProvider", world.stranger, world.provider):
        world.accept(lease, PRICE - 1, sender=world.stranger)


@pytest.mark.parametrize("signer", ["provider", "operator", "stranger"])
def test_invariant_4_accept_signed_by_another_than_the_renter_reverts(world, signer):
    lease = world.open()
    with reverts_with("InvalidSignature", world.renter):
        world.accept(lease, PRICE, signer=getattr(world, signer))


def test_invariant_4_accept_of_more_than_the_renter_signed_reverts(world):
    lease = world.open()
    signature = world.sign(world.receipt(lease, 1), world.renter)
    with reverts_with("InvalidSignature", world.renter):
        submit(world, lease, world.receipt(lease, PRICE), signature)


def test_accept_above_the_lock_reverts(world):
    with reverts_with("PayAboveLock", PRICE + 1, PRICE):
        world.accept(world.open(), PRICE + 1)


def test_accept_with_the_receipt_of_another_lease_reverts(world):
    first, second = world.open_all(world.match(), world.match())
    receipt = world.receipt(first, PRICE)
    with reverts_with("LeaseNotOpen", first.id):
        submit(world, second, receipt, world.sign(receipt, world.renter))


@pytest.mark.parametrize("elsewhere", ["another chain", "another contract"])
def test_accept_with_a_receipt_for_elsewhere_reverts(world, elsewhere):
    contract = world.escrow if elsewhere == "another chain" else world.stake
    domain = Domain(1 if elsewhere == "another chain" else world.domain.chain_id, contract.address)
    lease = world.open()
    receipt = world.receipt(lease, PRICE)
    with reverts_with("InvalidSignature", world.renter):
        submit(world, lease, receipt, world.sign(receipt, world.renter, domain))


@pytest.mark.parametrize("length", [0, 63, 66])
def test_accept_with_a_signature_of_another_length_reverts(world, length):
    lease = world.open()
    with reverts_with("InvalidSignature", world.renter):
        submit(world, lease, world.receipt(lease, PRICE), bytes(length))


def test_a_compact_signature_serves_as_well(world):
    lease = world.open()
    receipt = world.receipt(lease, PRICE)
    long = world.sign(receipt, world.renter)
    compact = long[:32] + bytes([long[32] | (long[64] - 27) << 7]) + long[33:64]
    submit(world, lease, receipt, compact)


def test_an_account_contract_accepts_with_its_owners_signature(world):
    account = world.stranger.deploy(project().SmartAccount, world.stranger)
    world.escrow.depositFor(account, USDC, {"from": world.renter})
    match = world.match(world.bid(account), signers=(world.stranger, world.provider), bid_by_key=False)
    lease = world.open_all(match)[0]
    with reverts_with("InvalidSignature", account):
        world.accept(lease, PRICE, signer=world.renter)
    world.accept(lease, PRICE, signer=world.stranger)
    assert world.free(account) == USDC - PRICE


# --- terms -------------------------------------------------------------------------------------------------------


def test_invariant_2_a_receipt_is_good_for_one_time(world):
    lease = world.open_all(world.match(), world.match())[0]
    world.accept(lease, PRICE)
    with reverts_with("LeaseNotOpen", lease.id):
        world.accept(lease, PRICE)


def test_invariant_2_a_receipt_is_worthless_once_the_number_is_used_again(world):
    lease = world.open_all(world.match(), first_group=1)[0]
    world.settle(world.verdict(lease))
    world.open_all(world.match(), first_group=1)
    with reverts_with("WrongGroup", world.operator, 1):
        world.accept(lease, PRICE)


@pytest.mark.parametrize("chosen", [0, 0b11, 0b100, 1 << 32, 1 << 255, 1 | 1 << 32])
def test_accept_that_does_not_choose_one_lease_reverts(world, chosen):
    lease = world.open_all(world.match(), world.match())[0]
    number, _, *rest = lease.alone()
    receipt = world.receipt(lease, PRICE)
    with reverts_with("NotOneLease", chosen):
        submit(world, lease, receipt, world.sign(receipt, world.renter), terms=(number, chosen, *rest))


def test_accept_with_other_terms_than_the_group_was_opened_with_reverts(world):
    lease = world.open()
    number, chosen, digest, terms = lease.alone()
    receipt = world.receipt(lease, PRICE)
    altered = (number, chosen, digest, [terms[0] ^ 1, terms[1]])
    with reverts_with("WrongGroup", world.operator, number):
        submit(world, lease, receipt, world.sign(receipt, world.renter), terms=altered)


def test_accept_goes_on_while_opening_is_paused_and_the_token_is_paused(world):
    lease = world.open()
    world.govern(world.escrow, world.escrow.setOpeningPaused.encode_input(True))
    world.token.setPaused(True, {"from": world.deployer})
    world.accept(lease, PRICE)
    assert not world.is_open(lease)
