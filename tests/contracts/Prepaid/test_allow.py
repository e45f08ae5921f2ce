"""allow(…) and revokeAllowance(…): a renter lets the quorum debit it, up to a cap, until a time, and takes it back."""

import brownie
import pytest

from marketplace.protocol.prepaid import PrepaidDomain
from tests.contracts.Prepaid.paid import DELAY, PAY
from tests.contracts.world import DAY, HOUR, USDC, event_of, now, project, reverts_with

NOTHING = {"cap": 0, "spent": 0, "validUntil": 0, "salt": 0}


def allowance_of(paid, renter=None):
    """What the contract knows of a renter's allowance."""
    return paid.contract.allowanceOf(renter or paid.world.renter).dict()


def test_anybody_registers_a_signed_allowance(paid, world):
    allowance = paid.allowance(salt=7)
    tx = paid.allow(allowance)
    assert event_of(tx, "AllowanceSet") == {
        "renter": world.renter, "cap": 5 * USDC, "validUntil": allowance.valid_until, "salt": 7,
    }  # fmt: skip
    assert allowance_of(paid) == {"cap": 5 * USDC, "spent": 0, "validUntil": allowance.valid_until, "salt": 7}


@pytest.mark.parametrize("salt", [6, 7])
def test_a_salt_is_greater_than_the_last(paid, world, salt):
    paid.allow(paid.allowance(salt=7))
    with reverts_with("AllowanceSaltUsed", world.renter, 7):
        paid.allow(paid.allowance(salt=salt))


def test_salt_zero_is_never_good(paid, world):
    with reverts_with("AllowanceSaltUsed", world.renter, 0):
        paid.allow(paid.allowance(salt=0))


def test_nobody_allows_for_another(paid, world):
    with reverts_with("InvalidSignature", world.renter):
        paid.allow(signer=world.stranger)
    assert allowance_of(paid) == NOTHING


@pytest.mark.parametrize("change", ["cap", "valid_until", "salt"])
def test_an_altered_allowance_is_not_signed(paid, world, change):
    allowance = paid.allowance()
    signature = world.sign(allowance, world.renter, paid.domain)
    altered = allowance.model_copy(update={change: getattr(allowance, change) + 1})
    with reverts_with("InvalidSignature", world.renter):
        paid.contract.allow(altered.as_tuple(), signature, {"from": world.stranger})


@pytest.mark.parametrize("place", ["another chain", "another contract", "the escrow"])
def test_an_allowance_for_elsewhere_is_not_signed_for_here(paid, world, place):
    domain = {
        "another chain": PrepaidDomain(1, paid.contract.address),
        "another contract": PrepaidDomain(brownie.chain.id, world.stranger.address),
        "the escrow": world.domain,
    }[place]
    allowance = paid.allowance()
    with reverts_with("InvalidSignature", world.renter):
        signature = world.sign(allowance, world.renter, domain)
        paid.contract.allow(allowance.as_tuple(), signature, {"from": world.stranger})


def test_an_account_contract_allows_by_erc_1271(paid, world):
    account = world.stranger.deploy(project().SmartAccount, world.operator)
    paid.allow(paid.allowance(account), signer=world.operator)
    assert allowance_of(paid, account)["salt"] == 1


# --- raising, lowering, ending -----------------------------------------------------------------------------------


def test_a_running_allowance_is_raised_and_prolonged_and_keeps_what_was_spent(paid, world):
    paid.allow()
    paid.settle_netted(paid.netted(paid.netted_job()))
    more = paid.allowance(salt=2, cap=6 * USDC, valid_until=now() + 30 * DAY)
    paid.allow(more)
    assert allowance_of(paid) == {"cap": 6 * USDC, "spent": PAY, "validUntil": more.valid_until, "salt": 2}


@pytest.mark.parametrize("change", [{"cap": 5 * USDC - 1}, {"valid_until": "sooner"}])
def test_a_running_allowance_cannot_be_lowered_at_once(paid, world, change):
    first = paid.allowance()
    paid.allow(first)
    if "valid_until" in change:
        change = {"valid_until": first.valid_until - 1}
    with reverts_with("AllowanceLowered", world.renter, first.cap, first.valid_until):
        paid.allow(paid.allowance(**{"valid_until": first.valid_until, "salt": 2, **change}))


def test_one_that_is_over_can_be_lowered(paid):
    paid.allow(paid.allowance(valid_until=now() + HOUR))
    brownie.chain.sleep(HOUR + 1)
    brownie.chain.mine()
    paid.allow(paid.allowance(salt=2, cap=1))
    assert allowance_of(paid)["cap"] == 1


def test_revoking_ends_it_after_the_delay(paid, world):
    paid.allow()
    tx = paid.contract.revokeAllowance(1, {"from": world.renter})
    told = event_of(tx, "AllowanceSet")
    assert told == {"renter": world.renter, "cap": 5 * USDC, "validUntil": now() + DELAY, "salt": 1}
    paid.settle_netted(paid.netted(paid.netted_job()))  # what was worked for meanwhile is paid
    brownie.chain.sleep(DELAY + 1)
    brownie.chain.mine()
    with reverts_with("AllowanceExceeded", world.renter, 0, 2 * PAY):
        paid.settle_netted(paid.netted(paid.netted_job(), number=2))


def test_revoking_never_prolongs(paid, world):
    soon = now() + HOUR
    paid.allow(paid.allowance(valid_until=soon))
    paid.contract.revokeAllowance(1, {"from": world.renter})
    assert allowance_of(paid)["validUntil"] == soon


def test_revoking_again_does_not_wait_anew(paid, world):
    paid.allow()
    paid.contract.revokeAllowance(1, {"from": world.renter})
    end = allowance_of(paid)["validUntil"]
    brownie.chain.sleep(HOUR)
    paid.contract.revokeAllowance(1, {"from": world.renter})
    assert allowance_of(paid)["validUntil"] == end


def test_revoking_voids_what_was_signed_and_not_registered(paid, world):
    later = paid.allowance(salt=9, cap=9 * USDC)
    paid.allow()
    paid.contract.revokeAllowance(9, {"from": world.renter})
    with reverts_with("AllowanceSaltUsed", world.renter, 9):
        paid.allow(later)


def test_a_lower_salt_when_revoking_brings_nothing_back(paid, world):
    paid.allow(paid.allowance(salt=5))
    paid.contract.revokeAllowance(2, {"from": world.renter})
    assert allowance_of(paid)["salt"] == 5


def test_revoking_what_never_was_allows_nothing(paid, world):
    paid.contract.revokeAllowance(3, {"from": world.renter})
    assert allowance_of(paid) == {**NOTHING, "salt": 3}
    with reverts_with("AllowanceExceeded", world.renter, 0, PAY):
        paid.settle_netted(paid.netted(paid.netted_job()))
